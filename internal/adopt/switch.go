package adopt

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/rollout"
)

// pauseReason marks the pause of a fleet whose messages go back to its mapping.
const pauseReason = "muster adopt --back"

const (
	// look is how often what is waited for is looked at.
	look = 5 * time.Second
	// quiet is how long nothing must be in flight: SQS's count lags by a minute.
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
	quiet = 75 * time.Second
)

// Switch moves a queue's messages between an event source mapping and a fleet.
// Every step finds out first whether it has been done: what died half-way is run
// again, in either direction.
type Switch struct {
	Config aws.Config
	// Fleet is the name of its stack.
	Fleet string
	// Mapping is the mapping's UUID. Defaults to the only one that the queue has.
	Mapping string
	// Who switches, for those who look at the fleet meanwhile.
	Who string
	// Impatient does not wait for the batches that the mapping has in hand: the
	// fleet's handlers then run beside them for a while.
	Impatient bool
	// Tell is told of each step. Defaults to nobody.
	Tell func(step string)
}

// Situation is how things stand.
type Situation struct {
	Region string `json:"region"`
	Fleet  string `json:"fleet"`
	// Queue is the ARN of the queue.
	Queue string `json:"queue"`
	// Enabled says whether the fleet's autoscaler ticks.
	Enabled bool    `json:"enabled"`
	Mapping Mapping `json:"mapping"`
	// Others are further mappings that may be taking messages of the queue.
	Others []Mapping `json:"others"`
	// Workers of the fleet that are not home.
	Workers int `json:"workers"`
	// Kept are messages of long tasks that are in no queue: ticks bring them back.
	Kept int `json:"kept"`
	// Paused says who paused the fleet. Empty if nobody did.
	Paused string `json:"paused"`

	ours     bool // the pause is this command's
	registry *registry.Registry
	longest  time.Duration
}

// Look finds out how things stand. It changes nothing.
func (s *Switch) Look(ctx context.Context) (*Situation, error) {
	stack, err := s.stacks().Find(ctx, s.Fleet)
	if err != nil {
		return nil, err
	}
	if stack == nil {
		return nil, fmt.Errorf("there is no fleet %q in %s: deploy it first, with 'muster deploy %[1]s'", s.Fleet, s.Config.Region)
	}
	enabled, ok := stack.Parameters["Enabled"]
	if !ok || stack.Output("TableName") == "" {
		return nil, fmt.Errorf("the stack %s has no parameter Enabled: it is no fleet, or an older one: run 'muster upgrade'", s.Fleet)
	}
	at := &Situation{Region: s.Config.Region, Fleet: s.Fleet, Queue: stack.Parameters["QueueArn"], Enabled: enabled == "true"}
	if at.Queue == "" {
		return nil, fmt.Errorf("the fleet %s has a queue of its own: there is no event source mapping to take over from. Its parameter QueueArn names the queue of one", s.Fleet)
	}
	if at.Mapping, at.longest, err = s.mapping(ctx, at); err != nil {
		return nil, err
	}
	at.registry = registry.New(s.Config, stack.Output("TableName"), s.Fleet)
	return at, at.look(ctx)
}

// Steps are what is left to do, in order: to the fleet, or back to the mapping.
func (s *Switch) Steps(at *Situation, on bool) []string {
	steps := []string{}
	add := func(needed bool, step string, args ...any) {
		if needed {
			steps = append(steps, fmt.Sprintf(step, args...))
		}
	}
	if on {
		add(at.Mapping.State != stateDisabled, "switch the event source mapping %s off, and wait until it is Disabled", at.Mapping.UUID)
		add(!at.Enabled && !s.Impatient, "wait until what the mapping has in hand has ended, at most %s", at.longest)
		add(at.ours, "end the pause of the fleet")
		add(!at.Enabled, "set Enabled of the fleet %s to true, by a stack update", at.Fleet)
		return append(steps, "wake the autoscaler")
	}
	add(at.busy() && at.Paused == "", "pause the fleet %s", at.Fleet)
	add(at.busy(), "wait until its workers have finished what they hold and gone home")
	add(at.Enabled, "set Enabled of the fleet %s to false, by a stack update", at.Fleet)
	add(at.Mapping.State != stateEnabled, "switch the event source mapping %s on, and wait until it is Enabled", at.Mapping.UUID)
	add(at.ours || at.Paused == "" && at.busy(), "end the pause of the fleet, which is off")
	return steps
}

