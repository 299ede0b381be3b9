package estate_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/estate"
)

// Each graph has a line of every fleet, in the region where its metric is, but for
// queues that CloudWatch does not know here.
func TestDashboard(t *testing.T) {
	const machines = "arn:aws:states:eu-west-1:111111111111:stateMachine:"
	body, err := estate.Dashboard([]estate.Watched{
		{
			Name: "a", Region: "eu-west-1", Account: "111111111111", Worker: machines + "a-worker", Autoscaler: machines + "a-autoscaler",
			QueueARN: "arn:aws:sqs:us-east-1:111111111111:orders", DeadLetterARN: "arn:aws:sqs:us-east-1:111111111111:dead",
		},
		{
			Name: "b", Region: "eu-west-1", Account: "111111111111", Worker: machines + "b-worker", Autoscaler: machines + "b-autoscaler",
			QueueARN: "arn:aws:sqs:eu-west-1:222222222222:theirs",
		},
	})
	require.NoError(t, err)
	var got struct {
		Widgets []struct {
			Type       string
			X, Y       int
			Properties struct {
				Markdown, Title string
				Metrics         [][]any
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	require.Len(t, got.Widgets, 7)
	assert.Equal(t, "The fleets of muster.yaml: a, b\n\nThe queue is another account's, which alone has its metrics: b", got.Widgets[0].Properties.Markdown)
	assert.Equal(t, [][]any{{
		"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "orders", map[string]any{"label": "a", "stat": "Maximum", "region": "us-east-1"},
	}}, got.Widgets[1].Properties.Metrics)
	assert.Equal(t, "Dead letters", got.Widgets[4].Properties.Title)
	assert.Equal(t, "dead", got.Widgets[4].Properties.Metrics[0][3])
	assert.Equal(t, "Ticks", got.Widgets[6].Properties.Title)
	assert.Equal(t, []any{
		"AWS/States", "ExecutionsSucceeded", "StateMachineArn", machines + "b-autoscaler", map[string]any{"label": "b done", "stat": "Sum", "region": "eu-west-1"},
	}, got.Widgets[6].Properties.Metrics[2])
	assert.Equal(t, []int{12, 16}, []int{got.Widgets[6].X, got.Widgets[6].Y})

	names, ours := estate.Shown(body)
	assert.True(t, ours)
	assert.Equal(t, []string{"a", "b"}, names)
	for _, other := range []string{`{"widgets":[]}`, `{"widgets":[{"type":"text","properties":{"markdown":"hello"}}]}`, "none"} {
		_, ours = estate.Shown(other)
		assert.False(t, ours, other)
	}
}
