package function

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/musterq/muster/internal/autoscaler"
)

// outputKey is the context's key of where a function's lines go.
type outputKey struct{}

// LogTo has a function write its lines elsewhere than to standard output, which
// Lambda takes to its log.
func LogTo(ctx context.Context, w io.Writer) context.Context {
	return context.WithValue(ctx, outputKey{}, w)
}

func output(ctx context.Context) io.Writer {
	if w, ok := ctx.Value(outputKey{}).(io.Writer); ok {
		return w
	}
	return os.Stdout
}

// Names of the metrics that the template's alarms read, in [Namespace] by Fleet.
const (
	Namespace        = "Muster"
	StarvedMetric    = "Starved"
	AtCapMetric      = "AtCap"
	OverBudgetMetric = "OverBudget"
)

// telling has ticks write as metrics whether something is wrong. A fleet that is
// idle writes nothing: a metric costs for each hour that it has a value in. One that
// is not writes that nothing is wrong too: an alarm looks back beyond values that
// are missing, and would take moments for a state that lasts.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
func telling(fleet string, tick func(context.Context, autoscaler.Input) (autoscaler.Output, error)) func(context.Context, autoscaler.Input) (autoscaler.Output, error) {
	return func(ctx context.Context, in autoscaler.Input) (autoscaler.Output, error) {
		out, err := tick(ctx, in)
		if err != nil {
			return out, err
		}
		values := map[string]int{}
		if out.Active {
			values[StarvedMetric], values[AtCapMetric] = number(out.Starved), number(out.AtCap)
		}
		if out.OverBudget {
			values[OverBudgetMetric] = 1
		}
		if line := embedded(fleet, time.Now(), values); line != nil {
			if _, err := fmt.Fprintf(output(ctx), "%s\n", line); err != nil {
				out.Reason += "; metrics were not written: " + err.Error()
			}
		}
		return out, nil
	}
}

func number(truth bool) int {
	if truth {
		return 1
	}
	return 0
}

// embedded is a line of the embedded metric format. Nil if there are no values.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func embedded(fleet string, now time.Time, values map[string]int) []byte {
	line := map[string]any{"Fleet": fleet}
	metrics := []map[string]string{}
	for _, name := range []string{StarvedMetric, AtCapMetric, OverBudgetMetric} {
		if value, ok := values[name]; ok {
			line[name] = value
			metrics = append(metrics, map[string]string{"Name": name, "Unit": "Count"})
		}
	}
	if len(metrics) == 0 {
		return nil
	}
	line["_aws"] = map[string]any{
		"Timestamp":         now.UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{"Namespace": Namespace, "Dimensions": [][]string{{"Fleet"}}, "Metrics": metrics}},
	}
	// Texts, numbers and lists of them always encode.
	encoded, _ := json.Marshal(line)
	return encoded
}
