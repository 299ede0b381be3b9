package cloudwatch

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/musterq/muster/internal/local/api"
)

// alarmProperties are the properties of AWS::CloudWatch::Alarm. Templates may
// write numbers and booleans as strings.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html
type alarmProperties struct {
	AlarmName        string
	AlarmDescription string
	ActionsEnabled   *flag
	// Each a list of the ARNs of SNS topics.
	OKActions, AlarmActions, InsufficientDataActions []string

	Namespace          string
	MetricName         string
	Dimensions         []Dimension
	Statistic          string
	ComparisonOperator string
	Threshold          json.Number
	Period             json.Number
	EvaluationPeriods  json.Number
	DatapointsToAlarm  json.Number
	TreatMissingData   string
	Tags               []Tag
}

// flag is a boolean or the text of one.
type flag bool

// UnmarshalJSON reads true, false, "true" and "false".
func (f *flag) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(bytes.Trim(data, `"`), (*bool)(f))
}

// provideAlarm makes an alarm.
func (s *Service) provideAlarm(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	var p alarmProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	if p.AlarmName == "" {
		p.AlarmName = r.Name
	}
	in := PutMetricAlarmInput{
		AlarmName: p.AlarmName, AlarmDescription: p.AlarmDescription, ActionsEnabled: (*bool)(p.ActionsEnabled),
		OKActions: p.OKActions, AlarmActions: p.AlarmActions, InsufficientDataActions: p.InsufficientDataActions,
		Namespace: p.Namespace, MetricName: p.MetricName, Dimensions: p.Dimensions, Statistic: p.Statistic,
		ComparisonOperator: p.ComparisonOperator, TreatMissingData: p.TreatMissingData, Tags: p.Tags,
	}
	for _, n := range []struct {
		name string
		text json.Number
		into *int
	}{
		{"Period", p.Period, &in.Period},
		{"EvaluationPeriods", p.EvaluationPeriods, &in.EvaluationPeriods},
		{"DatapointsToAlarm", p.DatapointsToAlarm, &in.DatapointsToAlarm},
	} {
		if n.text == "" {
			continue
		}
		value, err := n.text.Int64()
		if err != nil {
			return api.Resource{}, validation("%s is not a whole number: %s", n.name, n.text)
		}
		*n.into = int(value)
	}
	if p.Threshold != "" {
		threshold, err := p.Threshold.Float64()
		if err != nil {
			return api.Resource{}, validation("Threshold is not a number: %s", p.Threshold)
		}
		in.Threshold = &threshold
	}
	if err := s.call(ctx, "PutMetricAlarm", in); err != nil {
		return api.Resource{}, err
	}
	return api.Resource{Ref: p.AlarmName, Attributes: map[string]string{"Arn": s.account.ARN("cloudwatch", "alarm:"+p.AlarmName)}}, nil
}

// updateAlarm changes an alarm in place, with its tags, which PutMetricAlarm
// leaves as they are.
func (s *Service) updateAlarm(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
	r.Name = old.Ref
	changed, err := s.provideAlarm(ctx, r)
	if err != nil {
		return api.Resource{}, err
	}
	var p alarmProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.alarms[changed.Ref]; a != nil {
		a.Tags = p.Tags
	}
	return changed, nil
}