// busy says whether the fleet has, or may get, what it must hand back first.
func (at *Situation) busy() bool { return at.Enabled || at.Workers+at.Kept > 0 }

// look reads the registry anew.
func (at *Situation) look(ctx context.Context) error {
	snapshot, err := at.registry.Snapshot(ctx)
	if err != nil {
		return err
	}
	at.Workers = len(snapshot.Workers)
	if at.Kept, err = at.registry.Kept(ctx); err != nil {
		return err
	}
	controls, err := at.registry.Controls(ctx)
	if err != nil {
		return err
	}
	at.Paused, at.ours = "", false
	if controls.Pause.Holds(time.Now()) {
		at.Paused, at.ours = controls.Pause.String(), controls.Pause.Why == pauseReason
	}
	return nil
}

// mapping finds the mapping, the others on the queue, and how long a batch that it
// has received may take.
func (s *Switch) mapping(ctx context.Context, at *Situation) (Mapping, time.Duration, error) {
	all, err := list(ctx, lambda.NewFromConfig(s.Config), &lambda.ListEventSourceMappingsInput{EventSourceArn: &at.Queue})
	if err != nil {
		return Mapping{}, 0, err
	}
	var chosen *types.EventSourceMappingConfiguration
	var names []string
	for i, c := range all {
		m := mappingOf(c)
		names = append(names, m.UUID+" for "+m.Function)
		if m.UUID == s.Mapping || s.Mapping == "" && len(all) == 1 {
			chosen = &all[i]
		} else if m.Polls() {
			at.Others = append(at.Others, m)
		}
	}
	switch {
	case chosen != nil:
	case s.Mapping != "":
		return Mapping{}, 0, fmt.Errorf("there is no event source mapping %s on the fleet's queue %s in %s", s.Mapping, at.Queue, s.Config.Region)
	case len(all) == 0:
		return Mapping{}, 0, fmt.Errorf("there is no event source mapping on the fleet's queue %s in %s", at.Queue, s.Config.Region)
	default:
		return Mapping{}, 0, fmt.Errorf("the queue %s has %d event source mappings: choose one with --mapping:\n  %s", at.Queue, len(all), strings.Join(names, "\n  "))
	}
	m := mappingOf(*chosen)
	f := mappingFacts{mapping: m}
	if err := f.askFunction(ctx, lambda.NewFromConfig(s.Config)); err != nil {
		return m, 0, err
	}
	visibility, _, err := s.queue(ctx, at.Queue)
	// A batch is gathered, tried again for as long as its messages are invisible, and
	// then runs.
	longest := time.Duration(aws.ToInt32(chosen.MaximumBatchingWindowInSeconds)+int32(f.timeout))*time.Second + visibility
	return m, longest, err
}

// queue asks the queue for its visibility timeout and how many messages are in
// flight.
func (s *Switch) queue(ctx context.Context, queue string) (visibility time.Duration, inFlight int, err error) {
	parts := strings.Split(queue, ":")
	client := sqs.NewFromConfig(s.Config)
	url, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &parts[len(parts)-1], QueueOwnerAWSAccountId: &parts[len(parts)-2]})
	if err != nil {
		return 0, 0, permitted(err, "sqs:GetQueueUrl", "the queue "+queue+" is not found")
	}
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{
		sqstypes.QueueAttributeNameVisibilityTimeout, sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	}})
	if err != nil {
		return 0, 0, permitted(err, "sqs:GetQueueAttributes", "what is in flight is not known")
	}
	seconds, err := strconv.Atoi(out.Attributes["VisibilityTimeout"])
	if err != nil {
		return 0, 0, fmt.Errorf("the visibility timeout of %s: %w", queue, err)
	}
	inFlight, err = strconv.Atoi(out.Attributes["ApproximateNumberOfMessagesNotVisible"])
	if err != nil {
		return 0, 0, fmt.Errorf("what is in flight of %s: %w", queue, err)
	}
	return time.Duration(seconds) * time.Second, inFlight, nil
}

