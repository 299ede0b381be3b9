package main_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	embedded "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/local/cloudformation"
)

// The examples of other tools are shown as they are, name parameters and outputs
// that the template has, and are well-formed where the tool is there to say so.
func TestDeploymentExamples(t *testing.T) {
	template, err := cloudformation.Parse("cloudformation/fleet.yaml", embedded.Fleet)
	require.NoError(t, err)
	known := map[string]bool{}
	for _, p := range template.Parameters {
		known[p.Name] = true
	}
	for _, o := range template.Outputs {
		known[o.Name] = true
	}
	text := documents(t)["../../docs/deploy.md"]
	for _, c := range []struct {
		path, language string
		// names finds the template's names in it.
		names *regexp.Regexp
		check []string
	}{
		{"../../docs/examples/terraform/main.tf", "hcl", regexp.MustCompile(`(?m)^    ([A-Z]\w+) +=|outputs\["(\w+)"\]`), []string{"terraform", "fmt", "-check"}},
		{"../../docs/examples/cdk/app.mjs", "js", regexp.MustCompile(`(?m)^    ([A-Z]\w+):|getOutput\('(\w+)'\)`), []string{"node", "--check"}},
	} {
		source, err := os.ReadFile(c.path)
		require.NoError(t, err)
		assert.Contains(t, text, "```"+c.language+"\n"+string(source)+"```\n", c.path)
		found := c.names.FindAllStringSubmatch(string(source), -1)
		assert.Len(t, found, 3, c.path)
		for _, m := range found {
			assert.True(t, known[m[1]+m[2]], "%s: the template has no %s", c.path, m[1]+m[2])
		}
		for _, pair := range []string{"{}", "()", "[]"} {
			assert.Equal(t, strings.Count(string(source), pair[:1]), strings.Count(string(source), pair[1:]), "%s: %s", c.path, pair)
		}
		if tool, err := exec.LookPath(c.check[0]); err == nil {
			output, err := exec.CommandContext(t.Context(), tool, append(c.check[1:], c.path)...).CombinedOutput()
			assert.NoError(t, err, "%s\n%s", c.path, output)
		}
	}
}
