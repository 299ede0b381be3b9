package scenario

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/registry"
)

// Bug takes one of the slot rules out of what Muster's functions say and hear, to
// see that a search notices. The zero value is none.
type Bug struct {
	Name string
	// Stream says that the rule is one of the stream lane.
	Stream bool
	// Faults that the rule is there for, beside those of every storm.
	Faults []api.Fault
	// Wire and Definition are for [Options].
	Wire       func(function string, next http.RoundTripper) http.RoundTripper
	Definition func(name, definition string) string
}

// Bugs are the rules that hold the cap, each left out.
var Bugs = []Bug{
	{
		Name: "no version check",
		Wire: Rewriting(func(_, target string, request map[string]any) {
			EachAction(request, func(action map[string]any) { Weaken(action, "Version") })
		}, nil),
	},
	{
		Name: "no BusyUntil",
		Wire: Rewriting(func(function, target string, request map[string]any) {
			if target == "UpdateItem" && function != "autoscaler" {
				Assign(request, "BusyUntil", map[string]any{"N": "0"})
			}
		}, nil),
	},
	{
		Name:   "no token",
		Stream: true,
		Faults: []api.Fault{{Service: "lambda", Operation: "Invoke", Match: invokesPump, Kind: api.Abandon, For: 20 * time.Second, Probability: 0.7}},
		Wire: Rewriting(func(_, target string, request map[string]any) {
			if target == "UpdateItem" {
				Weaken(request, "Token")
			}
		}, nil),
	},
	{
		Name:   "upsert instead of condition",
		Stream: true,
		Wire: Rewriting(func(function, target string, request map[string]any) {
			if target == "UpdateItem" && function != "autoscaler" {
				Weaken(request, "Holder")
				Weaken(request, "Token")
			}
		}, nil),
		Definition: func(name, definition string) string {
			if name != "worker" {
				return definition
			}
			return strings.Replace(definition, `"ConditionExpression": "#holder = :me"`, `"ConditionExpression": "attribute_not_exists(#holder) OR #holder <> :me OR #holder = :me"`, 1)
		},
	},
	{
		Name: "freeing by time",
		Wire: Rewriting(func(function, target string, request map[string]any) {
			if function == "autoscaler" {
				Weaken(request, "BusyUntil")
				EachAction(request, func(action map[string]any) { Weaken(action, "BusyUntil") })
			}
		}, func(function, target string, response map[string]any) {
			switch {
			case function == "autoscaler" && target == "Query":
				items, _ := response["Items"].([]any)
				for _, item := range items {
					item := item.(map[string]any)
					reported, _ := item["ReportedAt"].(map[string]any)
					ended, _ := item["Ended"].(map[string]any)
					if silent(reported["S"]) || ended["BOOL"] == true {
						item["BusyUntil"] = map[string]any{"N": "0"}
					}
				}
			case target == "DescribeExecution":
				response["status"] = "ABORTED"
			case target == "UpdateItem":
				if item, ok := response["Attributes"].(map[string]any); ok && function == "autoscaler" {
					item["BusyUntil"] = map[string]any{"N": "0"}
				}
			}
		}),
	},
}

// ClockBug is the rule that only counts where clocks differ, left out: what pumps
// say of their handlers has no margin for other clocks. No storm notices.
var ClockBug = Bug{
	Name:   "clocks 10 s apart, and no margin for it",
	Stream: true,
	Wire: Rewriting(func(function, target string, request map[string]any) {
		if target != "UpdateItem" || function != "pump" {
			return
		}
		Change(request, "BusyUntil", func(value map[string]any) {
			text, _ := value["N"].(string)
			if until, err := strconv.ParseInt(text, 10, 64); err == nil && until > 0 {
				value["N"] = strconv.FormatInt(until-registry.ClockMargin.Milliseconds(), 10)
			}
		})
	}, nil),
}

func invokesPump(c api.Call) bool {
	in, ok := c.Input.(*lambda.InvokeInput)
	return ok && strings.HasSuffix(in.FunctionName, "jobs-pump")
}

func silent(at any) bool {
	text, _ := at.(string)
	t, err := time.Parse(time.RFC3339, text)
	return err == nil && time.Since(t) > 2*time.Minute
}

