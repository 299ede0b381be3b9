package stepfunctions

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// endMetrics are the metrics of executions that ended.
// https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
var endMetrics = map[status]string{
	statusSucceeded: "ExecutionsSucceeded", statusFailed: "ExecutionsFailed", statusTimedOut: "ExecutionsTimedOut", statusAborted: "ExecutionsAborted",
}

// measure tells of a metric of the execution's state machine.
func (x *execution) measure(name string, value float64) {
	if tell := x.service.options.Metric; tell != nil {
		tell(name, x.machine.arn, value)
	}
}

// measureEnd tells of an execution that has ended.
func (x *execution) measureEnd() {
	x.measure(endMetrics[x.status], 1)
	x.measure("ExecutionTime", float64(x.stopped.Sub(x.started))/float64(time.Millisecond))
}

// logged says whether a level of logging has events of a kind.
// https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-log-level
func logged(level string, k eventKind) bool {
	failure := strings.HasSuffix(string(k), "Failed") || strings.HasSuffix(string(k), "TimedOut") || strings.HasSuffix(string(k), "Aborted")
	switch level {
	case "ALL":
		return true
	case "ERROR":
		return failure || k == "FailStateEntered"
	case "FATAL":
		return failure && strings.HasPrefix(string(k), "Execution")
	}
	return false
}

// check refuses a logging configuration that AWS refuses.
//
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_LoggingConfiguration.html
func (c *loggingConfiguration) check() error {
	switch {
	case c == nil:
		return nil
	case !slices.Contains([]string{"", "ALL", "ERROR", "FATAL", "OFF"}, c.Level):
		return api.Errorf("ValidationException", "1 validation error detected: Value '%s' at 'loggingConfiguration.level' failed to satisfy constraint: Member must satisfy enum value set: [ALL, FATAL, ERROR, OFF]", c.Level)
	case len(c.Destinations) == 0 && (c.Level == "" || c.Level == "OFF"):
		return nil
	case len(c.Destinations) != 1:
		return api.Errorf("InvalidLoggingConfiguration", "Invalid Logging Configuration: Must specify exactly one Log Destination.")
	}
	d := c.Destinations[0].CloudWatchLogsLogGroup
	if d == nil || !strings.Contains(d.LogGroupArn, ":log-group:") || !strings.HasSuffix(d.LogGroupArn, ":*") {
		return api.Errorf("InvalidLoggingConfiguration", "Invalid Logging Configuration: The Log Destination must be the ARN of a log group that ends with :*")
	}
	return nil
}

// logRecord is a log event of an execution, whose numbers are texts.
// https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
type logRecord struct {
	ID              string          `json:"id"`
	Type            eventKind       `json:"type"`
	Details         json.RawMessage `json:"details"`
	PreviousEventID string          `json:"previous_event_id"`
	EventTimestamp  string          `json:"event_timestamp"`
	ExecutionARN    string          `json:"execution_arn"`
	RedriveCount    string          `json:"redrive_count"`
}

// log writes an event to the log groups of the state machine, if its level has
// it. Execution.mu must be held.
func (x *execution) log(e event) {
	logging := x.revision.logging
	if x.service.options.Log == nil || !logged(logging.Level, e.kind) {
		return
	}
	details, err := x.details(&e, logging.IncludeExecutionData)
	if err != nil {
		details = json.RawMessage("{}")
	}
	// Texts always encode.
	line, _ := json.Marshal(logRecord{
		ID: strconv.FormatInt(x.count, 10), Type: e.kind, Details: details, PreviousEventID: strconv.FormatInt(e.previous, 10),
		EventTimestamp: strconv.FormatInt(e.at, 10), ExecutionARN: x.arn, RedriveCount: "0",
	})
	for _, d := range logging.Destinations {
		if d.CloudWatchLogsLogGroup == nil {
			continue
		}
		if _, name, ok := strings.Cut(d.CloudWatchLogsLogGroup.LogGroupArn, ":log-group:"); ok {
			x.service.options.Log(strings.TrimSuffix(name, ":*"), x.logStream(), line)
		}
	}
}

// details are those of the event's kind. Without data they are neither input nor
// output; errors and their causes they always are.
func (x *execution) details(e *event, data bool) (json.RawMessage, error) {
	h := x.render(e, x.count, data)
	if h.TaskScheduled != nil && !data {
		h.TaskScheduled.Parameters = ""
	}
	encoded, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode a log event: %w", err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &members); err != nil {
		return nil, fmt.Errorf("encode a log event: %w", err)
	}
	for name, details := range members {
		if strings.HasSuffix(name, "EventDetails") {
			return details, nil
		}
	}
	return json.RawMessage("{}"), nil
}

// logStream is where the execution logs: executions of some minutes share one.
func (x *execution) logStream() string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(x.machine.arn)) // never fails
	return fmt.Sprintf("states/%s/%s/%08x", x.machine.name, x.started.UTC().Truncate(5*time.Minute).Format("2006-01-02-15-04"), h.Sum32())
}
