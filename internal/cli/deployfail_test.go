package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What fails is named, and taken back: here a log group that is there already.
func TestDeployFails(t *testing.T) {
	t.Parallel()
	f := stand(t, folder(t, map[string]string{"h.sh": "#!/bin/sh\n"}), "--handler", "./h.sh")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "muster.yaml"), []byte("fleets:\n  mails:\n    parameters:\n      ProcessHandler: "+processARN+"\n"), 0o644))
	var answer struct{}
	status, err := callLogs(t.Context(), f.stack.cfg, "CreateLogGroup", map[string]string{"logGroupName": "/aws/lambda/mails-pump"}, &answer)
	require.NoError(t, err)
	require.Equal(t, 200, status)

	p := f.in(dir, 3, "deploy", "--yes", "--json")
	assert.Contains(t, p.stderr.String(), "muster: the stack mails is ROLLBACK_COMPLETE: PumpLogs (AWS::Logs::LogGroup) CREATE_FAILED: ")
	assert.Contains(t, p.stderr.String(), "All that was made was taken back.")
	got := jsonLines[struct{ Fleets []deployment }](t, p)[0].Fleets[0]
	assert.Equal(t, "failed", got.Outcome)
	f.in(dir, 0, "destroy", "mails", "--yes")
}
