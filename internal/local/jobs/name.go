package jobs

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// own takes the part of an ARN of this account and region that follows its kind:
// "cluster/main" for the service "ecs" and the kind "cluster/". What is no ARN at
// all is a name already.
func (s *Service) own(service, kind, name string) (string, bool) {
	if !strings.HasPrefix(name, "arn:") {
		return name, name != "" && !strings.ContainsAny(name, "/:")
	}
	rest, ok := strings.CutPrefix(name, s.account.ARN(service, kind))
	return rest, ok && rest != ""
}

// definition finds the command of "name", "name:1" or the ARN of either.
func (s *Service) definition(service, kind, name string) (string, Command, bool) {
	if strings.HasPrefix(name, "arn:") {
		var ok bool
		if name, ok = strings.CutPrefix(name, s.account.ARN(service, kind)); !ok {
			return "", nil, false
		}
	}
	// There is one revision of each.
	name = strings.TrimSuffix(name, ":1")
	command, ok := s.options.Commands[name]
	return name, command, ok
}

// oneOf tells whether a value is one of an enumeration's, or not given.
func oneOf(value string, values ...string) bool {
	return value == "" || slices.Contains(values, value)
}

// characters counts those of the JSON of a value, as the services' limits do.
func characters(v any) (int, error) {
	text, err := json.Marshal(v)
	return utf8.RuneCount(text), err
}

// pair is an environment variable.
type pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func variables(pairs []pair) map[string]string {
	v := make(map[string]string, len(pairs))
	for _, p := range pairs {
		v[p.Name] = p.Value
	}
	return v
}

// requirement is a resource that a container asks for.
type requirement struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// maxOverrides is how long the overrides of a task may be.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
const maxOverrides = 8192

const tooLongOverrides = "Container Overrides length must be at most 8192"

// seconds is a time as JSON protocols send it: since the epoch, with a fraction.
// A zero time is null.
func seconds(t time.Time) *float64 {
	if t.IsZero() {
		return nil
	}
	s := float64(t.UnixMilli()) / 1000
	return &s
}

// milliseconds is a time as Batch sends it. A zero time is null.
func milliseconds(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}
