package scenario_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/scenario"
)

// A table that was lost, or that is put back as it was some time ago, while
// nothing runs, as docs/operations.md says: all messages are handled, the cap
// holds, and no slot stays taken.
func TestTheTableIsExchanged(t *testing.T) {
	for name, restored := range map[string]bool{"lost": false, "restored": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := scenario.Start(t, scenario.Options{Process: scenario.Takes(8 * time.Second)})
				defer f.Close()
				f.SendMany(3000)
				f.Within(3*time.Minute, never)
				backup := scan(t, f)
				require.NotEmpty(t, f.Workers())
				f.Within(2*time.Minute, never)

				ticking(t, f, false)
				for _, x := range f.WorkerExecutions() {
					if x.Status == sfntypes.ExecutionStatusRunning {
						f.Stop(*x.ExecutionArn)
					}
				}
				f.Within(10*time.Second+3*time.Minute, never)
				client, table := dynamodb.NewFromConfig(f.Config()), aws.String(f.Output("TableName"))
				for _, item := range scan(t, f) {
					key := map[string]types.AttributeValue{"Fleet": item["Fleet"], "Item": item["Item"]}
					_, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: table, Key: key})
					require.NoError(t, err)
				}
				if restored {
					for _, item := range backup {
						_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: table, Item: item})
						require.NoError(t, err)
					}
				}
				ticking(t, f, true)

				f.UntilDone(time.Hour)
				f.NothingLost()
				assert.Empty(t, f.Workers(), "slots that stay taken")
				assert.LessOrEqual(t, f.Peak(), 4)
			})
		})
	}
}

// scan reads the registry's table.
func scan(t *testing.T, f *scenario.Fleet) []map[string]types.AttributeValue {
	t.Helper()
	var all []map[string]types.AttributeValue
	pages := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(f.Config()), &dynamodb.ScanInput{TableName: aws.String(f.Output("TableName"))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		all = append(all, page.Items...)
	}
	return all
}

// ticking switches the fleet's rules on or off, as the parameter Enabled does.
func ticking(t *testing.T, f *scenario.Fleet, on bool) {
	t.Helper()
	events := eventbridge.NewFromConfig(f.Config())
	resources, err := cloudformation.NewFromConfig(f.Config()).DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: aws.String("jobs")})
	require.NoError(t, err)
	rules := 0
	for _, r := range resources.StackResources {
		if aws.ToString(r.ResourceType) != "AWS::Events::Rule" {
			continue
		}
		rules++
		if on {
			_, err = events.EnableRule(t.Context(), &eventbridge.EnableRuleInput{Name: r.PhysicalResourceId})
		} else {
			_, err = events.DisableRule(t.Context(), &eventbridge.DisableRuleInput{Name: r.PhysicalResourceId})
		}
		require.NoError(t, err)
	}
	require.Equal(t, 3, rules)
}