// On has the fleet handle the queue's messages in the mapping's place: the mapping
// off, what it has in hand ended, the fleet on. In between messages wait in the
// queue.
func (s *Switch) On(ctx context.Context) error {
	at, err := s.Look(ctx)
	if err != nil {
		return err
	}
	if at.Paused != "" && !at.ours {
		return fmt.Errorf("the fleet %s is paused %s: end that first, with 'muster resume %[1]s', for nobody would handle messages", s.Fleet, at.Paused)
	}
	if err := s.setMapping(ctx, at.Mapping.UUID, false); err != nil {
		return err
	}
	if !at.Enabled && !s.Impatient {
		if err := s.waitForBatches(ctx, at); err != nil {
			return err
		}
	}
	if at.ours {
		// A way back that was begun and not ended.
		if err := at.registry.Resume(ctx, registry.Directive{Who: s.Who, Why: "muster adopt --switch", At: registry.At(time.Now())}); err != nil {
			return err
		}
		s.tell("the fleet %s is no longer paused", s.Fleet)
	}
	if err := s.setFleet(ctx, true); err != nil {
		return fmt.Errorf("%w\nThe mapping is off and the fleet is not on: messages wait. Run the command again, or go back with 'muster adopt %s --back --yes'", err, s.Fleet)
	}
	return s.wake(ctx)
}

// Back has the mapping handle the queue's messages again: the fleet's workers home,
// the fleet off, the mapping on.
func (s *Switch) Back(ctx context.Context) error {
	at, err := s.Look(ctx)
	if err != nil {
		return err
	}
	if at.busy() {
		if err := s.empty(ctx, at); err != nil {
			return err
		}
	}
	if err := s.setFleet(ctx, false); err != nil {
		return err
	}
	if err := s.setMapping(ctx, at.Mapping.UUID, true); err != nil {
		return err
	}
	if err := at.look(ctx); err != nil {
		return err
	}
	if !at.ours {
		return nil
	}
	// The fleet is off: without a pause it stays so, and the next switch finds it as
	// it was.
	return at.registry.Resume(ctx, registry.Directive{Who: s.Who, Why: pauseReason, At: registry.At(time.Now())})
}

// empty sends all workers home and waits for them, and for what they kept.
func (s *Switch) empty(ctx context.Context, at *Situation) error {
	if at.Paused == "" {
		if err := at.registry.Pause(ctx, registry.Directive{Who: s.Who, Why: pauseReason, At: registry.At(time.Now())}); err != nil {
			return err
		}
		s.tell("the fleet %s is paused: its workers finish what they hold and go home", s.Fleet)
	}
	// Only ticks send workers home.
	if err := s.setFleet(ctx, true); err != nil {
		return err
	}
	if err := s.wake(ctx); err != nil {
		return err
	}
	left := ""
	return s.until(ctx, func() (bool, error) {
		if err := at.look(ctx); err != nil {
			return false, err
		}
		if at.Paused == "" {
			return false, fmt.Errorf("the fleet %s was resumed by somebody while its workers were sent home: run the command again", s.Fleet)
		}
		now := fmt.Sprintf("%d workers are not home yet", at.Workers)
		if at.Kept > 0 {
			now += fmt.Sprintf(", and %d messages of long tasks are not back in the queue", at.Kept)
		}
		if now != left {
			left = now
			s.tell("%s", left)
		}
		return at.Workers+at.Kept == 0, nil
	})
}

