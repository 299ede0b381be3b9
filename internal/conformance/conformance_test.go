package conformance_test

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/conformance"
)

var (
	endpoint = flag.String("endpoint", "", `run the suite against this endpoint, such as http://127.0.0.1:4566 or "aws"`)
	region   = flag.String("region", "us-east-1", "region of the endpoint")
	role     = flag.String("role", "arn:aws:iam::000000000000:role/conformance", "role that functions and state machines of the endpoint may assume")
	match    = flag.String("match", "", "run only the cases whose full name contains this")
	long     = flag.Bool("long", false, "run the long cases in real time too")
)

func TestConformance(t *testing.T) {
	if *endpoint == "" {
		return
	}
	target := conformance.Endpoint(*endpoint, *region, *role)
	target.Match, target.Long = *match, *long
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
