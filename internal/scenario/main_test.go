package scenario

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	fleet "github.com/musterq/muster/cloudformation"
)

var report = flag.Bool("permissions", false, "list the permissions that the scenarios which ran did not need")

// All scenarios together are the workload that the template's policies are for:
// once they have passed, each action and each resource of each statement must
// have been one that some call of theirs could not do without.
func TestMain(m *testing.M) {
	status := m.Run()
	if *report {
		fmt.Println(strings.Join(unneeded(), "\n"))
	}
	if status == 0 && whole() {
		for _, problem := range unneeded() {
			fmt.Println(problem)
			status = 1
		}
	}
	os.Exit(status)
}

// unreached are parts that the code needs on a path that no scenario takes, by
// role and what they are.
var unreached = map[string]string{
	"PollRole: s3:GetObject":                "a duplicate at its last receive, whose message was sent again, is looked for among what is kept",
	"PollRole: s3:ListBucket":               "the same, where its object is gone",
	"PollRole: resource 1 of s3:ListBucket": "the same",
}

// whole tells whether every scenario ran.
func whole() bool {
	for _, name := range []string{"run", "skip", "list"} {
		if flag.Lookup("test."+name).Value.String() != "" {
			return false
		}
	}
	return true
}

// unneeded tells what of the template's policies no scenario needs.
func unneeded() []string {
	Needs.Lock()
	defer Needs.Unlock()
	had := map[string]bool{}
	var problems []string
	for part, needed := range Needs.Parts {
		had[part.Statement] = true
		switch _, excused := unreached[part.Role+": "+part.What]; {
		case !needed && !excused:
			problems = append(problems, part.String()+" is needed by no scenario")
		case needed && excused:
			problems = append(problems, part.String()+" is needed by a scenario: take it from the list")
		}
	}
	identity := false
	for i, line := range strings.Split(string(fleet.Fleet), "\n") {
		switch {
		case strings.HasPrefix(line, "    Type: "), strings.HasSuffix(line, " AssumeRolePolicyDocument:"):
			identity = strings.HasPrefix(line, "    Type: AWS::IAM::Policy")
		case strings.HasSuffix(line, " Policies:"):
			identity = true
		}
		if statement.MatchString(line) && identity && !had[fmt.Sprintf("L%d", i+1)] {
			problems = append(problems, fmt.Sprintf("cloudformation/fleet.yaml:%d: no scenario has the statement", i+1))
		}
	}
	slices.Sort(problems)
	return problems
}
