package message

import (
	"crypto/md5"
	"encoding/hex"
	"math/rand/v2"
	"time"
)

// Backoff is how long a message that failed stays invisible: a random time up
// to Base, times Factor with each further receive, at most Max ("full jitter",
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
type Backoff struct {
	// Base of the first receive. Defaults to 0: visible again at once.
	Base time.Duration
	// Factor by which it grows. Defaults to 2.
	Factor float64
	// Max of any receive. Defaults to 0, which is SQS's longest visibility
	// timeout, 12 hours.
	Max time.Duration
}

// MaxVisibility is SQS's longest visibility timeout.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
const MaxVisibility = 12 * time.Hour

// Ceiling is the longest backoff after that many receives.
func (b Backoff) Ceiling(receives int) time.Duration {
	most := b.Max
	if most <= 0 || most > MaxVisibility {
		most = MaxVisibility
	}
	factor := b.Factor
	if factor == 0 {
		factor = 2
	}
	ceiling := b.Base
	for i := 1; i < receives && ceiling < most && factor > 1 && ceiling > 0; i++ {
		ceiling = time.Duration(float64(ceiling) * factor)
	}
	return min(ceiling, most)
}

// Delay is the backoff after that many receives, in whole seconds.
func (b Backoff) Delay(receives int) time.Duration {
	seconds := int64(b.Ceiling(receives) / time.Second)
	return time.Duration(rand.Int64N(seconds+1)) * time.Second
}

// Throttled is how long a message stays invisible whose handler Lambda did not
// let start for a while: a random time from one minute on, up to two minutes
// doubled with each receive, at most 15. Each receive counts towards the
// dead-letter queue, although no handler has tried: they must not come fast.
func Throttled(receives int) time.Duration {
	half := Backoff{Base: 2 * time.Minute, Max: 15 * time.Minute}.Ceiling(receives) / 2
	return half + rand.N(half)
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}
