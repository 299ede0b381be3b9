package autoscaler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/musterq/muster/internal/registry"
)

// GateAction is what a gate does while its alarm rings.
type GateAction string

const (
	// HoldStarts lets no worker start.
	HoldStarts GateAction = "hold"
	// DrainAll sends every worker home.
	DrainAll GateAction = "drain"
)

// Gate is a CloudWatch alarm that stops a fleet from doing harm.
type Gate struct {
	// Alarm is the name or the ARN of a metric alarm or a composite alarm of this
	// account. Empty for no gate.
	Alarm string
	// Action while it is in ALARM.
	Action GateAction
}

func (g Gate) validate() error {
	if g.Action != "" && g.Action != HoldStarts && g.Action != DrainAll {
		return fmt.Errorf("GateAction is %q, it must be hold or drain", g.Action)
	}
	return nil
}

// name and region of the alarm. The region is empty for the fleet's own.
func (g Gate) name() (name, region string) {
	parts := strings.SplitN(g.Alarm, ":", 7)
	if len(parts) == 7 && parts[0] == "arn" {
		return parts[6], parts[3]
	}
	return g.Alarm, ""
}

// GateState is what CloudWatch says about a gate's alarm.
type GateState struct {
	// Shut is true while the alarm rings.
	Shut bool
	// Why it rings, as CloudWatch tells it.
	Why   string
	Since time.Time
}

// ErrNoAlarm is what asking for an alarm gets that there is not.
var ErrNoAlarm = errors.New("CloudWatch knows no such alarm")

// Ask asks CloudWatch for the gate's alarm.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
func (g Gate) Ask(ctx context.Context, cfg aws.Config) (GateState, error) {
	name, region := g.name()
	client := cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) {
		if region != "" {
			o.Region = region
		}
	})
	out, err := client.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{name},
		// Left out, composite alarms are.
		AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm},
	})
	if err != nil {
		return GateState{}, err
	}
	for _, a := range out.MetricAlarms {
		return GateState{a.StateValue == types.StateValueAlarm, aws.ToString(a.StateReason), aws.ToTime(a.StateTransitionedTimestamp)}, nil
	}
	for _, a := range out.CompositeAlarms {
		return GateState{a.StateValue == types.StateValueAlarm, aws.ToString(a.StateReason), aws.ToTime(a.StateTransitionedTimestamp)}, nil
	}
	return GateState{}, ErrNoAlarm
}

// String says since when the gate is shut, and why.
func (s GateState) String() string {
	text := "since " + s.Since.UTC().Format("2006-01-02 15:04 UTC")
	if s.Why != "" {
		text += ": " + registry.Shorten(s.Why)
	}
	return text
}

// gatePatience is how long a tick waits for CloudWatch.
const gatePatience = 5 * time.Second

// gate is what a tick knows of the fleet's gate.
type gate struct {
	GateState
	// trouble is why CloudWatch could not be asked: the tick carries on.
	trouble error
}

func (a *Autoscaler) askGate(ctx context.Context) gate {
	if a.config.Gate.Alarm == "" {
		return gate{}
	}
	ctx, cancel := context.WithTimeout(ctx, gatePatience)
	defer cancel()
	state, err := a.config.Gate.Ask(ctx, a.aws)
	return gate{state, err}
}
