package conformance_test

import (
	"flag"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/conformance"
	"github.com/musterq/muster/internal/local"
)

var (
	endpoint = flag.String("endpoint", "", `run the suite against this endpoint, such as http://127.0.0.1:4566 or "aws"`)
	region   = flag.String("region", "us-east-1", "region of the endpoint")
	role     = flag.String("role", "arn:aws:iam::000000000000:role/conformance", "role that functions and state machines of the endpoint may assume")
	match    = flag.String("match", "", "run only the cases whose full name contains this")
	long     = flag.Bool("long", false, "run the long cases in real time too")
)

func TestConformance(t *testing.T) {
	target := embedded()
	if *endpoint != "" {
		target = conformance.Endpoint(*endpoint, *region, *role)
	}
	target.Long = *long
	target.Select = func(c conformance.Case) bool { return strings.Contains(c.String(), *match) }
	conformance.Run(t, target)
}

// What only a process can do runs against the embedded runtime over loopback, in
// real time.
func TestProcesses(t *testing.T) {
	runtime, err := local.Start(local.Options{Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, runtime.Close()) })
	target := conformance.Endpoint(runtime.Account.Endpoint, runtime.Account.Region, assumable(runtime))
	target.Select = func(c conformance.Case) bool { return c.Process }
	conformance.Run(t, target)
}

func TestEveryCaseCitesAPageAndHasANameOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range conformance.Cases() {
		assert.Regexp(t, `^https://docs\.aws\.amazon\.com/.+\.html(#.+)?$`, c.Page, c.String())
		assert.NotEmpty(t, c.Name)
		assert.False(t, seen[c.String()], "two cases are named %q", c)
		require.NotNil(t, c.Run, c.String())
		seen[c.String()] = true
	}
}
