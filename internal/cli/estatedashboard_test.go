package cli

import (
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dashboard puts the dashboard over all fleets of dir's muster.yaml, which has the
// fleet mails, and one more that is not deployed.
func (f *standing) dashboard(dir string) {
	f.Helper()
	file := filepath.Join(dir, "muster.yaml")
	text, err := os.ReadFile(file)
	require.NoError(f, err)
	more := append(text[:len(text):len(text)], "  bills:\n    parameters:\n      ProcessHandler: "+processARN+"\n"...)
	require.NoError(f, os.WriteFile(file, more, 0o644))
	defer func() { require.NoError(f, os.WriteFile(file, text, 0o644)) }()

	p := f.in(dir, 2, "deploy", "--estate-dashboard")
	assert.Contains(f, p.stderr.String(), "muster: nobody is there to ask")
	p = f.in(dir, 0, "deploy", "--estate-dashboard", "--yes")
	assert.Equal(f, "dashboard muster shows mails\n", p.stdout.String())
	assert.Equal(f, "The fleet bills is not deployed: the dashboard leaves it out.\n", p.stderr.String())
	client := cloudwatch.NewFromConfig(f.stack.cfg)
	name := aws.String("muster")
	got, err := client.GetDashboard(f.Context(), &cloudwatch.GetDashboardInput{DashboardName: name})
	require.NoError(f, err)
	assert.Contains(f, *got.DashboardBody, `"The fleets of muster.yaml: mails"`)
	assert.Contains(f, *got.DashboardBody, `"NumberOfMessagesDeleted","QueueName","mails-Queue-`)

	_, err = client.PutDashboard(f.Context(), &cloudwatch.PutDashboardInput{DashboardName: name, DashboardBody: aws.String(`{"widgets":[]}`)})
	require.NoError(f, err)
	p = f.in(dir, 2, "deploy", "--estate-dashboard", "--yes")
	assert.Contains(f, p.stderr.String(), "muster: there is a dashboard muster that shows no fleets: it is replaced only with --force\n")
	_, err = client.PutDashboard(f.Context(), &cloudwatch.PutDashboardInput{
		DashboardName: name,
		DashboardBody: aws.String(`{"widgets":[{"type":"text","properties":{"markdown":"The fleets of muster.yaml: mails, theirs"}}]}`),
	})
	require.NoError(f, err)
	p = f.in(dir, 0, "deploy", "mails", "--estate-dashboard", "--yes", "--json")
	assert.Contains(f, p.stderr.String(), "Warning: the dashboard muster shows fleets too that are not among these, and would no longer: theirs\n")
	assert.Equal(f, &dashboardResult{"muster", "put", []string{"mails"}}, jsonLines[struct{ Dashboard *dashboardResult }](f.T, p)[0].Dashboard)
	p = f.in(dir, 2, "deploy", "--estate-dashboard", "--package-only", "x", "--bucket", "b")
	assert.Contains(f, p.stderr.String(), "--package-only deploys nothing: leave out --estate-dashboard")
}
