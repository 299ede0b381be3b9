package lambda

import (
	"context"
	"maps"
	"regexp"
	"slices"

	"github.com/musterq/muster/internal/local/api"
)

// alias is a name for a version of a function, which can be moved to another.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
type alias struct {
	name        string
	version     string
	description string
	revision    string
}

type aliasInput struct {
	FunctionName    string
	Name            string
	FunctionVersion *string
	Description     *string
	RevisionId      *string
	// RoutingConfig is taken empty only: there are no weighted aliases here.
	RoutingConfig *struct{ AdditionalVersionWeights map[string]float64 }
}

type aliasOutput struct {
	AliasArn        string
	Name            string
	FunctionVersion string
	Description     string
	RevisionId      string
}

func (f *function) aliasOutput(a *alias) *aliasOutput {
	return &aliasOutput{AliasArn: f.arn + ":" + a.name, Name: a.name, FunctionVersion: a.version, Description: a.description, RevisionId: a.revision}
}

// aliasName must not look like a version.
var (
	aliasName  = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,128}$`)
	numberOnly = regexp.MustCompile(`^[0-9]+$`)
)

// https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html
func (s *Service) createAlias(_ context.Context, _ api.Caller, in *aliasInput) (*aliasOutput, error) {
	if !aliasName.MatchString(in.Name) || numberOnly.MatchString(in.Name) {
		return nil, constraint("name", in.Name, "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)")
	}
	if in.FunctionVersion == nil {
		return nil, constraint("functionVersion", "null", "Member must not be null")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.findRoot(in.FunctionName)
	if err != nil {
		return nil, err
	}
	if f.aliases[in.Name] != nil {
		return nil, &api.Error{
			Code: "ResourceConflictException", Status: 409, Fields: map[string]any{"Type": "User"},
			Message: "Alias already exists: " + f.arn + ":" + in.Name,
		}
	}
	a := &alias{name: in.Name}
	if err := s.point(f, a, in); err != nil {
		return nil, err
	}
	if f.aliases == nil {
		f.aliases = map[string]*alias{}
	}
	f.aliases[a.name] = a
	return f.aliasOutput(a), nil
}

// point moves an alias. The lock must be held.
func (s *Service) point(f *function, a *alias, in *aliasInput) error {
	if in.RoutingConfig != nil && len(in.RoutingConfig.AdditionalVersionWeights) > 0 {
		return invalid("The embedded runtime does not split an alias over versions: AdditionalVersionWeights must be empty.")
	}
	if v := in.FunctionVersion; v != nil {
		if *v != latest && f.published[*v] == nil {
			return notFound("Function not found: " + f.arn + ":" + *v)
		}
		a.version = *v
	}
	set(&a.description, in.Description)
	a.revision = s.uuid()
	return nil
}

// findAlias finds an alias. The lock must be held.
func (s *Service) findAlias(in *aliasInput) (*function, *alias, error) {
	f, err := s.findRoot(in.FunctionName)
	if err != nil {
		return nil, nil, err
	}
	a := f.aliases[in.Name]
	if a == nil {
		return nil, nil, notFound("Cannot find alias arn: " + f.arn + ":" + in.Name)
	}
	return f, a, nil
}

// https://docs.aws.amazon.com/lambda/latest/api/API_GetAlias.html
func (s *Service) getAlias(_ context.Context, _ api.Caller, in *aliasInput) (*aliasOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, a, err := s.findAlias(in)
	if err != nil {
		return nil, err
	}
	return f.aliasOutput(a), nil
}

// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html
func (s *Service) updateAlias(_ context.Context, _ api.Caller, in *aliasInput) (*aliasOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, a, err := s.findAlias(in)
	if err != nil {
		return nil, err
	}
	if in.RevisionId != nil && *in.RevisionId != a.revision {
		return nil, preconditionFailed()
	}
	if err := s.point(f, a, in); err != nil {
		return nil, err
	}
	return f.aliasOutput(a), nil
}

// deleteAlias deletes an alias; one that does not exist is deleted.
// https://docs.aws.amazon.com/lambda/latest/api/API_DeleteAlias.html
func (s *Service) deleteAlias(_ context.Context, _ api.Caller, in *aliasInput) (*struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.findRoot(in.FunctionName)
	if err != nil {
		return nil, err
	}
	delete(f.aliases, in.Name)
	return &struct{}{}, nil
}

type listAliasesInput struct {
	FunctionName    string
	FunctionVersion string
	Marker          string
	MaxItems        int
}

type listAliasesOutput struct {
	Aliases    []*aliasOutput
	NextMarker string `json:",omitempty"`
}

// https://docs.aws.amazon.com/lambda/latest/api/API_ListAliases.html
func (s *Service) listAliases(_ context.Context, _ api.Caller, in *listAliasesInput) (*listAliasesOutput, error) {
	limit, err := pageLimit(in.MaxItems)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.findRoot(in.FunctionName)
	if err != nil {
		return nil, err
	}
	out := &listAliasesOutput{Aliases: []*aliasOutput{}}
	for _, name := range slices.Sorted(maps.Keys(f.aliases)) {
		a := f.aliases[name]
		if name <= in.Marker || in.FunctionVersion != "" && in.FunctionVersion != a.version {
			continue
		}
		if len(out.Aliases) == limit {
			out.NextMarker = out.Aliases[limit-1].Name
			break
		}
		out.Aliases = append(out.Aliases, f.aliasOutput(a))
	}
	return out, nil
}
