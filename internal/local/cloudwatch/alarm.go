package cloudwatch

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// States of an alarm.
const (
	stateOK               = "OK"
	stateAlarm            = "ALARM"
	stateInsufficientData = "INSUFFICIENT_DATA"
)

// How missing data is treated.
const (
	treatMissing      = "missing"
	treatIgnore       = "ignore"
	treatBreaching    = "breaching"
	treatNotBreaching = "notBreaching"
)

// comparisons are the operators and their words.
var comparisons = map[string]struct {
	words    string
	breaches func(value, threshold float64) bool
}{
	"GreaterThanThreshold":          {"greater than", func(v, t float64) bool { return v > t }},
	"GreaterThanOrEqualToThreshold": {"greater than or equal to", func(v, t float64) bool { return v >= t }},
	"LessThanThreshold":             {"less than", func(v, t float64) bool { return v < t }},
	"LessThanOrEqualToThreshold":    {"less than or equal to", func(v, t float64) bool { return v <= t }},
}

var statisticNames = []string{"SampleCount", "Average", "Sum", "Minimum", "Maximum"}

// PutMetricAlarmInput makes or replaces an alarm with a static threshold.
type PutMetricAlarmInput struct {
	AlarmName        string
	AlarmDescription string
	// ActionsEnabled defaults to true. Without, an alarm only sends events, which
	// rules act upon.
	ActionsEnabled *bool
	// OKActions, AlarmActions and InsufficientDataActions are ARNs of SNS topics of
	// the alarm's Region, at most five each, that are told when it comes to a state.
	OKActions, AlarmActions, InsufficientDataActions []string

	Namespace          string
	MetricName         string
	Dimensions         []Dimension
	Statistic          string
	ComparisonOperator string
	Threshold          *float64
	// Period in seconds, a multiple of 60.
	Period            int
	EvaluationPeriods int
	// DatapointsToAlarm defaults to EvaluationPeriods.
	DatapointsToAlarm int
	// TreatMissingData defaults to "missing".
	TreatMissingData string
	Tags             []Tag
}

// Tag is a label of an alarm.
type Tag struct{ Key, Value string }

// Empty is an output without members.
type Empty struct{}

// alarm is guarded by Service.mu.
type alarm struct {
	PutMetricAlarmInput
	arn     string
	metric  metric
	updated time.Time
	state   state
	// changed is when the state last got another value.
	changed time.Time
}

// state is an alarm's state and why.
type state struct {
	value, reason, data string
	since               time.Time
}

func (a *alarm) period() time.Duration { return time.Duration(a.Period) * time.Second }

const (
	maxAlarmName   = 255
	maxDescription = 1024
	maxActions     = 5
	// maxSpan bounds what an alarm looks at, a week if its periods are hours.
	maxSpan     = 24 * time.Hour
	maxLongSpan = 7 * 24 * time.Hour
)

