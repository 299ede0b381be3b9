package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/rollout"
)

// A release whose roles may call no versions of functions comes once nobody runs
// them.
func TestBackToNoVersions(t *testing.T) {
	t.Parallel()
	f := stand(t, folder(t, map[string]string{"h.sh": "#!/bin/sh\n"}), "--handler", "./h.sh")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "muster.yaml"), []byte("fleets:\n  mails:\n    parameters:\n      ProcessHandler: "+processARN+"\n      MinWorkers: 1\n      Lane: steps\n"), 0o644))
	f.in(dir, 0, "deploy", "--yes")
	client := &rollout.Client{API: cloudformation.NewFromConfig(f.stack.cfg)}
	find := func() *rollout.Stack {
		s, err := client.Find(t.Context(), "mails")
		require.NoError(t, err)
		return s
	}
	now, err := client.Current(t.Context(), find())
	require.NoError(t, err)
	require.NotEmpty(t, now.Parameters[codeVersionParameter])

	// It has this release's code.
	before, err := os.ReadFile("../upgrade/testdata/fleet.yaml")
	require.NoError(t, err)
	text := strings.ReplaceAll(string(before), "[arm64]", "["+now.Parameters[architectureParameter]+"]")
	for _, place := range regexp.MustCompile(`\{(?:S3)?Bucket: [^,]+, (?:S3)?Key: code/([a-z]+)-[0-9a-f]+(\.[a-z.]+)\}`).FindAllStringSubmatch(now.Template, -1) {
		local := "../build/" + place[1]
		if place[2] == ".asl.json" {
			local = "../asl/" + place[1] + place[2]
		}
		text = strings.ReplaceAll(text, local+"\n", place[0]+"\n")
	}
	store := rollout.NewStore(f.stack.cfg, "123456789012", rollout.BucketName("123456789012", f.stack.cfg.Region))
	require.NoError(t, store.Keep(t.Context(), rollout.Release{
		Stack: "mails", At: time.Now().Add(-time.Hour), Template: text,
		Parameters: map[string]string{"ProcessHandler": processARN, "MinWorkers": "1", "Lane": "steps"}, Tags: now.Tags,
	}))

	p := f.in(dir, 0, "upgrade", "mails", "--back", "--yes", "--patience", "90s")
	assert.Contains(t, p.stderr.String(), "\nThe roles of that release may call no versions of functions: first all workers are brought to what calls none.\n")
	assert.Equal(t, 2, strings.Count(p.stderr.String(), "The ticks succeed and 1 workers run the new definition.\n"), p.stderr.String())
	assert.NotContains(t, find().Parameters, codeVersionParameter)

	f.in(dir, 0, "upgrade", "mails", "--back", "--yes", "--patience", "90s")
	again, err := client.Current(t.Context(), find())
	require.NoError(t, err)
	assert.True(t, now.Same(again), "a second --back undoes the first")
}
