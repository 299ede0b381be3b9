package cloudwatch

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// checkActions refuses actions that are no SNS topics of this Region.
func (s *Service) checkActions(in *PutMetricAlarmInput) error {
	prefix := "arn:" + s.account.Partition + ":sns:" + s.account.Region + ":"
	for _, list := range []struct {
		name string
		arns []string
	}{{"OKActions", in.OKActions}, {"AlarmActions", in.AlarmActions}, {"InsufficientDataActions", in.InsufficientDataActions}} {
		if len(list.arns) > maxActions {
			return validation("The collection %s must not have a size greater than %d.", list.name, maxActions)
		}
		for _, arn := range list.arns {
			parts := strings.Split(arn, ":")
			switch {
			case len(parts) < 6 || parts[0] != "arn":
				return validation("Invalid arn syntax: %s", arn)
			case parts[2] != "sns":
				return validation("The embedded runtime's alarms act on SNS topics only, not on %s", arn)
			case !strings.HasPrefix(arn, prefix):
				return validation("Invalid region %s specified. Only %s is supported.", parts[3], s.account.Region)
			}
		}
	}
	return nil
}

// actions are what the alarm does as it comes to a state.
func (a *alarm) actions(value string) []string {
	if !*a.ActionsEnabled {
		return nil
	}
	switch value {
	case stateOK:
		return slices.Clone(a.OKActions)
	case stateAlarm:
		return slices.Clone(a.AlarmActions)
	}
	return slices.Clone(a.InsufficientDataActions)
}

func orEmpty(list []string) []string { return append([]string{}, list...) }

// regionNames are the names of Regions for people, in the subjects and bodies of
// notifications. Regions that are not here are told by their codes.
//
// https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
var regionNames = map[string]string{
	"us-east-1": "US East (N. Virginia)", "us-east-2": "US East (Ohio)", "us-west-1": "US West (N. California)", "us-west-2": "US West (Oregon)",
	"ca-central-1": "Canada (Central)", "sa-east-1": "South America (Sao Paulo)",
	"eu-west-1": "EU (Ireland)", "eu-west-2": "EU (London)", "eu-west-3": "EU (Paris)", "eu-central-1": "EU (Frankfurt)", "eu-north-1": "EU (Stockholm)",
	"ap-northeast-1": "Asia Pacific (Tokyo)", "ap-northeast-2": "Asia Pacific (Seoul)", "ap-south-1": "Asia Pacific (Mumbai)",
	"ap-southeast-1": "Asia Pacific (Singapore)", "ap-southeast-2": "Asia Pacific (Sydney)",
}

func (s *Service) region() string {
	if name := regionNames[s.account.Region]; name != "" {
		return name
	}
	return s.account.Region
}

// maxSubject is where SNS ends a subject.
const maxSubject = 100

// subject is what a mail about a change is titled with.
func (s *Service) subject(c change) string {
	subject := c.to.value + `: "` + c.alarm.AlarmName + `" in ` + s.region()
	return subject[:min(len(subject), maxSubject)]
}

// notice is the message that a topic gets of an alarm's change.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
type notice struct {
	AlarmName                          string
	AlarmDescription                   *string
	AWSAccountID                       string `json:"AWSAccountId"`
	AlarmConfigurationUpdatedTimestamp string
	NewStateValue                      string
	NewStateReason                     string
	StateChangeTime                    string
	Region                             string
	AlarmArn                           string
	OldStateValue                      string
	OKActions                          []string
	AlarmActions                       []string
	InsufficientDataActions            []string
	Trigger                            trigger
}

type trigger struct {
	MetricName, Namespace            string
	StatisticType, Statistic         string
	Unit                             *string
	Dimensions                       []triggerDimension
	Period                           int
	EvaluationPeriods                int
	DatapointsToAlarm                int
	ComparisonOperator               string
	Threshold                        float64
	TreatMissingData                 string
	EvaluateLowSampleCountPercentile string
}

type triggerDimension struct {
	Value string `json:"value"`
	Name  string `json:"name"`
}

// triggerStatistics are CloudWatch's words for statistics in notifications.
var triggerStatistics = map[string]string{
	"SampleCount": "SAMPLE_COUNT", "Average": "AVERAGE", "Sum": "SUM", "Minimum": "MINIMUM", "Maximum": "MAXIMUM",
}

func (s *Service) notice(c change) notice {
	a := c.alarm
	n := notice{
		AlarmName: a.AlarmName, AWSAccountID: s.account.ID, AlarmConfigurationUpdatedTimestamp: a.updated.Format(moment),
		NewStateValue: c.to.value, NewStateReason: c.to.reason, StateChangeTime: c.to.since.Format(moment),
		Region: s.region(), AlarmArn: a.arn, OldStateValue: c.from.value,
		OKActions: orEmpty(a.OKActions), AlarmActions: orEmpty(a.AlarmActions), InsufficientDataActions: orEmpty(a.InsufficientDataActions),
		Trigger: trigger{
			MetricName: a.MetricName, Namespace: a.Namespace, StatisticType: "Statistic", Statistic: triggerStatistics[a.Statistic],
			Dimensions: []triggerDimension{}, Period: a.Period, EvaluationPeriods: a.EvaluationPeriods, DatapointsToAlarm: a.DatapointsToAlarm,
			ComparisonOperator: a.ComparisonOperator, Threshold: *a.Threshold, TreatMissingData: a.TreatMissingData,
		},
	}
	if a.AlarmDescription != "" {
		n.AlarmDescription = &a.AlarmDescription
	}
	for _, d := range a.Dimensions {
		n.Trigger.Dimensions = append(n.Trigger.Dimensions, triggerDimension{d.Value, d.Name})
	}
	return n
}

// act tells the topics of a change, each by a call of SNS's Publish. What comes
// of it observers see there: an alarm does not try again.
func (s *Service) act(ctx context.Context, c change) {
	// Texts and numbers always encode.
	message, _ := json.Marshal(s.notice(c))
	for _, topic := range c.alarm.actions(c.to.value) {
		input, _ := json.Marshal(map[string]string{"TopicArn": topic, "Subject": s.subject(c), "Message": string(message)})
		caller := api.Caller{Principal: "cloudwatch.amazonaws.com", SourceARN: c.alarm.arn}
		if _, err := s.router.Call(ctx, "sns", "Publish", caller, input); err != nil {
			s.router.Emit(api.Call{Service: "cloudwatch", Operation: "ActionFailed", Caller: caller, Input: topic}, api.AsError(err))
		}
	}
}
