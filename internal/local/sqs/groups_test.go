package sqs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// held is a message as the model of a FIFO queue has it.
type held struct {
	body   string
	due    time.Time // invisible until
	handle string
}

// available is how much of a group can be received.
func available(group []*held, whole bool) int {
	now := time.Now()
	hidden := func(m *held) bool { return m.due.After(now) }
	first := slices.IndexFunc(group, hidden)
	switch {
	case first < 0:
		return len(group)
	case whole:
		return 0
	}
	return first
}

// Whatever is sent, received, deleted, given back and forgotten: what comes of a
// group is its first messages, in order, as far as none is in flight, and a
// receive is filled with as much of a group as fits.
func TestGroupsAgainstAModel(t *testing.T) {
	bubble(t, func(r *rig) {
		queues := 0
		// A bubble has no deadline to ask for.
		rapid.Check(struct{ testing.TB }{r.T}, func(rt *rapid.T) {
			queues++
			whole := rapid.Bool().Draw(rt, "whole")
			r.service.SetOptions(Options{WholeGroups: whole})
			url := r.create(fmt.Sprintf("jobs%d.fifo", queues), object{"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "10"})
			groups := map[string][]*held{}
			sent := 0
			// some picks a message that was received, if there is one.
			some := func() (string, int) {
				for _, id := range []string{"a", "b", "c"} {
					for i, m := range groups[id] {
						if m.handle != "" && rapid.Bool().Draw(rt, "this one") {
							return id, i
						}
					}
				}
				return "", 0
			}
			rt.Repeat(map[string]func(*rapid.T){
				"send": func(rt *rapid.T) {
					id := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "group")
					sent++
					m := &held{body: fmt.Sprintf("%s%d", id, sent)}
					groups[id] = append(groups[id], m)
					r.sendTo(url, id, m.body)
				},
				"receive": func(rt *rapid.T) {
					n := rapid.IntRange(1, 10).Draw(rt, "n")
					expected, partly := 0, 0
					room := map[string]int{}
					for id, g := range groups {
						room[id] = available(g, whole)
						expected += room[id]
					}
					got := r.take(url, n)
					require.Len(rt, got, min(n, expected))
					var order []string
					for _, m := range got {
						id := m["Body"].(string)[:1]
						if len(order) == 0 || order[len(order)-1] != id {
							require.NotContains(rt, order, id, "a group comes in one piece")
							order = append(order, id)
						}
					}
					for _, id := range order {
						of := slices.DeleteFunc(slices.Clone(got), func(m object) bool { return !strings.HasPrefix(m["Body"].(string), id) })
						require.LessOrEqual(rt, len(of), room[id])
						if len(of) < room[id] {
							partly++
						}
						for i, m := range of {
							h := groups[id][i]
							require.Equal(rt, h.body, m["Body"])
							h.due, h.handle = time.Now().Add(10*time.Second), m["ReceiptHandle"].(string)
						}
					}
					require.LessOrEqual(rt, partly, 1)
				},
				"delete": func(rt *rapid.T) {
					id, i := some()
					if id == "" {
						return
					}
					m := groups[id][i]
					_, err := r.try("DeleteMessage", object{"QueueUrl": url, "ReceiptHandle": m.handle})
					require.Equal(rt, m.due.After(time.Now()), err == nil, "%v", err)
					if err == nil {
						groups[id] = slices.Delete(groups[id], i, i+1)
					}
				},
				"change": func(rt *rapid.T) {
					id, i := some()
					if id == "" {
						return
					}
					m := groups[id][i]
					seconds := rapid.SampledFrom([]int{0, 1, 20}).Draw(rt, "seconds")
					_, err := r.try("ChangeMessageVisibility", object{"QueueUrl": url, "ReceiptHandle": m.handle, "VisibilityTimeout": seconds})
					require.Equal(rt, m.due.After(time.Now()), err == nil, "%v", err)
					if err == nil {
						m.due = time.Now().Add(time.Duration(seconds) * time.Second)
					}
				},
				"wait": func(rt *rapid.T) {
					time.Sleep(time.Duration(rapid.IntRange(1, 12).Draw(rt, "seconds")) * time.Second)
				},
				"": func(rt *rapid.T) {
					visible, hidden := 0, 0
					for _, g := range groups {
						for _, m := range g {
							if m.due.After(time.Now()) {
								hidden++
							} else {
								visible++
							}
						}
					}
					require.Equal(rt, fmt.Sprint(visible, " ", hidden, " 0"), r.depth(url))
				},
			})
			r.call("DeleteQueue", object{"QueueUrl": url})
		})
	})
}
