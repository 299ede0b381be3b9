package meter

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/price"
)

// charge is what a resource costs by being there.
type charge struct {
	item     price.Item
	perMonth float64 // quantity of the item
}

// free are the types that cost nothing by being there: what is done with them is
// billed where it is done.
var free = map[string]bool{
	"AWS::CloudFormation::Stack":     true,
	"AWS::DynamoDB::Table":           true, // on demand
	"AWS::Events::Rule":              true,
	"AWS::IAM::InstanceProfile":      true,
	"AWS::IAM::ManagedPolicy":        true,
	"AWS::IAM::Policy":               true,
	"AWS::IAM::Role":                 true,
	"AWS::KMS::Alias":                true,
	"AWS::Lambda::Alias":             true,
	"AWS::Lambda::EventInvokeConfig": true,
	"AWS::Lambda::Function":          true,
	"AWS::Lambda::Permission":        true,
	"AWS::Lambda::Version":           true,
	"AWS::Logs::LogGroup":            true,
	"AWS::Logs::MetricFilter":        true, // its metric is billed by its data
	"AWS::S3::Bucket":                true,
	"AWS::S3::BucketPolicy":          true,
	"AWS::SNS::Subscription":         true,
	"AWS::SNS::Topic":                true,
	"AWS::SNS::TopicPolicy":          true,
	"AWS::SQS::Queue":                true,
	"AWS::SQS::QueuePolicy":          true,

	"AWS::StepFunctions::StateMachine":        true,
	"AWS::StepFunctions::StateMachineAlias":   true,
	"AWS::StepFunctions::StateMachineVersion": true,
}

// priced are the types that cost something, by their properties.
var priced = map[string]func(properties []byte) (charge, error){
	"AWS::CloudWatch::Alarm":          alarm,
	"AWS::CloudWatch::CompositeAlarm": each(price.CompositeAlarm),
	"AWS::CloudWatch::Dashboard":      each(price.Dashboard),
	"AWS::KMS::Key":                   each(price.Key),
	"AWS::Lambda::EventSourceMapping": pollers,
}

func each(item price.Item) func([]byte) (charge, error) {
	return func([]byte) (charge, error) { return charge{item, 1}, nil }
}

// chargeFor is what a resource costs by being there.
func chargeFor(kind string, properties []byte) (charge, error) {
	if free[kind] {
		return charge{}, nil
	}
	price, ok := priced[kind]
	if !ok {
		return charge{}, fmt.Errorf("nobody knows what a resource of the type %s costs: say in internal/local/meter what it is billed for, or that it is free", kind)
	}
	c, err := price(properties)
	if err != nil {
		return charge{}, fmt.Errorf("what a resource of the type %s costs: %w", kind, err)
	}
	return c, nil
}

// number is a number, or the text of one.
type number float64

// UnmarshalJSON reads either.
func (n *number) UnmarshalJSON(data []byte) error {
	value, err := strconv.ParseFloat(strings.Trim(string(data), `"`), 64)
	*n = number(value)
	return err
}

// alarm costs by each metric that it looks at, more where it looks at them more
// often than once a minute. An expression is no metric.
// https://aws.amazon.com/cloudwatch/pricing/
func alarm(properties []byte) (charge, error) {
	var p struct {
		Period  number
		Metrics []struct {
			MetricStat *struct{ Period number }
		}
	}
	if err := json.Unmarshal(properties, &p); err != nil {
		return charge{}, err
	}
	period, metrics := cmp.Or(p.Period, 60), 0.0
	for _, m := range p.Metrics {
		if m.MetricStat != nil {
			metrics++
			period = min(period, cmp.Or(m.MetricStat.Period, 60))
		}
	}
	item := price.Alarm
	if period < 60 {
		item = price.FastAlarm
	}
	return charge{item, max(1, metrics)}, nil
}

// pollers are those that an event source mapping in provisioned mode has at
// least. How many more it starts AWS alone decides.
// https://docs.aws.amazon.com/lambda/latest/api/API_ProvisionedPollerConfig.html
func pollers(properties []byte) (charge, error) {
	var p struct {
		ProvisionedPollerConfig *struct{ MinimumPollers number }
	}
	if err := json.Unmarshal(properties, &p); err != nil || p.ProvisionedPollerConfig == nil {
		return charge{}, err
	}
	return charge{price.PollerHour, float64(cmp.Or(p.ProvisionedPollerConfig.MinimumPollers, 2)) * price.Month.Hours()}, nil
}

// Priced tells whether it is known what resources of a type cost.
func Priced(kind string) bool { return free[kind] || priced[kind] != nil }
