package cloudformation

import (
	"context"
	"slices"

	"github.com/musterq/muster/internal/local/api"
)

// operation is something that is done to a stack, one at a time.
type operation struct {
	// verb says what is done, for errors.
	verb string
	// from are the statuses that it may begin in, and status the one that it begins
	// with.
	from   []string
	status string
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#cfn-console-view-stack-data-resources-status-codes
var (
	creation = operation{"created", []string{"REVIEW_IN_PROGRESS"}, "CREATE_IN_PROGRESS"}
	updating = operation{"updated", []string{"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}, "UPDATE_IN_PROGRESS"}
	deletion = operation{"deleted", []string{
		"REVIEW_IN_PROGRESS", "CREATE_COMPLETE", "CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "UPDATE_COMPLETE",
		"UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED",
	}, "DELETE_IN_PROGRESS"}
	continuation = operation{"rolled back", []string{"UPDATE_ROLLBACK_FAILED"}, "UPDATE_ROLLBACK_IN_PROGRESS"}
)

// check refuses the operation in a status that it cannot begin in.
func (o operation) check(s *Stack, status string) error {
	if !slices.Contains(o.from, status) {
		return api.Errorf("ValidationError", "Stack:%s is in %s state and can not be %s.", s.ID, status, o.verb)
	}
	return nil
}

// begin claims the stack for an operation, which end ends.
func (s *Stack) begin(ctx context.Context, o operation, token string) (_ context.Context, end func(), err error) {
	s.mu.Lock()
	err = o.check(s, s.status)
	if err == nil && s.ended != nil {
		err = api.Errorf("OperationInProgressException", "Stack [%s] has an operation in progress", s.Name)
	}
	if err != nil {
		s.mu.Unlock()
		return nil, nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	s.stop, s.ended, s.token = stop, ended, token
	// What was reviewed tells of a stack as it no longer is.
	for _, c := range s.changeSets {
		if c.execution == "AVAILABLE" {
			c.execution = "OBSOLETE"
		}
	}
	s.mu.Unlock()
	s.setStatus(o.status, "User Initiated")
	return ctx, func() {
		stop()
		s.mu.Lock()
		s.ended, s.stop = nil, nil
		s.mu.Unlock()
		close(ended)
	}, nil
}

// launch runs an operation on a stack in the background. Its failure is the
// stack's status and its events.
func (s *Service) launch(stack *Stack, o operation, token string, run func(context.Context) error) error {
	ctx, end, err := stack.begin(s.ctx, o, token)
	if err != nil {
		return err
	}
	s.work.Go(func() {
		defer end()
		_ = run(ctx)
	})
	return nil
}

// planUpdate prepares an update and refuses one that changes nothing.
func (s *Service) planUpdate(stack *Stack, t *Template, o Options) (*plan, error) {
	p, err := newPlan(t, o, stack.ID)
	if err != nil {
		return nil, err
	}
	if _, changes, err := p.changes(stack); err != nil || !changes {
		if err == nil {
			err = api.Errorf("ValidationError", "No updates are to be performed.")
		}
		return nil, err
	}
	return p, nil
}

type stackIDOutput struct {
	StackID string `json:"StackId" xml:"StackId"`
}

type createStackInput struct {
	templateInput
	EnableTerminationProtection flag
	DisableRollback             *flag
	OnFailure                   string
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
func (s *Service) createStack(ctx context.Context, _ api.Caller, in *createStackInput) (*stackIDOutput, error) {
	onFailure, err := in.failureAction()
	if err != nil {
		return nil, err
	}
	if err := checkStackName(in.StackName); err != nil {
		return nil, err
	}
	t, o, err := s.request(ctx, &in.templateInput, nil)
	if err != nil {
		return nil, err
	}
	stack := newStack(in.StackName, stackID(o, s.generation(in.StackName)))
	stack.onFailure, stack.protected = onFailure, bool(in.EnableTerminationProtection)
	p, err := newPlan(t, o, stack.ID)
	if err != nil {
		return nil, asValidation(err)
	}
	stack.plan = p
	if err := s.record(stack); err != nil {
		return nil, err
	}
	err = s.launch(stack, creation, in.ClientRequestToken, func(ctx context.Context) error { return p.create(ctx, stack) })
	return &stackIDOutput{stack.ID}, err
}

// failureAction joins two ways to say the same.
func (in *createStackInput) failureAction() (string, error) {
	switch {
	case in.OnFailure != "" && in.DisableRollback != nil:
		return "", api.Errorf("ValidationError", "Either DisableRollback or OnFailure can be specified, not both.")
	case in.DisableRollback != nil && bool(*in.DisableRollback):
		return doNothing, nil
	case in.OnFailure == "":
		return rollBack, nil
	}
	return in.OnFailure, oneOf("onFailure", in.OnFailure, doDelete, doNothing, rollBack)
}

type updateStackInput struct {
	templateInput
	DisableRollback flag
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html
func (s *Service) updateStack(ctx context.Context, _ api.Caller, in *updateStackInput) (*stackIDOutput, error) {
	if in.DisableRollback {
		return nil, rollbackNeeded()
	}
	stack, err := s.Stack(in.StackName)
	if err != nil {
		return nil, api.Errorf("ValidationError", "Stack [%s] does not exist", in.StackName)
	}
	status, _ := stack.Status()
	if err := updating.check(stack, status); err != nil {
		return nil, err
	}
	t, o, err := s.request(ctx, &in.templateInput, stack)
	if err != nil {
		return nil, err
	}
	p, err := s.planUpdate(stack, t, o)
	if err != nil {
		return nil, asValidation(err)
	}
	u := &update{stack: stack, plan: p}
	return &stackIDOutput{stack.ID}, s.launch(stack, updating, in.ClientRequestToken, u.run)
}

func rollbackNeeded() error {
	return api.Errorf("ValidationError", "The embedded runtime rolls failed updates back: DisableRollback must be false.")
}

type deleteStackInput struct {
	StackName          string
	RetainResources    []string
	ClientRequestToken string
}

// deleteStack deletes a stack; one that does not exist is deleted. A creation
// that is under way is ended first.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
func (s *Service) deleteStack(_ context.Context, _ api.Caller, in *deleteStackInput) (*struct{}, error) {
	if in.StackName == "" {
		return nil, missing("stackName")
	}
	stack := s.find(in.StackName)
	if stack == nil {
		// A stack that does not exist is deleted.
		return &struct{}{}, nil
	}
	stack.mu.Lock()
	status, protected, stop, ended := stack.status, stack.protected, stack.stop, stack.ended
	stack.mu.Unlock()
	switch {
	case status == "DELETE_COMPLETE" || status == "DELETE_IN_PROGRESS":
		return &struct{}{}, nil
	case protected:
		return nil, api.Errorf("ValidationError", "Stack [%s] cannot be deleted while TerminationProtection is enabled", stack.Name)
	case len(in.RetainResources) > 0 && status != "DELETE_FAILED":
		return nil, api.Errorf("ValidationError", "Invalid operation on stack [%s]. RetainResources can be specified only for stacks in the DELETE_FAILED state", stack.ID)
	case ended != nil && status == "CREATE_IN_PROGRESS":
		stop()
		s.work.Go(func() {
			<-ended
			// What keeps the stack from being deleted now is its status.
			_ = s.launch(stack, deletion, in.ClientRequestToken, func(ctx context.Context) error { return stack.delete(ctx, nil) })
		})
		return &struct{}{}, nil
	}
	return &struct{}{}, s.launch(stack, deletion, in.ClientRequestToken, func(ctx context.Context) error { return stack.delete(ctx, in.RetainResources) })
}

type continueUpdateRollbackInput struct {
	StackName          string
	ResourcesToSkip    []string
	ClientRequestToken string
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html
func (s *Service) continueUpdateRollback(_ context.Context, _ api.Caller, in *continueUpdateRollbackInput) (*struct{}, error) {
	stack, err := s.Stack(in.StackName)
	if err != nil {
		return nil, err
	}
	for _, id := range in.ResourcesToSkip {
		if r, ok := stack.Resource(id); !ok || r.Status != "UPDATE_FAILED" {
			return nil, api.Errorf("ValidationError", "Only resources in UPDATE_FAILED state can be skipped: [%s]", id)
		}
	}
	return &struct{}{}, s.launch(stack, continuation, in.ClientRequestToken, func(ctx context.Context) error {
		stack.mu.RLock()
		u := stack.unfinished
		stack.mu.RUnlock()
		return u.rollBack(ctx, in.ResourcesToSkip)
	})
}

type updateTerminationProtectionInput struct {
	StackName                   string
	EnableTerminationProtection *flag
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateTerminationProtection.html
func (s *Service) updateTerminationProtection(_ context.Context, _ api.Caller, in *updateTerminationProtectionInput) (*stackIDOutput, error) {
	if in.EnableTerminationProtection == nil {
		return nil, missing("enableTerminationProtection")
	}
	stack, err := s.Stack(in.StackName)
	if err != nil {
		return nil, err
	}
	stack.mu.Lock()
	defer stack.mu.Unlock()
	stack.protected = bool(*in.EnableTerminationProtection)
	return &stackIDOutput{stack.ID}, nil
}
