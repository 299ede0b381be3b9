package main_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	embedded "github.com/musterq/muster/cloudformation"
)

// section is what a document has below a heading, up to the next one of its level.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, found, ok := strings.Cut(text, "\n"+heading+"\n")
	require.True(t, ok, heading)
	level, _, _ := strings.Cut(heading, " ")
	found, _, _ = strings.Cut(found, "\n"+level+" ")
	return found
}

// anchors are where links into a document can lead, as GitHub makes them of
// headings.
func anchors(text string) []string {
	var found []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		found = append(found, strings.ReplaceAll(name, " ", "-"))
	}
	return found
}

// Every alarm has its section, by the name that its text links to, and every
// section its alarm.
func TestAlarmsHaveSections(t *testing.T) {
	text := documents(t)["../../docs/operations.md"]
	linked := map[string]bool{}
	for _, m := range regexp.MustCompile(`docs/operations\.md#([a-z-]+)`).FindAllStringSubmatch(string(embedded.Fleet), -1) {
		linked[m[1]] = true
	}
	require.Len(t, linked, 6)
	alarms := section(t, text, "## Alarms")
	assert.ElementsMatch(t, slices.Collect(maps.Keys(linked)), anchors(alarms))
	for _, part := range strings.Split(alarms, "\n### ")[1:] {
		name, _, _ := strings.Cut(part, "\n")
		assert.Contains(t, part, "\n**Rings** when ", name)
		assert.Contains(t, part, "\n1. ", name)
		assert.Contains(t, part, "\n**Ends** ", name)
	}
}

// Every cause that explain knows of is explained.
func TestCausesAreExplained(t *testing.T) {
	var causes []string
	for _, m := range regexp.MustCompile(`(?m)^  (\w+(?: \w+)*)  +\w`).FindAllStringSubmatch(help(t, "explain"), -1) {
		causes = append(causes, m[1])
	}
	require.Greater(t, len(causes), 20)
	text := section(t, documents(t)["../../docs/operations.md"], "## Causes")
	var explained []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([a-z ]+) \|`).FindAllStringSubmatch(text, -1) {
		explained = append(explained, m[1])
	}
	_, harmless, _ := strings.Cut(text, "\nOf the others, ")
	for _, m := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(harmless, -1) {
		explained = append(explained, m[1])
	}
	require.Equal(t, "cause", explained[0], "the table's head")
	assert.Equal(t, causes, explained[1:])
}

// Verbs and flags that documents name are there.
func TestVerbsAreThere(t *testing.T) {
	verbs := regexp.MustCompile(`(?m)^  ([a-z]+) {2,}`).FindAllStringSubmatch(help(t), -1)
	require.Greater(t, len(verbs), 20)
	flags := map[string]string{}
	for _, m := range verbs {
		if m[1] != "help" {
			flags[m[1]] = help(t, m[1])
		}
	}
	for _, sub := range []string{"ls", "show", "edit", "redrive", "purge"} {
		flags["dlq"] += help(t, "dlq", sub)
	}
	for path, text := range documents(t) {
		for _, m := range regexp.MustCompile("`muster ([a-z]+)([^`|]*)`").FindAllStringSubmatch(text, -1) {
			known, ok := flags[m[1]]
			if !assert.True(t, ok, "%s: %s", path, m[0]) {
				continue
			}
			for _, flag := range regexp.MustCompile(` (--[a-z-]+)`).FindAllStringSubmatch(m[2], -1) {
				assert.Contains(t, known, flag[1], "%s: %s", path, m[0])
			}
		}
	}
}
