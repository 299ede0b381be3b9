package lambda

import (
	"context"
	"maps"
	"slices"

	"github.com/musterq/muster/internal/local/api"
)

// pageSize is the most functions that one ListFunctions returns.
const pageSize = 50

type createFunctionInput struct {
	FunctionName string
	Code         codeInput
	KMSKeyArn    string
	PackageType  string
	Publish      bool
	Tags         map[string]string
	settings[int]
}

// createFunction makes a function of a deployment package.
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
func (s *Service) createFunction(ctx context.Context, _ api.Caller, in *createFunctionInput) (*configuration, error) {
	if in.PackageType != "" && in.PackageType != "Zip" {
		return nil, invalid("The embedded runtime runs packages of type Zip, not " + in.PackageType + ".")
	}
	if in.Role == nil {
		return nil, constraint("role", "null", "Member must not be null")
	}
	if err := in.Code.check(); err != nil {
		return nil, err
	}
	ref, err := s.parseName(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	f := Function{Name: ref.name, KMSKey: in.KMSKeyArn, Tags: in.Tags}
	if err := in.apply(&f); err != nil {
		return nil, err
	}
	s.mu.Lock()
	_, exists := s.functions[f.Name]
	s.mu.Unlock()
	if exists {
		return nil, alreadyExists(f.Name)
	}
	if err := s.load(ctx, in.Code, &f); err != nil {
		return nil, err
	}
	made, err := s.put(f, false)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.Publish {
		made, _ = s.publish(made, nil)
	}
	return made.configuration(), nil
}

type getFunctionOutput struct {
	Configuration *configuration
	// Code of a local function has no place to be downloaded from.
	Code struct {
		RepositoryType string
		Location       string
	}
	Concurrency *concurrencyOutput `json:",omitempty"`
	Tags        map[string]string  `json:",omitempty"`
}

// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html
func (s *Service) getFunction(_ context.Context, _ api.Caller, in *functionInput) (*getFunctionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	out := &getFunctionOutput{Configuration: f.configuration(), Tags: f.config.Tags}
	if r := f.root.config.ReservedConcurrency; r != nil {
		out.Concurrency = &concurrencyOutput{r}
	}
	return out, nil
}

// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
func (s *Service) getFunctionConfiguration(_ context.Context, _ api.Caller, in *functionInput) (*configuration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return f.configuration(), nil
}

type updateConfigurationInput struct {
	FunctionName string
	KMSKeyArn    *string
	RevisionId   *string
	settings[int]
}

type updateCodeInput struct {
	FunctionName  string
	Architectures []string
	DryRun        bool
	Publish       bool
	RevisionId    *string
	codeInput
}

// updateFunctionCode gives a function other code: invocations that run go on with
// what they started with, the next one gets the new.
// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html
func (s *Service) updateFunctionCode(ctx context.Context, _ api.Caller, in *updateCodeInput) (*configuration, error) {
	s.mu.Lock()
	f, err := s.findRoot(in.FunctionName)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	config, revision := f.config, f.revision
	s.mu.Unlock()
	if in.RevisionId != nil && *in.RevisionId != revision {
		return nil, preconditionFailed()
	}
	if in.Architectures != nil {
		config.Architectures = in.Architectures
	}
	if err := s.load(ctx, in.codeInput, &config); err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.functions[config.Name] != f || f.revision != revision {
		s.mu.Unlock()
		return nil, &api.Error{
			Code: "ResourceConflictException", Status: 409, Fields: map[string]any{"Type": "User"},
			Message: "The operation cannot be performed at this time. An update is in progress for resource: " + f.arn,
		}
	}
	if in.DryRun {
		defer s.mu.Unlock()
		return f.configuration(), nil
	}
	f.config = config
	evicted := s.modified(f)
	if in.Publish {
		f, _ = s.publish(f, nil)
	}
	out := f.configuration()
	s.mu.Unlock()
	s.stop(evicted)
	return out, nil
}

// updateFunctionConfiguration changes settings; the next invocation starts a new
// environment. The runtime and the handler of local code belong to the code.
// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html
func (s *Service) updateFunctionConfiguration(_ context.Context, _ api.Caller, in *updateConfigurationInput) (*configuration, error) {
	s.mu.Lock()
	f, err := s.findRoot(in.FunctionName)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	config, err := in.change(f)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	f.config = config
	evicted := s.modified(f)
	out := f.configuration()
	s.mu.Unlock()
	s.stop(evicted)
	return out, nil
}

// change is a function's configuration as the input wants it.
func (in *updateConfigurationInput) change(f *function) (Function, error) {
	if in.RevisionId != nil && *in.RevisionId != f.revision {
		return Function{}, preconditionFailed()
	}
	other := changed(in.Handler, f.config.Handler) || changed(in.Runtime, f.config.Runtime)
	if other && f.config.folder == "" {
		return Function{}, invalid("The embedded runtime cannot change the handler or the runtime of a function without its code: create the function anew.")
	}
	config := f.config
	if err := in.apply(&config); err != nil {
		return config, err
	}
	if other {
		if err := config.reload(); err != nil {
			return config, err
		}
	}
	set(&config.KMSKey, in.KMSKeyArn)
	return config.complete()
}

func changed(to *string, from string) bool { return to != nil && *to != from }

// deleteFunction forgets a function, or one version of it; what runs of it runs
// on.
// https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html
func (s *Service) deleteFunction(_ context.Context, _ api.Caller, in *functionInput) (*struct{}, error) {
	s.mu.Lock()
	evicted, err := s.forgetFunction(in)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s.stop(evicted)
	return &struct{}{}, nil
}

// forgetFunction returns the environments to stop. The lock must be held.
func (s *Service) forgetFunction(in *functionInput) ([]*instance, error) {
	ref, err := s.parseName(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	f, err := s.lookup(ref)
	switch {
	case err != nil:
		return nil, err
	case ref.qualifier == latest:
		return nil, invalid("$LATEST version cannot be deleted without deleting the function.")
	case ref.qualifier != "" && f.version != ref.qualifier:
		return nil, invalid("An alias is not a version: " + s.qualified(ref))
	case ref.qualifier != "":
		return f.root.unpublish(f.version)
	}
	s.reserve(f, nil)
	delete(s.functions, f.config.Name)
	for _, v := range f.published {
		v.generation++
	}
	return append(f.evictFamily(), s.modified(f)...), nil
}

type listFunctionsInput struct {
	Marker          string
	MaxItems        int
	FunctionVersion string
}

type listFunctionsOutput struct {
	Functions  []*configuration
	NextMarker string `json:",omitempty"`
}

// listFunctions lists functions by name.
// https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html
func (s *Service) listFunctions(_ context.Context, _ api.Caller, in *listFunctionsInput) (*listFunctionsOutput, error) {
	if in.FunctionVersion != "" && in.FunctionVersion != "ALL" {
		return nil, constraint("functionVersion", in.FunctionVersion, "Member must satisfy enum value set: [ALL]")
	}
	limit, err := pageLimit(in.MaxItems)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &listFunctionsOutput{Functions: []*configuration{}}
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		if name <= in.Marker {
			continue
		}
		if len(out.Functions) == limit {
			out.NextMarker = out.Functions[limit-1].FunctionName
			break
		}
		out.Functions = append(out.Functions, s.functions[name].configuration())
	}
	return out, nil
}

func alreadyExists(name string) *api.Error {
	return &api.Error{Code: "ResourceConflictException", Message: "Function already exist: " + name, Status: 409, Fields: map[string]any{"Type": "User"}}
}
