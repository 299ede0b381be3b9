package cloudformation

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/musterq/muster/internal/local/api"
)

// changeSet is an update, or a creation, to be looked at first. The lock of its
// stack guards it.
type changeSet struct {
	id, name    string
	description string
	created     time.Time
	// kind is CREATE or UPDATE.
	kind      string
	status    string
	reason    string
	execution string
	onFailure string
	plan      *plan
	changes   []Change
}

var changeSetName = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]{0,127}$`)

type createChangeSetInput struct {
	templateInput
	ChangeSetName       string
	ChangeSetType       string
	Description         string
	ClientToken         string
	OnStackFailure      string
	IncludeNestedStacks flag
}

type createChangeSetOutput struct {
	ID      string `json:"Id" xml:"Id"`
	StackID string `json:"StackId" xml:"StackId"`
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
func (s *Service) createChangeSet(ctx context.Context, _ api.Caller, in *createChangeSetInput) (*createChangeSetOutput, error) {
	if !changeSetName.MatchString(in.ChangeSetName) {
		return nil, api.Errorf("ValidationError", "1 validation error detected: Value '%s' at 'changeSetName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", in.ChangeSetName)
	}
	if in.ChangeSetType == "" {
		in.ChangeSetType = "UPDATE"
	}
	if err := oneOf("changeSetType", in.ChangeSetType, "CREATE", "UPDATE"); err != nil {
		return nil, err
	}
	if in.OnStackFailure == "" {
		in.OnStackFailure = rollBack
	}
	if err := oneOf("onStackFailure", in.OnStackFailure, doDelete, doNothing, rollBack); err != nil {
		return nil, err
	}
	stack, err := s.stackForChange(in)
	if err != nil {
		return nil, err
	}
	t, o, err := s.request(ctx, &in.templateInput, stack)
	if err != nil {
		return nil, err
	}
	id := stackID(o, s.generation(in.StackName))
	if stack != nil {
		id = stack.ID
	}
	p, err := newPlan(t, o, id)
	if err != nil {
		return nil, asValidation(err)
	}
	if stack == nil {
		stack = newStack(in.StackName, id)
		if err := s.record(stack); err != nil {
			return nil, err
		}
		stack.setStatus("REVIEW_IN_PROGRESS", "User Initiated")
	}
	c := &changeSet{
		name: in.ChangeSetName, description: in.Description, created: time.Now(), kind: in.ChangeSetType,
		status: "CREATE_PENDING", execution: "UNAVAILABLE", onFailure: in.OnStackFailure, plan: p,
	}
	if err := stack.addChangeSet(c, s.account); err != nil {
		return nil, err
	}
	s.work.Go(func() { stack.review(c) })
	return &createChangeSetOutput{c.id, stack.ID}, nil
}

// stackForChange finds the stack that a change set is for. Nil for one to be
// made.
func (s *Service) stackForChange(in *createChangeSetInput) (*Stack, error) {
	stack, err := s.Stack(in.StackName)
	if in.ChangeSetType == "CREATE" {
		if err != nil {
			return nil, checkStackName(in.StackName)
		}
		if status, _ := stack.Status(); status != "REVIEW_IN_PROGRESS" {
			return nil, api.Errorf("ValidationError", "Stack [%s] already exists and cannot be created again with the changeSet [%s].", in.StackName, in.ChangeSetName)
		}
		return stack, nil
	}
	if err != nil {
		return nil, api.Errorf("ValidationError", "Stack [%s] does not exist", in.StackName)
	}
	status, _ := stack.Status()
	return stack, updating.check(stack, status)
}

func (s *Stack) addChangeSet(c *changeSet, account *api.Account) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The name of a change set that was executed is free again.
	s.changeSets = slices.DeleteFunc(s.changeSets, func(other *changeSet) bool {
		return other.name == c.name && strings.HasPrefix(other.execution, "EXECUTE_") && s.ended == nil
	})
	for _, other := range s.changeSets {
		if other.name == c.name {
			return &api.Error{Code: "AlreadyExistsException", Message: fmt.Sprintf("ChangeSet %s already exists", c.name)}
		}
	}
	id := uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s/%s/%d/%d", s.ID, c.name, len(s.changeSets), len(s.events)))
	c.id = account.ARN("cloudformation", "changeSet/"+c.name+"/"+id.String())
	s.changeSets = append(s.changeSets, c)
	return nil
}

// review finds out what a change set would change.
func (s *Stack) review(c *changeSet) {
	changes, any, err := c.plan.changes(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		c.status, c.reason = "FAILED", api.AsError(asValidation(err)).Message
	case !any:
		c.status, c.reason = "FAILED", "The submitted information didn't contain changes. Submit different information to create a change set."
	default:
		c.status, c.execution, c.changes = "CREATE_COMPLETE", "AVAILABLE", changes
	}
}

type changeSetInput struct {
	ChangeSetName         string
	StackName             string
	NextToken             string
	IncludePropertyValues flag
}

// changeSet finds a change set by its ARN, or by its name and its stack's.
func (s *Service) changeSet(name, stackName string) (*Stack, *changeSet, error) {
	if name == "" {
		return nil, nil, missing("changeSetName")
	}
	notFound := &api.Error{
		Code: "ChangeSetNotFoundException", QueryCode: "ChangeSetNotFound",
		Message: fmt.Sprintf("ChangeSet [%s] does not exist", name), Status: 404,
	}
	stacks := s.Stacks()
	if stackName != "" {
		stack, err := s.Stack(stackName)
		if err != nil {
			return nil, nil, api.Errorf("ValidationError", "Stack [%s] does not exist", stackName)
		}
		stacks = []*Stack{stack}
	} else if changeSetName.MatchString(name) {
		return nil, nil, api.Errorf("ValidationError", "StackName must be specified if ChangeSetName is not specified as an ARN.")
	}
	for _, stack := range stacks {
		stack.mu.RLock()
		i := slices.IndexFunc(stack.changeSets, func(c *changeSet) bool { return c.id == name || c.name == name })
		var c *changeSet
		if i >= 0 {
			c = stack.changeSets[i]
		}
		stack.mu.RUnlock()
		if c != nil {
			return stack, c, nil
		}
	}
	return nil, nil, notFound
}

type executeChangeSetInput struct {
	ChangeSetName      string
	StackName          string
	ClientRequestToken string
	DisableRollback    *flag
	// RetainExceptOnCreate deletes what this change made when it fails, whatever
	// the DeletionPolicy.
	RetainExceptOnCreate *flag
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html
func (s *Service) executeChangeSet(_ context.Context, _ api.Caller, in *executeChangeSetInput) (*struct{}, error) {
	stack, c, err := s.changeSet(in.ChangeSetName, in.StackName)
	if err != nil {
		return nil, err
	}
	keep := in.DisableRollback != nil && bool(*in.DisableRollback)
	if keep && c.kind == "UPDATE" {
		return nil, rollbackNeeded()
	}
	deleteNew := in.RetainExceptOnCreate != nil && bool(*in.RetainExceptOnCreate)
	if err := stack.claim(c, keep, deleteNew); err != nil {
		return nil, err
	}
	kind, run := updating, (&update{stack: stack, plan: c.plan, deleteNew: deleteNew}).run
	if c.kind == "CREATE" {
		kind, run = creation, func(ctx context.Context) error { return c.plan.create(ctx, stack) }
	}
	err = s.launch(stack, kind, in.ClientRequestToken, func(ctx context.Context) error {
		err := run(ctx)
		stack.mu.Lock()
		defer stack.mu.Unlock()
		if c.execution = "EXECUTE_COMPLETE"; err != nil {
			c.execution = "EXECUTE_FAILED"
		}
		return err
	})
	stack.mu.Lock()
	defer stack.mu.Unlock()
	if err != nil {
		c.execution = "AVAILABLE"
		return nil, err
	}
	// The others tell of a stack as it no longer is, and go.
	stack.changeSets = []*changeSet{c}
	return &struct{}{}, nil
}

// claim marks a change set as being executed, once.
func (s *Stack) claim(c *changeSet, keepFailed, deleteNew bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.status != "CREATE_COMPLETE" || c.execution != "AVAILABLE" {
		status := c.status
		if status == "CREATE_COMPLETE" {
			status = c.execution
		}
		return &api.Error{
			Code: "InvalidChangeSetStatusException", QueryCode: "InvalidChangeSetStatus",
			Message: fmt.Sprintf("ChangeSet [%s] cannot be executed in its current status of [%s]", c.id, status),
		}
	}
	c.execution = "EXECUTE_IN_PROGRESS"
	if c.kind == "CREATE" {
		s.plan, s.onFailure, s.deleteNew = c.plan, c.onFailure, deleteNew
		if keepFailed {
			s.onFailure = doNothing
		}
	}
	return nil
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html
func (s *Service) deleteChangeSet(_ context.Context, _ api.Caller, in *changeSetInput) (*struct{}, error) {
	stack, c, err := s.changeSet(in.ChangeSetName, in.StackName)
	if err != nil {
		if api.AsError(err).Code == "ChangeSetNotFoundException" {
			return &struct{}{}, nil
		}
		return nil, err
	}
	stack.mu.Lock()
	defer stack.mu.Unlock()
	if c.execution == "EXECUTE_IN_PROGRESS" {
		return nil, &api.Error{
			Code: "InvalidChangeSetStatusException", QueryCode: "InvalidChangeSetStatus",
			Message: fmt.Sprintf("The ChangeSet [%s] is in EXECUTE_IN_PROGRESS status and cannot be deleted", c.id),
		}
	}
	stack.changeSets = slices.DeleteFunc(stack.changeSets, func(other *changeSet) bool { return other == c })
	return &struct{}{}, nil
}