// Rewriting wraps a function's transport so that requests and responses of JSON
// protocols can be changed on their way.
func Rewriting(request, response func(function, target string, body map[string]any)) func(string, http.RoundTripper) http.RoundTripper {
	return func(function string, next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			_, target, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
			if !ok {
				return next.RoundTrip(r)
			}
			body, err := changed(r.Body, func(v map[string]any) { request(function, target, v) })
			if err != nil {
				return nil, err
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			answer, err := next.RoundTrip(r)
			if err != nil || response == nil {
				return answer, err
			}
			if body, err = changed(answer.Body, func(v map[string]any) { response(function, target, v) }); err != nil {
				return nil, err
			}
			answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			answer.Header.Del("Content-Length")
			return answer, nil
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func changed(body io.ReadCloser, change func(map[string]any)) ([]byte, error) {
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	var v map[string]any
	if json.Unmarshal(data, &v) != nil {
		return data, nil
	}
	change(v)
	return json.Marshal(v)
}

// EachAction visits the actions of a transaction.
func EachAction(request map[string]any, visit func(map[string]any)) {
	items, _ := request["TransactItems"].([]any)
	for _, item := range items {
		for _, action := range item.(map[string]any) {
			visit(action.(map[string]any))
		}
	}
}

// Weaken drops from an action's condition every term that mentions the
// attribute, and the names and values that nothing needs any more.
func Weaken(action map[string]any, attribute string) {
	condition, _ := action["ConditionExpression"].(string)
	if condition == "" {
		return
	}
	names, _ := action["ExpressionAttributeNames"].(map[string]any)
	placeholder := attribute
	for short, name := range names {
		if name == attribute {
			placeholder = short
		}
	}
	var kept []string
	for _, group := range strings.Split(strings.TrimSuffix(strings.TrimPrefix(condition, "("), ")"), ") AND (") {
		var terms []string
		if strings.Contains(group, " OR ") {
			terms = []string{group}
		} else {
			terms = strings.Split(group, " AND ")
		}
		for _, term := range terms {
			if !regexp.MustCompile(regexp.QuoteMeta(placeholder) + `\b`).MatchString(term) {
				kept = append(kept, term)
			}
		}
	}
	delete(action, "ConditionExpression")
	if len(kept) > 0 {
		action["ConditionExpression"] = "(" + strings.Join(kept, ") AND (") + ")"
	}
	Prune(action)
}

// Assign changes the value that an update sets an attribute to.
func Assign(request map[string]any, attribute string, value map[string]any) {
	if placeholder := setTo(request, attribute); placeholder != "" {
		request["ExpressionAttributeValues"].(map[string]any)[placeholder] = value
	}
}

// Change visits the value that an update sets an attribute to.
func Change(request map[string]any, attribute string, visit func(value map[string]any)) {
	if placeholder := setTo(request, attribute); placeholder != "" {
		visit(request["ExpressionAttributeValues"].(map[string]any)[placeholder].(map[string]any))
	}
}

// setTo is the placeholder of the value that an update sets an attribute to.
// Empty if it does not.
func setTo(request map[string]any, attribute string) string {
	update, _ := request["UpdateExpression"].(string)
	names, _ := request["ExpressionAttributeNames"].(map[string]any)
	placeholder := attribute
	for short, name := range names {
		if name == attribute {
			placeholder = short
		}
	}
	pattern := `(?:^|[ ,])(?:` + attribute + `|` + regexp.QuoteMeta(placeholder) + `) = (:\w+)`
	if m := regexp.MustCompile(pattern).FindStringSubmatch(update); m != nil {
		return m[1]
	}
	return ""
}

// Prune drops the names and values that no expression of an action needs.
func Prune(action map[string]any) {
	used := ""
	for _, key := range []string{"ConditionExpression", "UpdateExpression"} {
		text, _ := action[key].(string)
		used += " " + text
	}
	for _, key := range []string{"ExpressionAttributeNames", "ExpressionAttributeValues"} {
		placeholders, _ := action[key].(map[string]any)
		for p := range placeholders {
			if !regexp.MustCompile(regexp.QuoteMeta(p) + `\b`).MatchString(used) {
				delete(placeholders, p)
			}
		}
		if len(placeholders) == 0 {
			delete(action, key)
		}
	}
}
