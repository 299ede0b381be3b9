// Package rollout changes CloudFormation stacks by change sets, uploads what they
// need, and tells what becomes of every resource.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
)

// Client changes stacks.
type Client struct {
	API *cloudformation.Client
	// Every is how long to wait between looks at what goes on. Defaults to 2 s.
	Every time.Duration
}

// Stack is a stack as CloudFormation tells of it.
type Stack struct {
	ID, Name string
	Status   types.StackStatus
	// Reason of the status. Often empty.
	Reason     string
	Parameters map[string]string
	Tags       map[string]string
	Outputs    []Output
}

// Output of a stack.
type Output struct {
	Name        string `json:"name"`
	Value       string `json:"value"`
	Description string `json:"description"`
}

// Output finds an output's value. Empty if there is none.
func (s *Stack) Output(name string) string {
	for _, o := range s.Outputs {
		if o.Name == name {
			return o.Value
		}
	}
	return ""
}

// Changing says whether the stack is being changed.
func (s *Stack) Changing() bool {
	return strings.HasSuffix(string(s.Status), "_IN_PROGRESS") && s.Status != types.StackStatusReviewInProgress
}

// Find looks for a stack by name or ID. Nil if there is none, or if it was
// deleted.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
func (c *Client) Find(ctx context.Context, name string) (*Stack, error) {
	out, err := c.API.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if refused(err, "does not exist") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for the stack %s: %w", name, err)
	}
	if len(out.Stacks) != 1 || out.Stacks[0].StackStatus == types.StackStatusDeleteComplete {
		return nil, nil
	}
	s := out.Stacks[0]
	found := &Stack{
		ID: aws.ToString(s.StackId), Name: aws.ToString(s.StackName), Status: s.StackStatus, Reason: aws.ToString(s.StackStatusReason),
		Parameters: map[string]string{}, Tags: map[string]string{},
	}
	for _, p := range s.Parameters {
		found.Parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	for _, t := range s.Tags {
		found.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	for _, o := range s.Outputs {
		found.Outputs = append(found.Outputs, Output{aws.ToString(o.OutputKey), aws.ToString(o.OutputValue), aws.ToString(o.Description)})
	}
	return found, nil
}

// Template is the stack's template, as it was given.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html
func (c *Client) Template(ctx context.Context, stack string) (string, error) {
	out, err := c.API.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &stack, TemplateStage: types.TemplateStageOriginal})
	if err != nil {
		return "", fmt.Errorf("get the template of the stack %s: %w", stack, err)
	}
	return aws.ToString(out.TemplateBody), nil
}

// refused says whether CloudFormation refused a call in these words.
func refused(err error, words string) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) && answer.ErrorCode() == "ValidationError" && strings.Contains(answer.ErrorMessage(), words)
}

// pause waits between two looks.
func (c *Client) pause(ctx context.Context) error {
	every := c.Every
	if every == 0 {
		every = 2 * time.Second
	}
	timer := time.NewTimer(every)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
