package estate

import (
	"encoding/json"
	"strings"
)

// Watched is a fleet as a dashboard shows it.
type Watched struct {
	Name string
	// Region and Account of the fleet's stack.
	Region, Account string
	// QueueARN of its queue. DeadLetterARN is empty where there is none.
	QueueARN, DeadLetterARN string
	// Worker and Autoscaler are the ARNs of its state machines.
	Worker, Autoscaler string
}

// dashboardMark begins the text by which a dashboard is known for an estate's.
const dashboardMark = "The fleets of " + FileName + ": "

// Widgets stand two in a row of the grid's 24 columns.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
const (
	widgetColumns = 2
	widgetWidth   = 24 / widgetColumns
	widgetHeight  = 7
	headHeight    = 2
)

// Dashboard is the body of a CloudWatch dashboard over all fleets, a line for each
// in every graph. It shows only what AWS measures anyway: nothing of it costs more
// than the dashboard. Queues of other accounts are not in it, for CloudWatch knows
// a queue in its own account alone.
func Dashboard(fleets []Watched) (string, error) {
	var names, elsewhere []string
	for _, f := range fleets {
		names = append(names, f.Name)
		if accountOf(f.QueueARN) != f.Account {
			elsewhere = append(elsewhere, f.Name)
		}
	}
	text := dashboardMark + strings.Join(names, ", ")
	if len(elsewhere) > 0 {
		text += "\n\nThe queue is another account's, which alone has its metrics: " + strings.Join(elsewhere, ", ")
	}
	widgets := []any{map[string]any{
		"type": "text", "x": 0, "y": 0, "width": 24, "height": headHeight, "properties": map[string]any{"markdown": text},
	}}
	for i, g := range graphs {
		lines := [][]any{}
		for _, f := range fleets {
			lines = append(lines, g.of(f)...)
		}
		if len(lines) == 0 {
			// A graph of nothing is refused.
			continue
		}
		widgets = append(widgets, map[string]any{
			"type": "metric", "x": i % widgetColumns * widgetWidth, "y": headHeight + i/widgetColumns*widgetHeight, "width": widgetWidth, "height": widgetHeight,
			"properties": map[string]any{"title": g.title, "region": fleets[0].Region, "period": 60, "metrics": lines},
		})
	}
	body, err := json.Marshal(map[string]any{"widgets": widgets})
	return string(body), err
}

// Shown are the fleets that a dashboard shows. False if it is none that
// [Dashboard] made.
func Shown(body string) ([]string, bool) {
	var dashboard struct {
		Widgets []struct {
			Properties struct {
				Markdown string `json:"markdown"`
			} `json:"properties"`
		} `json:"widgets"`
	}
	if err := json.Unmarshal([]byte(body), &dashboard); err != nil || len(dashboard.Widgets) == 0 {
		return nil, false
	}
	first, _, _ := strings.Cut(dashboard.Widgets[0].Properties.Markdown, "\n")
	names, ok := strings.CutPrefix(first, dashboardMark)
	if !ok {
		return nil, false
	}
	return strings.Split(names, ", "), true
}

// graph is one metric of all fleets.
type graph struct {
	title string
	// of is its lines of a fleet.
	of func(Watched) [][]any
}

var graphs = []graph{
	{"Messages waiting", queueMetric("ApproximateNumberOfMessagesVisible", "Maximum", queueOf)},
	{"Age of the oldest message, seconds", queueMetric("ApproximateAgeOfOldestMessage", "Maximum", queueOf)},
	{"Messages handled, a minute", queueMetric("NumberOfMessagesDeleted", "Sum", queueOf)},
	{"Dead letters", queueMetric("ApproximateNumberOfMessagesVisible", "Maximum", deadLetterQueueOf)},
	{"Workers' executions", func(w Watched) [][]any {
		return [][]any{
			machineMetric(w, "ExecutionsStarted", w.Worker, "started"),
			machineMetric(w, "ExecutionsFailed", w.Worker, "failed"),
		}
	}},
	{"Ticks", func(w Watched) [][]any {
		return [][]any{
			machineMetric(w, "ExecutionsSucceeded", w.Autoscaler, "done"),
			machineMetric(w, "ExecutionsFailed", w.Autoscaler, "failed"),
		}
	}},
}

func queueOf(w Watched) string           { return w.QueueARN }
func deadLetterQueueOf(w Watched) string { return w.DeadLetterARN }

// queueMetric is a line of a queue, in the queue's region.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
func queueMetric(name, stat string, queue func(Watched) string) func(Watched) [][]any {
	return func(w Watched) [][]any {
		arn := queue(w)
		if accountOf(arn) != w.Account {
			return nil
		}
		part := strings.Split(arn, ":")
		return [][]any{{"AWS/SQS", name, "QueueName", part[5], map[string]any{"label": w.Name, "stat": stat, "region": part[3]}}}
	}
}

// machineMetric is a line of a state machine.
// https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
func machineMetric(w Watched, name, machine, what string) []any {
	return []any{"AWS/States", name, "StateMachineArn", machine, map[string]any{"label": w.Name + " " + what, "stat": "Sum", "region": w.Region}}
}

// accountOf an ARN. Empty for what is none.
func accountOf(arn string) string {
	if part := strings.Split(arn, ":"); len(part) >= 6 {
		return part[4]
	}
	return ""
}
