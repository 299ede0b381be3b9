package cli

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/musterq/muster/internal/local/api"
)

// faultOptions are what goes wrong in a run, on purpose.
type faultOptions struct {
	loseReplies float64
	seed        uint64
}

func (o *faultOptions) addFlags(flags *pflag.FlagSet) {
	flags.Float64Var(&o.loseReplies, "lose-replies", 0, "lose so many `PERCENT` of AWS's answers to Muster, after what they answer was done")
	flags.Uint64Var(&o.seed, "seed", 1, "`SEED` of what is left to chance")
}

func (o faultOptions) check() error {
	if o.loseReplies < 0 || o.loseReplies > 50 {
		return usage(errors.New("--lose-replies must be from 0 to 50"))
	}
	return nil
}

// arm lets the faults strike what functions and state machines ask for.
func (o faultOptions) arm(faults *api.Faults) {
	if o.loseReplies == 0 {
		return
	}
	faults.Add(api.Fault{
		Kind: api.LoseReply, Probability: o.loseReplies / 100,
		Match: func(c api.Call) bool { return c.Caller.RoleARN != "" },
	})
}
