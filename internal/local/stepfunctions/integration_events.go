package stepfunctions

import (
	"context"
	"maps"
	"slices"
)

// putEvents is arn:aws:states:::events:putEvents.
// See https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html.
type putEvents struct{ s *Service }

func (p putEvents) call(ctx context.Context, j *job) (answer, *failure) {
	fields, _ := j.parameters.(map[string]any)
	entries, ok := fields["Entries"].([]any)
	if !ok {
		return answer{}, unusable(j.parameters, "Entries")
	}
	// Step Functions adds the execution and its state machine to what an entry
	// says it is about.
	marked := make([]any, len(entries))
	for i, e := range entries {
		entry, ok := e.(map[string]any)
		if !ok {
			return answer{}, unusable(j.parameters, "Entries")
		}
		entry = maps.Clone(entry)
		resources, _ := entry["Resources"].([]any)
		entry["Resources"] = append(slices.Clone(resources), j.caller.Execution, p.s.machineOf(j.caller.Execution))
		marked[i] = entry
	}
	r := routed{s: p.s, service: "events", operation: "PutEvents", dialect: eventsDialect, metadata: true, texts: []string{"Detail"}}
	result, f := r.call(ctx, &job{caller: j.caller, parameters: map[string]any{"Entries": marked}})
	if f != nil {
		return answer{}, f
	}
	answered, _ := result.value.(map[string]any)
	if n, _ := answered["FailedEntryCount"].(int64); n > 0 {
		return answer{}, failed("EventBridge.FailedEntry", "%s", encoded(result.whole()))
	}
	return result, nil
}
