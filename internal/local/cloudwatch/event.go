package cloudwatch

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/eventbridge"
)

// change is an alarm's step from one state to another.
type change struct {
	// alarm is the alarm as it was at that moment.
	alarm    alarm
	from, to state
}

// become sets the alarm's state. It is a change only if the state's value is
// another: alarms send events on transitions. The caller holds Service.mu.
func (a *alarm) become(next state) []change {
	previous := a.state
	if previous.value == next.value {
		// What an alarm says of its state is of the moment it came about.
		return nil
	}
	a.state, a.changed = next, next.since
	return []change{{alarm: *a, from: previous, to: next}}
}

// detail is the content of a "CloudWatch Alarm State Change".
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
type detail struct {
	AlarmName     string        `json:"alarmName"`
	Configuration configuration `json:"configuration"`
	PreviousState stateDetail   `json:"previousState"`
	State         stateDetail   `json:"state"`
}

type configuration struct {
	Description string        `json:"description,omitempty"`
	Metrics     []metricQuery `json:"metrics"`
}

type metricQuery struct {
	ID         string     `json:"id"`
	MetricStat metricStat `json:"metricStat"`
	ReturnData bool       `json:"returnData"`
}

type metricStat struct {
	Metric metricDetail `json:"metric"`
	Period int          `json:"period"`
	Stat   string       `json:"stat"`
}

type metricDetail struct {
	Dimensions map[string]string `json:"dimensions"`
	Name       string            `json:"name"`
	Namespace  string            `json:"namespace"`
}

type stateDetail struct {
	Reason     string `json:"reason"`
	ReasonData string `json:"reasonData,omitempty"`
	Timestamp  string `json:"timestamp"`
	Value      string `json:"value"`
}

func (s state) detail() stateDetail {
	return stateDetail{Reason: s.reason, ReasonData: s.data, Timestamp: s.since.Format(moment), Value: s.value}
}

// announce sends the events of changes, and does what alarms do then. Observers see each as the call
// "cloudwatch:StateChange".
func (s *Service) announce(changes []change) {
	for _, c := range changes {
		e, err := c.event()
		if err == nil {
			err = s.publish(context.Background(), e)
		}
		var outcome any
		if err != nil {
			outcome = api.AsError(err)
		}
		s.router.Emit(api.Call{Service: "cloudwatch", Operation: "StateChange", Input: &e}, outcome)
		s.act(context.Background(), c)
	}
}

func (c change) event() (eventbridge.Event, error) {
	encoded, err := json.Marshal(detail{
		AlarmName: c.alarm.AlarmName,
		Configuration: configuration{Description: c.alarm.AlarmDescription, Metrics: []metricQuery{{
			ID: uuid.NewSHA1(uuid.NameSpaceURL, []byte(c.alarm.arn)).String(),
			MetricStat: metricStat{
				Metric: metricDetail{Dimensions: c.alarm.metric.dimensions, Name: c.alarm.metric.name, Namespace: c.alarm.metric.namespace},
				Period: c.alarm.Period, Stat: c.alarm.Statistic,
			},
			ReturnData: true,
		}}},
		PreviousState: c.from.detail(), State: c.to.detail(),
	})
	return eventbridge.Event{
		Source: "aws.cloudwatch", DetailType: "CloudWatch Alarm State Change", Resources: []string{c.alarm.arn}, Detail: encoded,
	}, err
}
