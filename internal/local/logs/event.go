package logs

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// What a group keeps at most, whatever its retention: the oldest goes first.
const (
	mostEvents = 20_000
	mostBytes  = 16 << 20
)

// group is a log group with what is in it. Service.mu guards it.
type group struct {
	Group
	streams map[string]*stream
	// events in the order in which they came, of all streams.
	events []event
	bytes  int
}

// stream is a log stream: what came of one environment of a function, or of one
// state machine's executions in some minutes.
type stream struct {
	name        string
	created     time.Time
	first, last int64
	ingested    int64
}

// event is a log event.
type event struct {
	id     uint64
	stream string
	// at is when it happened, came when it was ingested, in milliseconds since 1970.
	at, came int64
	message  string
}

// Write keeps an event that happens now. A group or stream that does not exist is
// made, as functions and state machines do that are allowed to.
func (s *Service) Write(groupName, streamName string, message []byte) {
	now := time.Now()
	s.mu.Lock()
	g := s.groups[groupName]
	if g == nil {
		g = s.newGroup(groupName)
		s.groups[groupName] = g
	}
	if g.streams[streamName] == nil {
		g.streams[streamName] = &stream{name: streamName, created: now}
	}
	s.append(g, streamName, now, now.UnixMilli(), string(message))
	s.mu.Unlock()
	if s.watch != nil {
		s.watch(groupName, message)
	}
}

// append adds an event to a stream that exists. The caller holds s.mu.
func (s *Service) append(g *group, streamName string, now time.Time, at int64, message string) {
	s.written++
	g.events = append(g.events, event{s.written, streamName, at, now.UnixMilli(), message})
	g.bytes += len(message)
	st := g.streams[streamName]
	if st.ingested == 0 || at < st.first {
		st.first = at
	}
	st.last, st.ingested = max(st.last, at), now.UnixMilli()
	if len(g.events) > mostEvents || g.bytes > mostBytes {
		g.drop(now, len(g.events)*3/4, mostBytes*3/4)
	}
}

// drop drops what is too old, and the oldest until there are no more than so many
// events and bytes. Streams stay.
func (g *group) drop(now time.Time, events, bytes int) {
	oldest := int64(0)
	if g.RetentionInDays > 0 {
		oldest = now.AddDate(0, 0, -g.RetentionInDays).UnixMilli()
	}
	n := 0
	for n < len(g.events) && (len(g.events)-n > events || g.bytes > bytes || g.events[n].at < oldest) {
		g.bytes -= len(g.events[n].message)
		n++
	}
	g.events = slices.Clone(g.events[n:])
}

// expire drops what the group need not keep any more.
func (g *group) expire() {
	if g.RetentionInDays > 0 {
		g.drop(time.Now(), mostEvents, mostBytes)
	}
}

// StreamInput names a log stream.
type StreamInput struct {
	LogGroupName  string `json:"logGroupName"`
	LogStreamName string `json:"logStreamName"`
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html
func (s *Service) createLogStream(_ context.Context, _ api.Caller, in *StreamInput) (*Empty, error) {
	if in.LogStreamName == "" {
		return nil, invalid("1 validation error detected: Value '' at 'logStreamName' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, "")
	if err != nil {
		return nil, err
	}
	if g.streams[in.LogStreamName] != nil {
		return nil, api.Errorf("ResourceAlreadyExistsException", "The specified log stream already exists")
	}
	g.streams[in.LogStreamName] = &stream{name: in.LogStreamName, created: time.Now()}
	return &Empty{}, nil
}

// PutLogEventsInput are events for a stream, in the order of their times.
type PutLogEventsInput struct {
	LogGroupName  string `json:"logGroupName"`
	LogStreamName string `json:"logStreamName"`
	LogEvents     []struct {
		Timestamp int64  `json:"timestamp"`
		Message   string `json:"message"`
	} `json:"logEvents"`
	// SequenceToken is not looked at any more, on AWS neither.
	SequenceToken string `json:"sequenceToken"`
}

// PutLogEventsOutput is without rejected events: they are refused.
type PutLogEventsOutput struct {
	NextSequenceToken string `json:"nextSequenceToken"`
}

// Overhead is what CloudWatch Logs counts for an event beside its message.
const Overhead = 26

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
func (s *Service) putLogEvents(_ context.Context, _ api.Caller, in *PutLogEventsInput) (*PutLogEventsOutput, error) {
	if len(in.LogEvents) == 0 {
		return nil, invalid("1 validation error detected: Value '[]' at 'logEvents' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	bytes := 0
	for i, e := range in.LogEvents {
		if i > 0 && e.Timestamp < in.LogEvents[i-1].Timestamp {
			return nil, invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
		bytes += len(e.Message) + Overhead
	}
	if err := s.put(in); err != nil {
		return nil, err
	}
	s.Ingest(in.LogGroupName, bytes)
	for _, e := range in.LogEvents {
		if s.watch != nil {
			s.watch(in.LogGroupName, []byte(e.Message))
		}
	}
	return &PutLogEventsOutput{strconv.Itoa(bytes)}, nil
}

func (s *Service) put(in *PutLogEventsInput) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, "")
	if err != nil {
		return err
	}
	if g.streams[in.LogStreamName] == nil {
		return noStream()
	}
	for _, e := range in.LogEvents {
		s.append(g, in.LogStreamName, time.Now(), e.Timestamp, e.Message)
	}
	return nil
}

func noStream() error {
	return api.Errorf("ResourceNotFoundException", "The specified log stream does not exist.")
}
