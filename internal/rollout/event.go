package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Event is something that happened to a resource, or to the stack itself.
type Event struct {
	At        time.Time `json:"at"`
	LogicalID string    `json:"logicalId"`
	Type      string    `json:"type"`
	Status    string    `json:"status"`
	Reason    string    `json:"reason"`

	id string
}

// Failed says whether the event is a failure of its own, not of another
// resource's that ended this one.
func (e Event) Failed() bool {
	return strings.HasSuffix(e.Status, "_FAILED") && !strings.Contains(e.Reason, "cancelled")
}

// Failure is a change that CloudFormation did not finish.
type Failure struct {
	Stack  string
	Status types.StackStatus
	// First is the resource that failed first. Its LogicalID is empty where none
	// did.
	First Event
	// Reason of the stack's status.
	Reason string
}

func (f *Failure) Error() string {
	why := f.Reason
	if f.First.LogicalID != "" {
		why = fmt.Sprintf("%s (%s) %s: %s", f.First.LogicalID, f.First.Type, f.First.Status, f.First.Reason)
	}
	return fmt.Sprintf("the stack %s is %s: %s", f.Stack, f.Status, why)
}

// RolledBack says whether everything is as it was before.
func (f *Failure) RolledBack() bool {
	return f.Status == types.StackStatusUpdateRollbackComplete || f.Status == types.StackStatusRollbackComplete
}

// events are the stack's events after one of them, the oldest first.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html
func (c *Client) events(ctx context.Context, stack, after string) ([]Event, error) {
	var found []Event
	pages := cloudformation.NewDescribeStackEventsPaginator(c.API, &cloudformation.DescribeStackEventsInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("look at the events of the stack %s: %w", stack, err)
		}
		for _, e := range page.StackEvents {
			if aws.ToString(e.EventId) == after {
				slices.Reverse(found)
				return found, nil
			}
			found = append(found, Event{
				At: aws.ToTime(e.Timestamp), LogicalID: aws.ToString(e.LogicalResourceId), Type: aws.ToString(e.ResourceType),
				Status: string(e.ResourceStatus), Reason: aws.ToString(e.ResourceStatusReason), id: aws.ToString(e.EventId),
			})
		}
	}
	slices.Reverse(found)
	return found, nil
}

func (c *Client) lastEvent(ctx context.Context, stack string) (string, error) {
	out, err := c.API.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: &stack})
	if err != nil {
		return "", fmt.Errorf("look at the events of the stack %s: %w", stack, err)
	}
	if len(out.StackEvents) == 0 {
		return "", nil
	}
	return aws.ToString(out.StackEvents[0].EventId), nil
}

// Await waits until nothing changes the stack any more, telling of each event
// from now on.
func (c *Client) Await(ctx context.Context, stack string, tell func(Event)) (*Stack, error) {
	last, err := c.lastEvent(ctx, stack)
	if err != nil {
		return nil, err
	}
	return c.follow(ctx, stack, last, tell)
}

// follow tells of each event after one of them until the change is over.
func (c *Client) follow(ctx context.Context, name, last string, tell func(Event)) (*Stack, error) {
	var first Event
	for {
		// The status is read before the events: no event of a change that is over
		// can be missed.
		stack, err := c.Find(ctx, name)
		if err != nil {
			return nil, err
		}
		if stack == nil {
			return nil, nil
		}
		events, err := c.events(ctx, name, last)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			tell(e)
			last = e.id
			if first.LogicalID == "" && e.Failed() && e.Type != "AWS::CloudFormation::Stack" {
				first = e
			}
		}
		switch {
		case stack.Changing(), stack.Status == types.StackStatusReviewInProgress:
		case stack.Status == types.StackStatusCreateComplete, stack.Status == types.StackStatusUpdateComplete:
			return stack, nil
		default:
			return stack, &Failure{Stack: name, Status: stack.Status, First: first, Reason: stack.Reason}
		}
		if err := c.pause(ctx); err != nil {
			return nil, err
		}
	}
}

// Delete deletes a stack, telling of each event.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
func (c *Client) Delete(ctx context.Context, stack *Stack, tell func(Event)) error {
	last, err := c.lastEvent(ctx, stack.ID)
	if err != nil {
		return err
	}
	if _, err := c.API.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &stack.ID}); err != nil {
		return fmt.Errorf("delete the stack %s: %w", stack.Name, err)
	}
	var first Event
	for {
		now, err := c.Find(ctx, stack.ID)
		if err != nil {
			return err
		}
		// A deleted stack still tells its events, by its ID.
		events, err := c.events(ctx, stack.ID, last)
		if err != nil {
			return err
		}
		for _, e := range events {
			tell(e)
			last = e.id
			if first.LogicalID == "" && e.Failed() && e.Type != "AWS::CloudFormation::Stack" {
				first = e
			}
		}
		switch {
		case now == nil:
			return nil
		case now.Status == types.StackStatusDeleteFailed:
			return &Failure{Stack: stack.Name, Status: now.Status, First: first, Reason: now.Reason}
		}
		if err := c.pause(ctx); err != nil {
			return err
		}
	}
}
