package cli

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/estate"
)

// elsewhere are the parameters that say what there is at AWS, and nothing of how
// messages are handled. On a laptop other things stand for it.
var elsewhere = []string{
	processParameter, transformParameter, "QueueArn", "DeadLetterQueueArn", "KmsKeyArn", "PermissionsBoundaryArn", "AlarmTopicArn",
	"GateAlarm", "JobArn", "JobQueueArn", "JobRoleArns", "RouteHandlers", "Enabled", architectureParameter, codeVersionParameter,
}

// functionARN is a function's ARN, with a version or alias or without.
var functionARN = regexp.MustCompile(`arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:function:([a-zA-Z0-9-_]+)(:[a-zA-Z0-9-_$]+)?`)

// declared takes over what muster.yaml says of a fleet: its parameters, but for
// those that flags give, and its handlers where o is given and has none.
func (p *parameters) declared(s *streams, name string, o *handlerOptions) error {
	given := p.given
	e, err := estate.Load(s.dir)
	if err != nil {
		return usage(err)
	}
	f := e.Fleet(name)
	if f == nil {
		return nil
	}
	if err := e.CheckFleet(p.template, f, standIns(f, given)); err != nil {
		return (&ships{e, p.template}).refused(err, given)
	}
	var left []string
	for key, value := range f.Texts() {
		_, flag := given[key]
		switch {
		case flag:
		case slices.Contains(elsewhere, key):
			left = append(left, key)
		case key == "Routes" && value != "" && o != nil && len(o.functions) == 0:
			return usage(fmt.Errorf("%s:%d: fleet %s has Routes: name what stands for their functions with --function NAME=HANDLER", e.File, f.Parameters[key].Line, name))
		case key == "Routes":
			// --function goes by a function's name alone.
			p.values[key] = functionARN.ReplaceAllString(value, "$1")
		default:
			p.values[key] = value
		}
	}
	slices.Sort(left)
	said := ""
	if len(left) > 0 {
		said = ", but for what is at AWS: " + strings.Join(left, ", ")
	}
	fmt.Fprintf(s.err, "The parameters of fleet %s are those of %s%s.\n", name, e.File, said)
	if o != nil && o.process == "" {
		o.process = f.Handler
	}
	if o != nil && o.transform == "" && o.process != "" {
		o.transform = f.Transform
	}
	return nil
}

// standIns are given, and whatever else the template wants to be told of what
// processes messages: on a laptop that may be said nowhere.
func standIns(f *estate.Fleet, given map[string]string) map[string]string {
	all := maps.Clone(given)
	values := f.Texts()
	maps.Copy(values, given)
	name, arn := processParameter, "arn:aws:lambda:us-east-1:123456789012:function:"+processFunction
	if target := values["Target"]; target != "" && target != "lambda" {
		name, arn = "JobArn", "arn:aws:states:us-east-1:123456789012:stateMachine:"+jobName
	}
	if values[name] == "" {
		all[name] = arn
	}
	return all
}

// refused makes a usage error of what the template refuses.
func (h *ships) refused(err error, given map[string]string) error {
	return usage(h.worded(err, given))
}
