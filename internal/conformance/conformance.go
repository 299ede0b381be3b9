// Package conformance is one suite of AWS behaviours that runs against any
// endpoint: AWS itself, the embedded runtime, or another emulator. Every case
// cites the AWS page that it rests on, drives the real SDK clients and expects
// what is written there, never what an emulator happens to do.
//
//	go test ./internal/conformance                  the embedded runtime, in virtual time
//	go test ./internal/conformance -v -args -endpoint http://127.0.0.1:4566
//	go test ./internal/conformance -v -args -endpoint aws -role arn:aws:iam::...
//
// Further flags: -region, -match (part of a case's full name), -long (also the
// cases that wait for minutes).
package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Case is one behaviour of AWS.
type Case struct {
	// Service that it belongs to: "sqs", "dynamodb", "states", "lambda".
	Service string
	// Name says what AWS does.
	Name string
	// Page of AWS that says so.
	Page string
	// Long marks a case that waits longer than ten seconds. Where time is real
	// it runs on demand only.
	Long bool
	// Process marks a case that needs its function in a process of its own.
	Process bool
	// Run checks it.
	Run func(t *testing.T, c *Clients)
}

// String is the case's full name: "sqs/an empty receive has no Messages field".
func (c Case) String() string { return c.Service + "/" + c.Name }

// Target is what the suite runs against.
type Target struct {
	// Virtual time: each case runs in a synctest bubble of its own, and Open is
	// called inside it.
	Virtual bool
	// Long runs the long cases in real time too.
	Long bool
	// Inside says that functions run inside the test's process.
	Inside bool
	// Select narrows the run to the cases it says yes to. Defaults to all.
	Select func(Case) bool
	// Open gives an account to test. What it holds open ends with t.Cleanup.
	Open func(t *testing.T) Account
}

// Account is one AWS account, or what stands in for it.
type Account struct {
	// Config for the clients: endpoint, region, credentials.
	Config aws.Config
	// RoleARN that functions and state machines may assume.
	RoleARN string
	// Deploy makes a function of the given name that runs fixture.Handle, and
	// returns its ARN. It is gone after t.
	Deploy func(t *testing.T, f Function) (arn string)
}

// Function asks for a function that runs the fixture.
type Function struct {
	Name string
	// Timeout in seconds.
	Timeout int32
	// Memory in MB.
	Memory int32
}

// Cases are all cases, service by service.
func Cases() []Case {
	return slices.Concat(
		of("sqs", sqsQueueCases(), sqsSendCases(), sqsBatchCases(), sqsReceiveCases(), sqsVisibilityCases(), sqsDeadLetterCases(), sqsFIFOCases(), sqsGroupCases()),
		of("dynamodb", dynamoTableCases(), dynamoItemCases(), dynamoConditionCases(), dynamoUpdateCases(), dynamoQueryCases(), dynamoBatchCases()),
		of("states", statesMachineCases(), statesExecutionCases(), statesDataCases(), statesIntrinsicCases(), statesChoiceCases(),
			statesErrorCases(), statesTaskCases(), statesCallbackCases(), statesExpressCases()),
		of("lambda", lambdaInvokeCases(), lambdaAsyncCases(), lambdaFunctionCases(), lambdaVersionCases(), lambdaMappingCases()),
	)
}

func of(service string, groups ...[]Case) []Case {
	cases := slices.Concat(groups...)
	for i := range cases {
		cases[i].Service = service
	}
	return cases
}

// Run runs the suite and logs a table of its results. A case that was not run is
// listed as such.
func Run(t *testing.T, target Target) {
	results := make(map[string]*outcome)
	var selected []Case
	for _, c := range Cases() {
		if target.Select == nil || target.Select(c) {
			selected = append(selected, c)
			results[c.String()] = &outcome{}
		}
	}
	if len(selected) == 0 {
		t.Fatal("no case was selected")
	}
	t.Run("cases", func(t *testing.T) {
		for _, c := range selected {
			if c.Long && !target.Virtual && !target.Long || c.Process && target.Inside {
				continue
			}
			t.Run(c.String(), func(t *testing.T) { target.run(t, c, results[c.String()]) })
		}
	})
	t.Log(table(selected, results))
}

func (target Target) run(t *testing.T, c Case, result *outcome) {
	result.ran = true
	t.Cleanup(func() { result.failed = t.Failed() })
	run := func(t *testing.T) {
		// An answer that lacks a member fails its case, not the whole run.
		defer func() {
			if missing := recover(); missing != nil {
				t.Errorf("stopped at an answer without what AWS would have in it: %v", missing)
			}
		}()
		c.Run(t, newClients(target.Open(t)))
	}
	if target.Virtual {
		synctest.Test(t, run)
		return
	}
	t.Parallel()
	run(t)
}

type outcome struct{ ran, failed bool }

func (o outcome) String() string {
	switch {
	case !o.ran:
		return "NOT RUN"
	case o.failed:
		return "FAILED"
	}
	return "passed"
}

func table(cases []Case, results map[string]*outcome) string {
	var b strings.Builder
	counts := map[string]int{}
	for _, c := range cases {
		result := results[c.String()].String()
		counts[result]++
		fmt.Fprintf(&b, "\n%-8s %-10s %s\n%20s%s", result, c.Service, c.Name, "", c.Page)
	}
	fmt.Fprintf(&b, "\n%d passed, %d failed, %d not run", counts["passed"], counts["FAILED"], counts["NOT RUN"])
	return b.String()
}
