package logs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// DescribeLogStreamsInput selects streams.
type DescribeLogStreamsInput struct {
	LogGroupName        string `json:"logGroupName"`
	LogGroupIdentifier  string `json:"logGroupIdentifier"`
	LogStreamNamePrefix string `json:"logStreamNamePrefix"`
	// OrderBy is LogStreamName, the default, or LastEventTime.
	OrderBy    string `json:"orderBy"`
	Descending bool   `json:"descending"`
	Limit      int    `json:"limit"`
	NextToken  string `json:"nextToken"`
}

// DescribeLogStreamsOutput is a page of streams.
type DescribeLogStreamsOutput struct {
	LogStreams []DescribedStream `json:"logStreams"`
	NextToken  string            `json:"nextToken,omitempty"`
}

// DescribedStream is a log stream as it is now. Times are in milliseconds since
// 1970; one without events has none.
type DescribedStream struct {
	ARN                 string `json:"arn"`
	LogStreamName       string `json:"logStreamName"`
	CreationTime        int64  `json:"creationTime"`
	FirstEventTimestamp int64  `json:"firstEventTimestamp,omitempty"`
	LastEventTimestamp  int64  `json:"lastEventTimestamp,omitempty"`
	LastIngestionTime   int64  `json:"lastIngestionTime,omitempty"`
	UploadSequenceToken string `json:"uploadSequenceToken,omitempty"`
	StoredBytes         int    `json:"storedBytes"`
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html
func (s *Service) describeLogStreams(_ context.Context, _ api.Caller, in *DescribeLogStreamsInput) (*DescribeLogStreamsOutput, error) {
	limit, err := pageSize(in.Limit, describePage)
	if err != nil {
		return nil, err
	}
	byTime := in.OrderBy == "LastEventTime"
	switch {
	case !byTime && in.OrderBy != "" && in.OrderBy != "LogStreamName":
		return nil, invalid("1 validation error detected: Value '%s' at 'orderBy' failed to satisfy constraint: Member must satisfy enum value set: [LogStreamName, LastEventTime]", in.OrderBy)
	case byTime && in.LogStreamNamePrefix != "":
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, err := s.find(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	var streams []*stream
	for _, st := range g.streams {
		if strings.HasPrefix(st.name, in.LogStreamNamePrefix) {
			streams = append(streams, st)
		}
	}
	slices.SortFunc(streams, func(a, b *stream) int {
		order := cmp.Compare(a.name, b.name)
		if byTime {
			order = cmp.Or(cmp.Compare(a.last, b.last), order)
		}
		if in.Descending {
			return -order
		}
		return order
	})
	from, to, next, err := page(len(streams), limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &DescribeLogStreamsOutput{LogStreams: []DescribedStream{}, NextToken: next}
	for _, st := range streams[from:to] {
		out.LogStreams = append(out.LogStreams, DescribedStream{
			ARN: strings.TrimSuffix(g.ARN, "*") + "log-stream:" + st.name, LogStreamName: st.name, CreationTime: st.created.UnixMilli(),
			FirstEventTimestamp: st.first, LastEventTimestamp: st.last, LastIngestionTime: st.ingested,
		})
	}
	return out, nil
}

// page is a part of a list, by a token that says where it begins.
func page(length, limit int, token string) (from, to int, next string, err error) {
	if token != "" {
		if from, err = strconv.Atoi(token); err != nil || from < 0 {
			return 0, 0, "", invalid("The specified nextToken is invalid.")
		}
	}
	from = min(from, length)
	if to = min(from+limit, length); to < length {
		next = strconv.Itoa(to)
	}
	return from, to, next, nil
}

const (
	// mostRead is how many events one answer has at most.
	mostRead = 10_000
	// mostReadBytes is how large it is at most.
	mostReadBytes = 1 << 20
)

// FilterLogEventsInput selects events of a group.
type FilterLogEventsInput struct {
	LogGroupName        string   `json:"logGroupName"`
	LogGroupIdentifier  string   `json:"logGroupIdentifier"`
	LogStreamNames      []string `json:"logStreamNames"`
	LogStreamNamePrefix string   `json:"logStreamNamePrefix"`
	// StartTime and EndTime in milliseconds since 1970, the second not included.
	StartTime *int64 `json:"startTime"`
	EndTime   *int64 `json:"endTime"`
	// FilterPattern of words, see [parsePattern].
	FilterPattern string `json:"filterPattern"`
	Interleaved   *bool  `json:"interleaved"`
	Limit         int    `json:"limit"`
	NextToken     string `json:"nextToken"`
}

// FilterLogEventsOutput is a page of events, in the order of their times.
type FilterLogEventsOutput struct {
	Events             []FilteredEvent `json:"events"`
	SearchedLogStreams []struct{}      `json:"searchedLogStreams"`
	NextToken          string          `json:"nextToken,omitempty"`
}

// FilteredEvent is an event with its stream.
type FilteredEvent struct {
	EventID       string `json:"eventId"`
	LogStreamName string `json:"logStreamName"`
	Message       string `json:"message"`
	Timestamp     int64  `json:"timestamp"`
	IngestionTime int64  `json:"ingestionTime"`
}

// filterLogEvents reads a group. A token names the last event that was read, so
// that those that came later follow it.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
func (s *Service) filterLogEvents(_ context.Context, _ api.Caller, in *FilterLogEventsInput) (*FilterLogEventsOutput, error) {
	limit, err := pageSize(in.Limit, mostRead)
	if err != nil {
		return nil, err
	}
	matches, err := parsePattern(in.FilterPattern)
	if err != nil {
		return nil, err
	}
	if in.LogStreamNames != nil && in.LogStreamNamePrefix != "" {
		return nil, invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	g.expire()
	events := g.selected(in.StartTime, in.EndTime, func(e *event) bool {
		return (in.LogStreamNames == nil || slices.Contains(in.LogStreamNames, e.stream)) && strings.HasPrefix(e.stream, in.LogStreamNamePrefix) && matches(e.message)
	})
	if in.NextToken != "" {
		at, id, err := position(in.NextToken)
		if err != nil {
			return nil, err
		}
		events = slices.DeleteFunc(events, func(e *event) bool { return cmp.Or(cmp.Compare(e.at, at), cmp.Compare(e.id, id)) <= 0 })
	}
	out := &FilterLogEventsOutput{Events: []FilteredEvent{}, SearchedLogStreams: []struct{}{}}
	bytes := 0
	for i, e := range events {
		if bytes += len(e.message) + Overhead; i > 0 && (i == limit || bytes > mostReadBytes) {
			out.NextToken = fmt.Sprintf("%d/%d", events[i-1].at, events[i-1].id)
			break
		}
		out.Events = append(out.Events, FilteredEvent{fmt.Sprintf("%056d", e.id), e.stream, e.message, e.at, e.came})
	}
	return out, nil
}

// position is where a token says that reading goes on.
func position(token string) (at int64, id uint64, err error) {
	if _, err := fmt.Sscanf(token, "%d/%d", &at, &id); err != nil {
		return 0, 0, invalid("The specified nextToken is invalid.")
	}
	return at, id, nil
}

// selected are the group's events of some time that are wanted, by their times.
func (g *group) selected(from, to *int64, wanted func(*event) bool) []*event {
	var events []*event
	for i := range g.events {
		e := &g.events[i]
		if (from == nil || e.at >= *from) && (to == nil || e.at < *to) && wanted(e) {
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(a, b *event) int { return cmp.Compare(a.at, b.at) })
	return events
}

// GetLogEventsInput selects events of a stream.
type GetLogEventsInput struct {
	LogGroupName       string `json:"logGroupName"`
	LogGroupIdentifier string `json:"logGroupIdentifier"`
	LogStreamName      string `json:"logStreamName"`
	StartTime          *int64 `json:"startTime"`
	EndTime            *int64 `json:"endTime"`
	Limit              int    `json:"limit"`
	StartFromHead      bool   `json:"startFromHead"`
	NextToken          string `json:"nextToken"`
}

// GetLogEventsOutput is a page of events. The tokens are always there: at the end
// of the stream a token comes back as it was given.
type GetLogEventsOutput struct {
	Events            []OutputEvent `json:"events"`
	NextForwardToken  string        `json:"nextForwardToken"`
	NextBackwardToken string        `json:"nextBackwardToken"`
}

// OutputEvent is an event of a stream.
type OutputEvent struct {
	IngestionTime int64  `json:"ingestionTime"`
	Message       string `json:"message"`
	Timestamp     int64  `json:"timestamp"`
}

// getLogEvents reads a stream, from its end unless told otherwise. Tokens count
// the events from the head: "f/<from>" reads on from there, "b/<to>" backward.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
func (s *Service) getLogEvents(_ context.Context, _ api.Caller, in *GetLogEventsInput) (*GetLogEventsOutput, error) {
	limit, err := pageSize(in.Limit, mostRead)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if g.streams[in.LogStreamName] == nil {
		return nil, noStream()
	}
	g.expire()
	events := g.selected(in.StartTime, in.EndTime, func(e *event) bool { return e.stream == in.LogStreamName })
	from := 0
	if !in.StartFromHead {
		from = max(0, len(events)-limit)
	}
	to := min(from+limit, len(events))
	if in.NextToken != "" {
		kind, number, _ := strings.Cut(in.NextToken, "/")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || kind != "f" && kind != "b" {
			return nil, invalid("The specified nextToken is invalid.")
		}
		n = min(n, len(events))
		if from, to = n, min(n+limit, len(events)); kind == "b" {
			from, to = max(0, n-limit), n
		}
	}
	out := &GetLogEventsOutput{Events: []OutputEvent{}, NextForwardToken: fmt.Sprintf("f/%d", to), NextBackwardToken: fmt.Sprintf("b/%d", from)}
	for _, e := range events[from:to] {
		out.Events = append(out.Events, OutputEvent{e.came, e.message, e.at})
	}
	return out, nil
}