// putMetricAlarm makes an alarm or replaces one, whose state it keeps.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
func (s *Service) putMetricAlarm(_ context.Context, _ api.Caller, in *PutMetricAlarmInput) (*Empty, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if err := s.checkActions(in); err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	a := &alarm{
		PutMetricAlarmInput: *in, updated: now, changed: now,
		arn:    s.account.ARN("cloudwatch", "alarm:"+in.AlarmName),
		metric: metric{in.Namespace, in.MetricName, asMap(in.Dimensions)},
		state:  state{value: stateInsufficientData, reason: "Unchecked: Initial alarm creation", since: now},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.alarms[in.AlarmName]; old != nil {
		a.state, a.changed, a.Tags = old.state, old.changed, old.Tags
	}
	s.alarms[in.AlarmName] = a
	s.arm()
	return &Empty{}, nil
}

// check refuses an impossible alarm and fills in defaults.
func (in *PutMetricAlarmInput) check() error {
	for _, required := range []struct{ name, value string }{
		{"AlarmName", in.AlarmName}, {"Namespace", in.Namespace}, {"MetricName", in.MetricName},
		{"Statistic", in.Statistic}, {"ComparisonOperator", in.ComparisonOperator},
	} {
		if required.value == "" {
			return missingParameter(required.name)
		}
	}
	if in.DatapointsToAlarm == 0 {
		in.DatapointsToAlarm = in.EvaluationPeriods
	}
	if in.TreatMissingData == "" {
		in.TreatMissingData = treatMissing
	}
	if in.ActionsEnabled == nil {
		yes := true
		in.ActionsEnabled = &yes
	}
	_, known := comparisons[in.ComparisonOperator]
	span, bound := time.Duration(in.Period*in.EvaluationPeriods)*time.Second, maxSpan
	if in.Period >= int(time.Hour/time.Second) {
		bound = maxLongSpan
	}
	switch {
	case len(in.AlarmName) > maxAlarmName:
		return validation("Value '%s' at 'alarmName' failed to satisfy constraint: Member must have length less than or equal to 255", in.AlarmName)
	case len(in.AlarmDescription) > maxDescription:
		return validation("Value '%s' at 'alarmDescription' failed to satisfy constraint: Member must have length less than or equal to 1024", in.AlarmDescription)
	case !known:
		return validation("Value '%s' at 'comparisonOperator' failed to satisfy constraint: Member must satisfy enum value set: [GreaterThanOrEqualToThreshold, GreaterThanThreshold, LessThanThreshold, LessThanOrEqualToThreshold]", in.ComparisonOperator)
	case !slices.Contains(statisticNames, in.Statistic):
		return validation("Value '%s' at 'statistic' failed to satisfy constraint: Member must satisfy enum value set: [SampleCount, Average, Sum, Minimum, Maximum]", in.Statistic)
	case in.Threshold == nil:
		return missingParameter("Threshold")
	case in.Period <= 0 || in.Period%int(resolution/time.Second) != 0:
		return validation("The embedded runtime's alarms have periods of full minutes, not of %d seconds", in.Period)
	case in.EvaluationPeriods < 1:
		return validation("Value '%d' at 'evaluationPeriods' failed to satisfy constraint: Member must have value greater than or equal to 1", in.EvaluationPeriods)
	case in.DatapointsToAlarm < 1 || in.DatapointsToAlarm > in.EvaluationPeriods:
		return validation("DatapointsToAlarm must be between 1 and EvaluationPeriods")
	case span > bound:
		return validation("Metrics cannot be checked across more than %s (EvaluationPeriods * Period must be <= %d).",
			map[bool]string{true: "a day", false: "a week"}[bound == maxSpan], int(bound.Seconds()))
	case !slices.Contains([]string{treatMissing, treatIgnore, treatBreaching, treatNotBreaching}, in.TreatMissingData):
		return validation("The value %s for parameter TreatMissingData is not supported.", in.TreatMissingData)
	}
	return nil
}

// DeleteAlarmsInput names alarms.
type DeleteAlarmsInput struct{ AlarmNames []string }

// deleteAlarms deletes alarms: all of them, or none if one does not exist.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html
func (s *Service) deleteAlarms(_ context.Context, _ api.Caller, in *DeleteAlarmsInput) (*Empty, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range in.AlarmNames {
		if s.alarms[name] == nil {
			return nil, noSuchAlarm()
		}
	}
	for _, name := range in.AlarmNames {
		delete(s.alarms, name)
	}
	s.arm()
	return &Empty{}, nil
}

// DescribeAlarmsInput selects alarms: by name, by prefix, by state.
type DescribeAlarmsInput struct {
	AlarmNames      []string
	AlarmNamePrefix string
	AlarmTypes      []string
	StateValue      string
	// MaxRecords is the size of a page: 1 to 100, 50 if absent.
	MaxRecords int
	NextToken  string
}

// DescribeAlarmsOutput is a page of alarms by name.
type DescribeAlarmsOutput struct {
	CompositeAlarms []struct{}    `xml:"CompositeAlarms>member"`
	MetricAlarms    []MetricAlarm `xml:"MetricAlarms>member"`
	NextToken       string        `json:",omitempty" xml:",omitempty"`
}

// MetricAlarm is an alarm as it is now.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html
type MetricAlarm struct {
	AlarmName                          string
	AlarmArn                           string
	AlarmDescription                   string `json:",omitempty" xml:",omitempty"`
	AlarmConfigurationUpdatedTimestamp Timestamp
	ActionsEnabled                     bool
	OKActions                          []string    `xml:"OKActions>member"`
	AlarmActions                       []string    `xml:"AlarmActions>member"`
	InsufficientDataActions            []string    `xml:"InsufficientDataActions>member"`
	Dimensions                         []Dimension `xml:"Dimensions>member"`
	StateValue                         string
	StateReason                        string
	StateReasonData                    string `json:",omitempty" xml:",omitempty"`
	StateUpdatedTimestamp              Timestamp
	StateTransitionedTimestamp         Timestamp
	MetricName                         string
	Namespace                          string
	Statistic                          string
	Period                             int
	EvaluationPeriods                  int
	DatapointsToAlarm                  int
	Threshold                          float64
	ComparisonOperator                 string
	TreatMissingData                   string
}

const (
	defaultPage = 50
	maxPage     = 100
)

// describeAlarms lists alarms in the order of their names.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
func (s *Service) describeAlarms(_ context.Context, _ api.Caller, in *DescribeAlarmsInput) (*DescribeAlarmsOutput, error) {
	limit := in.MaxRecords
	switch {
	case limit == 0:
		limit = defaultPage
	case limit < 0 || limit > maxPage:
		return nil, validation("Value '%d' at 'maxRecords' failed to satisfy constraint: Member must have value between 1 and 100", limit)
	}
	out := &DescribeAlarmsOutput{CompositeAlarms: []struct{}{}, MetricAlarms: []MetricAlarm{}}
	if in.AlarmTypes != nil && !slices.Contains(in.AlarmTypes, "MetricAlarm") {
		return out, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.alarms)) {
		a := s.alarms[name]
		switch {
		case name <= in.NextToken, !strings.HasPrefix(name, in.AlarmNamePrefix):
		case in.AlarmNames != nil && !slices.Contains(in.AlarmNames, name):
		case in.StateValue != "" && in.StateValue != a.state.value:
		case len(out.MetricAlarms) == limit:
			out.NextToken = out.MetricAlarms[limit-1].AlarmName
			return out, nil
		default:
			out.MetricAlarms = append(out.MetricAlarms, a.describe())
		}
	}
	return out, nil
}

func (a *alarm) describe() MetricAlarm {
	return MetricAlarm{
		AlarmName: a.AlarmName, AlarmArn: a.arn, AlarmDescription: a.AlarmDescription,
		AlarmConfigurationUpdatedTimestamp: Timestamp{a.updated}, ActionsEnabled: *a.ActionsEnabled,
		OKActions: orEmpty(a.OKActions), AlarmActions: orEmpty(a.AlarmActions), InsufficientDataActions: orEmpty(a.InsufficientDataActions),
		Dimensions: append([]Dimension{}, a.Dimensions...),
		StateValue: a.state.value, StateReason: a.state.reason, StateReasonData: a.state.data,
		StateUpdatedTimestamp: Timestamp{a.state.since}, StateTransitionedTimestamp: Timestamp{a.changed},
		MetricName: a.MetricName, Namespace: a.Namespace, Statistic: a.Statistic, Period: a.Period,
		EvaluationPeriods: a.EvaluationPeriods, DatapointsToAlarm: a.DatapointsToAlarm, Threshold: *a.Threshold,
		ComparisonOperator: a.ComparisonOperator, TreatMissingData: a.TreatMissingData,
	}
}
