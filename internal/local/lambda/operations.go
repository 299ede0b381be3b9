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
func (s *Service) createFunction(_ context.Context, _ api.Caller, in *createFunctionInput) (*configuration, error) {
	if in.PackageType != "" && in.PackageType != "Zip" {
		return nil, invalid("The embedded runtime runs packages of type Zip, not " + in.PackageType + ".")
	}
	if in.Publish {
		return nil, invalid("The embedded runtime keeps no versions: Publish must be false.")
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
	dir, err := s.unzip(in.Code.ZipFile)
	if err != nil {
		return nil, err
	}
	if f.Code, err = Load(f.Runtime, f.Handler, dir); err != nil {
		return nil, invalid(err.Error())
	}
	made, err := s.put(f, false)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	made.size = int64(len(in.Code.ZipFile))
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
	if r := f.config.ReservedConcurrency; r != nil {
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

// updateFunctionConfiguration changes settings; the next invocation starts a new
// environment. The runtime and the handler of local code belong to the code.
// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html
func (s *Service) updateFunctionConfiguration(_ context.Context, _ api.Caller, in *updateConfigurationInput) (*configuration, error) {
	s.mu.Lock()
	f, err := s.find(in.FunctionName, "")
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
	if changed(in.Handler, f.config.Handler) || changed(in.Runtime, f.config.Runtime) {
		return Function{}, invalid("The embedded runtime cannot change the handler or the runtime of a function without its code: create the function anew.")
	}
	config := f.config
	if err := in.apply(&config); err != nil {
		return config, err
	}
	set(&config.KMSKey, in.KMSKeyArn)
	return config.complete()
}

func changed(to *string, from string) bool { return to != nil && *to != from }

// deleteFunction forgets a function; what runs of it runs on.
// https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html
func (s *Service) deleteFunction(_ context.Context, _ api.Caller, in *functionInput) (*struct{}, error) {
	s.mu.Lock()
	f, err := s.find(in.FunctionName, in.Qualifier)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	if in.Qualifier == latest {
		s.mu.Unlock()
		return nil, invalid("$LATEST version cannot be deleted without deleting the function.")
	}
	s.reserve(f, nil)
	delete(s.functions, f.config.Name)
	evicted := s.modified(f)
	s.mu.Unlock()
	s.stop(evicted)
	return &struct{}{}, nil
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
	limit := pageSize
	if in.MaxItems != 0 {
		if err := between("maxItems", in.MaxItems, 1, 10000); err != nil {
			return nil, err
		}
		limit = min(limit, in.MaxItems)
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
