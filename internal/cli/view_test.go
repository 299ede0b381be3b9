package cli

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func at(handled int) live {
	return live{
		snapshot: snapshot{totals: totals{Sent: 2000, Handled: handled, Failed: 3}, Workers: 4},
		InHand:   20, Cap: 20,
	}
}

func TestPlainView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		v := newView(&out, false, 2000)
		assert.Equal(t, time.Second, v.every)
		time.Sleep(time.Second)
		v.show(at(500))
		time.Sleep(time.Second)
		v.show(at(500)) // nothing new: no line
		time.Sleep(time.Second)
		l := at(1500)
		l.Draining = true
		v.show(l)
		v.say("Draining.")
		v.close(l)
		assert.Equal(t, `depth 1,500 | workers 4 | in hand 20/20 | handled 500 | failed 3 | 500/s
depth 500 | going home 4 | in hand 20/20 | handled 1,500 | failed 3 | 1,000/s
Draining.
`, out.String())
	})
}

func TestTerminalView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		v := newView(&out, true, 2000)
		assert.Equal(t, 200*time.Millisecond, v.every)
		time.Sleep(time.Second)
		v.show(at(500))
		assert.Regexp(t, "^\r\x1b\\[J25% \\|█{10} {30}\\| \\(500/2000\\) \\[1s:3s\\]\ndepth 1,500 .* 500/s\x1b\\[1A\r$", out.String())
		out.Reset()
		time.Sleep(time.Second)
		v.close(at(2000))
		assert.Regexp(t, "^\r\x1b\\[J100% \\|█{40}\\| \\(2000/2000\\).*\ndepth 0 .* 1,500/s\x1b\\[1A\r\n\n$", out.String())
	})
}

func TestSummaryShowsTheFrequentReasons(t *testing.T) {
	var out bytes.Buffer
	s := summary{
		Messages: 12345, Handled: 12000, Unfinished: 345, Seconds: 61.25, cap: 1000,
		Cost:    cost{Prices: prices},
		reasons: map[string]int{"a": 1, "b": 1000, "c": 2, "d": 3, "e": 4, "f": 5, "g": 6},
	}
	require.NoError(t, s.print(&out, false))
	assert.Equal(t, `12,345 messages: 12,000 handled, 0 dead-lettered, 0 filtered, 0 lost, 345 unfinished
in 61.2 s
0 workers started, 0 at once; 0 handlers at once, the cap is 1,000
0 ticks of the autoscaler, 0 state transitions, 0 handler invocations
on AWS $0.00: fleet $0.00, handlers $0.00
of the fleet's Lambda 0%, SQS 0%, Step Functions 0%, DynamoDB 0%, other 0%; us-east-1, prices of 2026-09, no free tier
Failed attempts:
  1,000 x b
  6 x g
  5 x f
  4 x e
  3 x d
  and 2 other reasons
`, out.String())
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -12: "-12"} {
		assert.Equal(t, want, thousands(n))
	}
}
