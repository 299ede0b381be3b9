package deadletter_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/deadletter"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
)

func TestLookLeavesEverything(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fill(35)
		var found []string
		got, err := r.Look(r.Context(), deadletter.Scan{Filter: theBad}, func(m message.Record) { found = append(found, m.Body) })
		require.NoError(r, err)
		assert.Equal(r, deadletter.Result{Seen: 35, Matched: 12}, got)
		assert.Len(r, found, 12)
		visible, hidden := r.depth(r.dead)
		assert.Equal(r, []int{35, 0}, []int{visible, hidden})
	})
}

func TestLookEndsAtItsLimit(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fill(100)
		n := 0
		got, err := r.Look(r.Context(), deadletter.Scan{Limit: 3}, func(message.Record) { n++ })
		require.NoError(r, err)
		assert.Equal(r, deadletter.Result{Seen: 10, Matched: 3, Unseen: 90}, got)
		assert.Equal(r, 3, n)
		visible, _ := r.depth(r.dead)
		assert.Equal(r, 100, visible)
	})
}

func TestLookAtNothing(t *testing.T) {
	inBubble(t, func(r *rig) {
		got, err := r.Look(r.Context(), deadletter.Scan{}, func(message.Record) { assert.Fail(r, "there is none") })
		require.NoError(r, err)
		assert.Zero(r, got)
	})
}

// Two who look at the same time each see what the other does not hold, and say
// that there is more.
func TestLookBesideAnother(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fill(20)
		first := true
		got, err := r.Look(r.Context(), deadletter.Scan{}, func(message.Record) {
			if !first {
				return
			}
			first = false
			other, err := r.Look(r.Context(), deadletter.Scan{}, func(message.Record) {})
			require.NoError(r, err)
			assert.Equal(r, deadletter.Result{Seen: 10, Matched: 10, Unseen: 10}, other)
		})
		require.NoError(r, err)
		assert.Equal(r, deadletter.Result{Seen: 20, Matched: 20}, got)
	})
}

func TestPurge(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fill(100)
		got, err := r.Purge(r.Context(), deadletter.Scan{Filter: theBad}, 50)
		require.NoError(r, err)
		assert.Equal(r, deadletter.Result{Seen: 100, Matched: 34, Taken: 34}, got)
		stayed := r.jobs(r.dead)
		assert.Equal(r, jobsThat(100, not(bad)), keys(stayed))
	})
}

func TestPurgeInterrupted(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fill(100)
		got, err := r.Purge(r.Context(), stopAfter(50), 0)
		require.NoError(r, err)
		assert.True(r, got.Stopped)
		assert.Equal(r, 17, got.Taken)
		stayed := r.jobs(r.dead)
		assert.Len(r, stayed, 83)
		assert.Subset(r, keys(stayed), jobsThat(100, not(bad)))
	})
}

func TestPurgeThatFails(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fill(30)
		r.fault("DeleteMessageBatch", api.Fail, 1, 0)
		got, err := r.Purge(r.Context(), deadletter.Scan{}, 0)
		assert.ErrorContains(r, err, "delete 10 messages from ")
		assert.Equal(r, 10, got.Taken)
		visible, hidden := r.depth(r.dead)
		assert.Equal(r, []int{20, 0}, []int{visible, hidden})
	})
}

func TestReplace(t *testing.T) {
	for name, target := range map[string]func(r *rig) string{
		"in the dead-letter queue": func(r *rig) string { return r.dead },
		"to its own queue":         func(r *rig) string { return r.source },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.fill(25)
				var id string
				_, err := r.Look(r.Context(), deadletter.Scan{Filter: deadletter.Filter{Match: "JOB 21"}}, func(m message.Record) { id = m.MessageID })
				require.NoError(r, err)
				newID, err := r.Replace(r.Context(), nil, id, func(m message.Record) (message.Record, error) {
					m.Body += " mended"
					m.MessageAttributes = map[string]message.Attribute{"by": {DataType: "String", StringValue: aws.String("hand")}}
					return m, nil
				}, deadletter.OpenTarget(r.runtime.Config(), target(r)))
				require.NoError(r, err)
				found := false
				for _, m := range r.all(target(r)) {
					if *m.MessageId == newID {
						found = true
						assert.Equal(r, "job 21 mended", *m.Body)
						assert.Equal(r, "hand", *m.MessageAttributes["by"].StringValue)
					}
					assert.NotEqual(r, id, *m.MessageId)
				}
				assert.True(r, found)
			})
		})
	}
}

// withBody changes a message's body.
func withBody(body string) func(message.Record) (message.Record, error) {
	return func(m message.Record) (message.Record, error) {
		m.Body = body
		return m, nil
	}
}

func TestReplaceThatFailsChangesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		fault  api.Fault
		change func(message.Record) (message.Record, error)
		id     string
		err    string
	}{
		"no such message": {id: "none", err: deadletter.ErrNotFound.Error()},
		"no such change":  {change: func(m message.Record) (message.Record, error) { return m, errors.New("no") }, err: "no"},
		"what SQS refuses": {
			change: func(m message.Record) (message.Record, error) { m.Body = "\x01"; return m, nil },
			err:    "would not have the changed message, which stays as it was: InvalidMessageContents",
		},
		"what cannot be sent": {fault: api.Fault{Service: "sqs", Operation: "SendMessageBatch", Kind: api.Fail}, err: "send 1 messages to "},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.fill(15)
				id := c.id
				_, err := r.Look(r.Context(), deadletter.Scan{Filter: deadletter.Filter{Match: "job 7"}}, func(m message.Record) {
					if id == "" {
						id = m.MessageID
					}
				})
				require.NoError(r, err)
				if c.fault.Service != "" {
					r.runtime.Router.Faults.Add(c.fault)
				}
				change := c.change
				if change == nil {
					change = withBody("changed")
				}
				_, err = r.Replace(r.Context(), nil, id, change, r.to)
				assert.ErrorContains(r, err, c.err)
				assert.Equal(r, jobsThat(15, func(int) bool { return true }), keys(r.jobs(r.dead)))
				assert.Empty(r, r.all(r.source))
			})
		})
	}
}

func TestReplaceThatIsStopped(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fill(15)
		stop := make(chan struct{})
		close(stop)
		_, err := r.Replace(r.Context(), stop, "any", withBody("changed"), r.to)
		assert.Equal(r, deadletter.ErrStopped, err)
		assert.Len(r, r.jobs(r.dead), 15)
	})
}

func TestFilter(t *testing.T) {
	sent := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	m := message.Record{
		MessageID: "m-1", Body: `{"order": "A7"}`,
		Attributes: map[string]string{"SentTimestamp": fmt.Sprint(sent.UnixMilli()), "MessageGroupId": "g"},
		MessageAttributes: map[string]message.Attribute{
			"Tenant": {DataType: "String", StringValue: aws.String("Acme")},
			"raw":    {DataType: "Binary", BinaryValue: []byte("Acme")},
		},
	}
	for name, c := range map[string]struct {
		filter deadletter.Filter
		want   bool
	}{
		"empty":                      {deadletter.Filter{}, true},
		"text of the body":           {deadletter.Filter{Match: "ORDER"}, true},
		"text of an attribute":       {deadletter.Filter{Match: "acme"}, true},
		"an attribute's name":        {deadletter.Filter{Match: "tenant"}, true},
		"another text":               {deadletter.Filter{Match: "B8"}, false},
		"its ID":                     {deadletter.Filter{IDs: []string{"m-0", "m-1"}}, true},
		"another ID":                 {deadletter.Filter{IDs: []string{"m-0"}}, false},
		"since then":                 {deadletter.Filter{Since: sent}, true},
		"since later":                {deadletter.Filter{Since: sent.Add(time.Second)}, false},
		"until later":                {deadletter.Filter{Until: sent.Add(time.Second)}, true},
		"until then":                 {deadletter.Filter{Until: sent}, false},
		"an attribute":               {deadletter.Filter{Attributes: map[string]string{"Tenant": "Acme"}}, true},
		"an attribute in lower case": {deadletter.Filter{Attributes: map[string]string{"Tenant": "acme"}}, false},
		"no such attribute":          {deadletter.Filter{Attributes: map[string]string{"none": ""}}, false},
		"one attribute of two":       {deadletter.Filter{Attributes: map[string]string{"Tenant": "Acme", "kind": "x"}}, false},
		"its group":                  {deadletter.Filter{Attributes: map[string]string{"MessageGroupId": "g"}}, true},
		"its reason":                 {deadletter.Filter{Reason: func(id string) bool { return id == "m-1" }}, true},
		"another reason":             {deadletter.Filter{Reason: func(id string) bool { return id != "m-1" }}, false},
		"all but one":                {deadletter.Filter{Match: "order", IDs: []string{"m-1"}, Since: sent, Attributes: map[string]string{"Tenant": "Other"}}, false},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, c.filter.Matches(m)) })
	}
}

// A queue is asked in the region that its URL names.
func TestRegion(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.runtime.Router.Faults.Add(api.Fault{Kind: api.Fail, Error: api.Errorf("AccessDenied", "no")})
		cfg := r.runtime.Config()
		var regions []string
		cfg.APIOptions = append(cfg.APIOptions, seeRegion(&regions))
		for _, url := range []string{"https://sqs.eu-west-1.amazonaws.com/123456789012/dead", "https://sqs.cn-north-1.amazonaws.com.cn/1/q", "http://127.0.0.1:4100/1/q", "::"} {
			_, err := deadletter.Open(cfg, url).Depth(r.Context())
			require.Error(r, err)
		}
		assert.Equal(r, "eu-west-1 cn-north-1 us-east-1 us-east-1", strings.Join(regions, " "))
	})
}
