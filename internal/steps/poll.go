package steps

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

// PollInput comes from the Poll state.
type PollInput struct {
	Fleet     string `json:"fleet"`
	Worker    string `json:"worker"`
	Execution string `json:"execution"`
	// Seq and Empty of the batch before.
	Seq   int64 `json:"seq"`
	Empty int   `json:"empty"`
}

// Poll reports home, then receives a batch. request names this invocation.
func (l *Lane) Poll(ctx context.Context, request string, in PollInput) (Batch, error) {
	now := time.Now()
	b := Batch{Seq: in.Seq + 1, Empty: in.Empty, Event: message.Event{Records: []message.Record{}}, Messages: []Item{}}
	busyUntil := now.Add(busyFor(l.config))
	b.BusyUntil = string(registry.At(busyUntil))
	worker, err := l.registry.BeginBatch(ctx, registry.Post{Worker: in.Worker, Execution: in.Execution}, b.Seq, request, now, busyUntil)
	switch {
	case errors.Is(err, registry.ErrRelieved):
		b.Next = "relieved"
	case err != nil:
		return b, err
	case worker.Orders == registry.Drain:
		b.Next = "go home"
	case worker.Orders == registry.HandOver || b.Seq >= lastBatch:
		b.Next = "hand over"
	}
	if b.Next != "" {
		return b, nil
	}
	wait := min(longPoll, l.config.Idle)
	records, err := l.queue.Receive(ctx, l.config.Batch(), wait, busyFor(l.config))
	if err != nil {
		return b, err
	}
	if len(records) == 0 {
		b.Empty += int(wait / time.Second)
		b.Next = "poll"
		if !worker.Stay && time.Duration(b.Empty)*time.Second >= l.config.Idle {
			b.Next = "go home"
		}
		return b, nil
	}
	b.Empty = 0
	for _, h := range queue.Hold(records) {
		b.Messages = append(b.Messages, Item{Held: h})
	}
	if err := l.carry(ctx, &b, records, fmt.Sprintf("%s/%s/%s.json", l.config.Fleet, in.Execution, request)); err != nil {
		return b, err
	}
	if l.config.Transform.Is() {
		b.Next = "transform"
	}
	return b, nil
}
