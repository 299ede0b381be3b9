package scenario_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/scenario"
)

// history is an execution's history, event by event.
type history struct {
	events []types.HistoryEvent
	byID   map[int64]types.HistoryEvent
}

func historyOf(t *testing.T, f *scenario.Fleet, executionARN string) history {
	t.Helper()
	h := history{byID: map[int64]types.HistoryEvent{}}
	pages := sfn.NewGetExecutionHistoryPaginator(f.Executions, &sfn.GetExecutionHistoryInput{ExecutionArn: &executionARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		require.NoError(t, err)
		h.events = append(h.events, page.Events...)
	}
	for _, e := range h.events {
		h.byID[e.Id] = e
	}
	return h
}

// path is the names of the states in the order in which they were entered.
func (h history) path() string {
	var names []string
	for _, e := range h.events {
		if e.StateEnteredEventDetails != nil {
			names = append(names, *e.StateEnteredEventDetails.Name)
		}
	}
	return strings.Join(names, " > ")
}

// taken lists what of the definition the execution took.
func (h history) taken(t *testing.T, f *flow) []place {
	t.Helper()
	var all []place
	for _, e := range h.events {
		if e.StateEnteredEventDetails == nil {
			continue
		}
		to := *e.StateEnteredEventDetails.Name
		all = append(all, place{state: to})
		from, caught := h.before(e)
		if from == "" {
			continue
		}
		way, err := f.way(from, to, caught)
		require.NoError(t, err)
		all = append(all, way)
	}
	return all
}

// before is the state that led to the one that e enters, and the error that it
// ended with, if any. No state leads to the first of an execution or iteration.
func (h history) before(e types.HistoryEvent) (state, caught string) {
	for {
		e = h.byID[e.PreviousEventId]
		switch {
		case e.StateExitedEventDetails != nil:
			return *e.StateExitedEventDetails.Name, failureOf(h.byID[e.PreviousEventId])
		case e.Id == 0 || e.Type == types.HistoryEventTypeMapIterationStarted:
			return "", ""
		}
	}
}

func failureOf(e types.HistoryEvent) string {
	switch {
	case e.TaskFailedEventDetails != nil:
		return aws.ToString(e.TaskFailedEventDetails.Error)
	case e.TaskSubmitFailedEventDetails != nil:
		return aws.ToString(e.TaskSubmitFailedEventDetails.Error)
	case e.TaskTimedOutEventDetails != nil:
		return aws.ToString(e.TaskTimedOutEventDetails.Error)
	}
	return ""
}
