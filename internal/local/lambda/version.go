package lambda

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// qualified is the version that a qualifier names: a number, an alias, $LATEST or
// none for the one that can change. Nil when there is none. The lock must be held.
func (f *function) qualified(qualifier string) *function {
	if qualifier == "" || qualifier == latest {
		return f
	}
	if a := f.aliases[qualifier]; a != nil {
		qualifier = a.version
	}
	if qualifier == latest {
		return f
	}
	return f.published[qualifier]
}

// findRoot finds the version of a function that can change. The lock must be
// held.
func (s *Service) findRoot(name string) (*function, error) {
	ref, err := s.parseName(name, "")
	if err != nil {
		return nil, err
	}
	if ref.qualifier != "" && ref.qualifier != latest {
		return nil, invalid("This operation is permitted on $LATEST only: " + s.qualified(ref) + " does not change.")
	}
	return s.lookup(ref)
}

// publish freezes a function's code and settings as a version. Without a change
// since the last one that is it again. The lock must be held.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
func (s *Service) publish(f *function, description *string) (v *function, made bool) {
	if v := f.published[strconv.Itoa(f.last)]; v != nil && f.lastOf == f.generation {
		return v, false
	}
	f.last++
	f.lastOf = f.generation
	number := strconv.Itoa(f.last)
	v = &function{config: f.config, version: number, root: f, arn: f.arn + ":" + number, revision: s.uuid(), lastModified: time.Now()}
	v.config.ReservedConcurrency = nil
	set(&v.config.Description, description)
	if f.published == nil {
		f.published = map[string]*function{}
	}
	f.published[number] = v
	return v, true
}

type publishVersionInput struct {
	FunctionName string
	CodeSha256   string
	Description  *string
	RevisionId   *string
}

// https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html
func (s *Service) publishVersion(_ context.Context, _ api.Caller, in *publishVersionInput) (*configuration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, _, err := s.publishChecked(in)
	if err != nil {
		return nil, err
	}
	return v.configuration(), nil
}

// publishChecked publishes what the caller believes the function to be. The lock
// must be held.
func (s *Service) publishChecked(in *publishVersionInput) (v *function, made bool, err error) {
	f, err := s.findRoot(in.FunctionName)
	if err != nil {
		return nil, false, err
	}
	if in.RevisionId != nil && *in.RevisionId != f.revision {
		return nil, false, preconditionFailed()
	}
	if in.CodeSha256 != "" && in.CodeSha256 != f.config.sha256 {
		return nil, false, invalid("CodeSHA256 (" + in.CodeSha256 + ") is different from current CodeSHA256 in $LATEST (" + f.config.sha256 + "). Please try again with the CodeSHA256 in $LATEST.")
	}
	v, made = s.publish(f, in.Description)
	return v, made, nil
}

type listVersionsInput struct {
	FunctionName string
	Marker       string
	MaxItems     int
}

type listVersionsOutput struct {
	Versions   []*configuration
	NextMarker string `json:",omitempty"`
}

// listVersionsByFunction lists $LATEST and the published versions, the oldest
// first.
// https://docs.aws.amazon.com/lambda/latest/api/API_ListVersionsByFunction.html
func (s *Service) listVersionsByFunction(_ context.Context, _ api.Caller, in *listVersionsInput) (*listVersionsOutput, error) {
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
	after := -1
	if in.Marker != "" {
		if after, err = strconv.Atoi(in.Marker); err != nil {
			return nil, invalid("Invalid Marker: " + in.Marker)
		}
	}
	out := &listVersionsOutput{}
	for n := after + 1; n <= f.last; n++ {
		v := f.published[strconv.Itoa(n)]
		if n == 0 {
			v = f
		}
		if v == nil {
			continue
		}
		if len(out.Versions) == limit {
			out.NextMarker = strconv.Itoa(n - 1)
			break
		}
		out.Versions = append(out.Versions, v.configuration())
	}
	return out, nil
}

// pageLimit is how many entries an answer has at most.
func pageLimit(wanted int) (int, error) {
	if wanted == 0 {
		return pageSize, nil
	}
	return min(pageSize, wanted), between("maxItems", wanted, 1, 10000)
}

// unpublish deletes one version and returns the environments to stop. What runs
// of it runs on. The lock must be held.
func (f *function) unpublish(number string) ([]*instance, error) {
	v := f.published[number]
	if v == nil {
		return nil, nil
	}
	for _, name := range slices.Sorted(maps.Keys(f.aliases)) {
		if f.aliases[name].version == number {
			return nil, &api.Error{
				Code: "ResourceConflictException", Status: 409, Fields: map[string]any{"Type": "User"},
				Message: "Unable to delete version because the following aliases reference it: [" + name + "]",
			}
		}
	}
	delete(f.published, number)
	// Environments that still serve do not come back.
	v.generation++
	return v.evictAll(), nil
}
