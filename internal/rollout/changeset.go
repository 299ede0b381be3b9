package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/uuid"
)

// ErrNothing is returned where a stack is as it shall be already.
var ErrNothing = errors.New("there is nothing to change")

// Request is what a stack shall be.
type Request struct {
	Stack string
	// TemplateURL is where the template is in S3.
	TemplateURL string
	Parameters  map[string]string
	Tags        map[string]string
}

// ChangeSet is what would become of a stack.
type ChangeSet struct {
	ID    string
	Stack string
	// Create is true where there is no such stack yet.
	Create  bool
	Changes []Change

	client *Client
	// before is the event that was the stack's last.
	before string
}

// Change is what would become of one resource.
type Change struct {
	// Action is Add, Modify or Remove.
	Action     string `json:"action"`
	LogicalID  string `json:"logicalId"`
	PhysicalID string `json:"physicalId"`
	Type       string `json:"type"`
	// Replacement is True, False or Conditional. Empty where there is nothing to
	// replace.
	Replacement string `json:"replacement"`
	// What changes: properties' names.
	What []string `json:"what"`
}

// Propose makes a change set, of a stack that need not be there yet, and waits
// for it. [ErrNothing] says that it would change nothing.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
func (c *Client) Propose(ctx context.Context, r Request) (*ChangeSet, error) {
	stack, err := c.Find(ctx, r.Stack)
	if err != nil {
		return nil, err
	}
	if stack != nil {
		if err := fit(stack); err != nil {
			return nil, err
		}
	}
	set := &ChangeSet{Stack: r.Stack, Create: stack == nil || stack.Status == types.StackStatusReviewInProgress, client: c}
	// A token makes it the same change set when the answer is lost and the call
	// repeated.
	name := "muster-" + uuid.NewString()
	in := &cloudformation.CreateChangeSetInput{
		StackName: &r.Stack, ChangeSetName: &name, ClientToken: &name, TemplateURL: &r.TemplateURL,
		ChangeSetType: types.ChangeSetTypeUpdate, Capabilities: []types.Capability{types.CapabilityCapabilityIam, types.CapabilityCapabilityNamedIam},
	}
	if set.Create {
		in.ChangeSetType = types.ChangeSetTypeCreate
	}
	for _, key := range slices.Sorted(maps.Keys(r.Parameters)) {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: aws.String(key), ParameterValue: aws.String(r.Parameters[key])})
	}
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(r.Tags[key])})
	}
	out, err := c.API.CreateChangeSet(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("propose a change of the stack %s: %w", r.Stack, err)
	}
	set.ID = aws.ToString(out.Id)
	if err := set.await(ctx); err != nil {
		return nil, errors.Join(err, set.Discard(context.WithoutCancel(ctx)))
	}
	if stack != nil {
		set.before, err = c.lastEvent(ctx, r.Stack)
	}
	return set, err
}

// fit says why a stack cannot be changed as it is.
func fit(s *Stack) error {
	switch s.Status {
	case types.StackStatusRollbackComplete, types.StackStatusRollbackFailed, types.StackStatusCreateFailed, types.StackStatusDeleteFailed:
		return fmt.Errorf("the stack %s is %s: it can only be deleted, and then be made anew", s.Name, s.Status)
	case types.StackStatusUpdateRollbackFailed:
		return fmt.Errorf("the stack %s is %s: finish the rollback with 'aws cloudformation continue-update-rollback --stack-name %s'", s.Name, s.Status, s.Name)
	}
	return nil
}

// await waits until the change set is made and reads it.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html
func (s *ChangeSet) await(ctx context.Context) error {
	for {
		out, err := s.client.API.DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: &s.ID})
		if err != nil {
			return fmt.Errorf("look at the change set of the stack %s: %w", s.Stack, err)
		}
		switch reason := aws.ToString(out.StatusReason); {
		case out.Status == types.ChangeSetStatusCreateComplete:
			return s.read(ctx, out)
		case out.Status != types.ChangeSetStatusFailed:
		case strings.Contains(reason, "didn't contain changes"), strings.Contains(reason, "No updates are to be performed"):
			return ErrNothing
		default:
			return fmt.Errorf("CloudFormation cannot change the stack %s like that: %s", s.Stack, reason)
		}
		if err := s.client.pause(ctx); err != nil {
			return err
		}
	}
}

// read reads all pages of the changes.
func (s *ChangeSet) read(ctx context.Context, page *cloudformation.DescribeChangeSetOutput) error {
	for {
		for _, c := range page.Changes {
			if r := c.ResourceChange; r != nil {
				s.Changes = append(s.Changes, changeOf(r))
			}
		}
		if aws.ToString(page.NextToken) == "" {
			return nil
		}
		var err error
		page, err = s.client.API.DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: &s.ID, NextToken: page.NextToken})
		if err != nil {
			return fmt.Errorf("look at the change set of the stack %s: %w", s.Stack, err)
		}
	}
}

func changeOf(r *types.ResourceChange) Change {
	c := Change{
		Action: string(r.Action), LogicalID: aws.ToString(r.LogicalResourceId), PhysicalID: aws.ToString(r.PhysicalResourceId),
		Type: aws.ToString(r.ResourceType), Replacement: string(r.Replacement), What: []string{},
	}
	for _, d := range r.Details {
		if d.Target == nil {
			continue
		}
		what := aws.ToString(d.Target.Name)
		if what == "" {
			what = string(d.Target.Attribute)
		}
		if !slices.Contains(c.What, what) {
			c.What = append(c.What, what)
		}
	}
	slices.Sort(c.What)
	return c
}

// Discard deletes the change set, and the stack that was only made for it.
func (s *ChangeSet) Discard(ctx context.Context) error {
	if _, err := s.client.API.DeleteChangeSet(ctx, &cloudformation.DeleteChangeSetInput{ChangeSetName: &s.ID}); err != nil {
		return fmt.Errorf("delete the change set of the stack %s: %w", s.Stack, err)
	}
	if !s.Create {
		return nil
	}
	stack, err := s.client.Find(ctx, s.Stack)
	if err != nil || stack == nil || stack.Status != types.StackStatusReviewInProgress {
		return err
	}
	return s.client.Delete(ctx, stack, func(Event) {})
}

// Apply makes the changes, telling of each event, and returns the stack once it
// is as it shall be. What CloudFormation took back is a *[Failure].
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html
func (s *ChangeSet) Apply(ctx context.Context, tell func(Event)) (*Stack, error) {
	// What a change made that failed holds nothing yet: it need not stay.
	in := &cloudformation.ExecuteChangeSetInput{ChangeSetName: &s.ID, RetainExceptOnCreate: aws.Bool(true), ClientRequestToken: aws.String("muster-" + uuid.NewString())}
	if _, err := s.client.API.ExecuteChangeSet(ctx, in); err != nil {
		return nil, fmt.Errorf("change the stack %s: %w", s.Stack, err)
	}
	stack, err := s.client.follow(ctx, s.Stack, s.before, tell)
	if err == nil && stack == nil {
		err = fmt.Errorf("the stack %s was deleted by somebody while it was changed", s.Stack)
	}
	return stack, err
}