// setMapping switches the mapping on or off and waits until it is.
// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
func (s *Switch) setMapping(ctx context.Context, uuid string, on bool) error {
	client := lambda.NewFromConfig(s.Config)
	want := stateDisabled
	if on {
		want = stateEnabled
	}
	told := ""
	return s.until(ctx, func() (bool, error) {
		m, err := client.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &uuid})
		if err != nil {
			return false, permitted(err, "lambda:GetEventSourceMapping", "the mapping's state is not known")
		}
		state := aws.ToString(m.State)
		if state != told {
			told = state
			s.tell("the event source mapping %s is %s", uuid, state)
		}
		switch state {
		case want:
			return true, nil
		case stateDeleting:
			return false, fmt.Errorf("the event source mapping %s is being deleted", uuid)
		case stateEnabled, stateDisabled:
		default:
			return false, nil // on its way
		}
		_, err = client.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: &uuid, Enabled: &on})
		var inUse *types.ResourceInUseException
		if errors.As(err, &inUse) {
			// It began to change since, perhaps by this very call, whose answer was lost.
			return false, nil
		}
		if err != nil {
			return false, permitted(err, "lambda:UpdateEventSourceMapping", "the mapping stays as it is")
		}
		return false, nil
	})
}

// waitForBatches waits until the mapping's batches have ended, as far as can be
// known: nothing is in flight any more, or it cannot be theirs.
func (s *Switch) waitForBatches(ctx context.Context, at *Situation) error {
	began := time.Now()
	empty, told := time.Time{}, -1
	return s.until(ctx, func() (bool, error) {
		_, inFlight, err := s.queue(ctx, at.Queue)
		if err != nil {
			return false, err
		}
		now := time.Now()
		if inFlight != told {
			told = inFlight
			s.tell("%d messages are in flight", inFlight)
		}
		switch {
		case inFlight > 0:
			empty = time.Time{}
		case empty.IsZero():
			empty = now
		}
		return !empty.IsZero() && now.Sub(empty) >= quiet || now.Sub(began) >= at.longest, nil
	})
}

// setFleet switches the fleet's ticks on or off by its stack.
func (s *Switch) setFleet(ctx context.Context, on bool) error {
	want := strconv.FormatBool(on)
	stacks := s.stacks()
	return s.until(ctx, func() (bool, error) {
		stack, err := stacks.Find(ctx, s.Fleet)
		if err != nil {
			return false, err
		}
		if stack == nil {
			return false, fmt.Errorf("the stack %s is gone", s.Fleet)
		}
		if stack.Changing() {
			return false, nil
		}
		if stack.Parameters["Enabled"] == want {
			s.tell("the fleet %s has Enabled %s", s.Fleet, want)
			return true, nil
		}
		if err := s.update(ctx, stack, want); err != nil {
			return false, err
		}
		if _, err = stacks.Await(ctx, s.Fleet, func(rollout.Event) {}); err != nil {
			return false, fmt.Errorf("set Enabled to %s: %w", want, err)
		}
		return false, nil
	})
}

// update changes the stack's Enabled and nothing else.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html
func (s *Switch) update(ctx context.Context, stack *rollout.Stack, enabled string) error {
	in := &cloudformation.UpdateStackInput{
		StackName: &s.Fleet, UsePreviousTemplate: aws.Bool(true),
		Capabilities: capabilities(),
	}
	for name := range stack.Parameters {
		in.Parameters = append(in.Parameters, parameter(name, enabled))
	}
	s.tell("setting Enabled of the fleet %s to %s", s.Fleet, enabled)
	_, err := cloudformation.NewFromConfig(s.Config).UpdateStack(ctx, in)
	if err != nil && !strings.Contains(err.Error(), "IN_PROGRESS") && !strings.Contains(err.Error(), "No updates are to be performed") {
		return permitted(err, "cloudformation:UpdateStack", "the fleet stays as it is")
	}
	return nil
}

func (s *Switch) stacks() *rollout.Client {
	return &rollout.Client{API: cloudformation.NewFromConfig(s.Config)}
}

// until repeats a look until it says that it is well.
func (s *Switch) until(ctx context.Context, well func() (bool, error)) error {
	for {
		done, err := well()
		if done || err != nil {
			return err
		}
		timer := time.NewTimer(look)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

func (s *Switch) tell(format string, args ...any) {
	if s.Tell != nil {
		s.Tell(fmt.Sprintf(format, args...))
	}
}
