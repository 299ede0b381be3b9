package arch

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// docs/security.md names every module that is in a function, and none besides.
func TestModulesOfFunctions(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./functions/...")
	list.Dir = "../.."
	output, err := list.Output()
	require.NoError(t, err)
	const sdk = "github.com/aws/aws-sdk-go-v2"
	var in []string
	for _, path := range strings.Fields(string(output)) {
		if strings.HasPrefix(path, sdk+"/") {
			path = sdk
		}
		if path != module {
			in = append(in, path)
		}
	}
	slices.Sort(in)

	text, err := os.ReadFile("../../docs/security.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(text), "<!-- Modules of the functions. -->")
	require.True(t, found)
	table, _, found = strings.Cut(table, "<!-- End of the modules. -->")
	require.True(t, found)
	var named []string
	for _, m := range regexp.MustCompile("`([^`]+/[^`]+)`").FindAllStringSubmatch(table, -1) {
		named = append(named, m[1])
	}
	assert.ElementsMatch(t, slices.Compact(in), named)
}
