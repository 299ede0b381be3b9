package function

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/autoscaler"
)

func TestTicksTellWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		out  autoscaler.Output
		err  error
		want string
	}{
		"it is idle": {},
		"it failed":  {out: autoscaler.Output{Starved: true}, err: errors.New("no")},
		"two things": {
			out:  autoscaler.Output{Active: true, Starved: true, OverBudget: true},
			want: `{"Fleet":"jobs","Starved":1,"AtCap":0,"OverBudget":1,"_aws":{"Timestamp":946684800000,"CloudWatchMetrics":[{"Namespace":"Muster","Dimensions":[["Fleet"]],"Metrics":[{"Name":"Starved","Unit":"Count"},{"Name":"AtCap","Unit":"Count"},{"Name":"OverBudget","Unit":"Count"}]}]}}`,
		},
		"the cap": {
			out:  autoscaler.Output{Active: true, AtCap: true},
			want: `{"Fleet":"jobs","Starved":0,"AtCap":1,"_aws":{"Timestamp":946684800000,"CloudWatchMetrics":[{"Namespace":"Muster","Dimensions":[["Fleet"]],"Metrics":[{"Name":"Starved","Unit":"Count"},{"Name":"AtCap","Unit":"Count"}]}]}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				out, err := telling("jobs", func(context.Context, autoscaler.Input) (autoscaler.Output, error) { return c.out, c.err })(LogTo(t.Context(), &log), autoscaler.Input{})
				assert.Equal(t, c.out, out)
				assert.Equal(t, c.err, err)
				if c.want == "" {
					assert.Empty(t, log.String())
					return
				}
				assert.JSONEq(t, c.want, log.String())
				require.True(t, json.Valid(log.Bytes()))
			})
		})
	}
}
