package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/guregu/dynamo/v2"
)

// Directive is what somebody has decided by hand.
type Directive struct {
	Who string
	// Why is empty where nobody said.
	Why string `dynamo:",omitempty"`
	At  Instant
	// Until is when it ends by itself. Empty for never.
	Until Instant `dynamo:",omitempty"`
}

// Holds says whether it is given and has not ended.
func (d *Directive) Holds(now time.Time) bool {
	return d != nil && (d.Until == "" || now.Before(d.Until.Time()))
}

// String says who, until when and why: "by alice until 18:00 UTC: deploy".
func (d Directive) String() string {
	s := "by " + d.Who
	if d.Until != "" {
		layout := "15:04 UTC"
		if d.Until.Time().Sub(d.At.Time()) > 12*time.Hour {
			layout = "2006-01-02 15:04 UTC"
		}
		s += " until " + d.Until.Time().Format(layout)
	}
	if d.Why != "" {
		s += ": " + d.Why
	}
	return s
}

// Bounds override the fleet's minimum and its cap.
type Bounds struct {
	Directive
	// Min is the least workers, Max the most handler invocations, which never
	// raises the cap. Nil leaves the template's.
	Min *int `dynamo:",omitempty"`
	Max *int `dynamo:",omitempty"`
}

// Holds says whether they are given and have not ended.
func (b *Bounds) Holds(now time.Time) bool { return b != nil && b.Directive.Holds(now) }

// String says what they are, who wants them, until when and why.
func (b Bounds) String() string {
	var parts []string
	if b.Min != nil {
		parts = append(parts, fmt.Sprintf("minimum %d", *b.Min))
	}
	if b.Max != nil {
		parts = append(parts, fmt.Sprintf("cap %d", *b.Max))
	}
	return strings.Join(parts, ", ") + " " + b.Directive.String()
}

// Controls are the fleet's item "controls": what people have decided by hand.
// Deployments leave it as it is.
type Controls struct {
	Fleet string `dynamo:"Fleet,hash"`
	Item  string `dynamo:"Item,range"`
	// Pause keeps every worker at home.
	Pause *Directive `dynamo:",omitempty"`
	// Resumed is what ended the last pause.
	Resumed *Directive `dynamo:",omitempty"`
	// Drained is what sent home the workers that were there at the time.
	Drained *Directive `dynamo:",omitempty"`
	Bounds  *Bounds    `dynamo:",omitempty"`
}

const controlsItem = "controls"

// Controls reads what people have decided. The zero value where nobody has.
func (r *Registry) Controls(ctx context.Context) (Controls, error) {
	var c Controls
	err := r.table.Get("Fleet", r.fleet).Range("Item", dynamo.Equal, controlsItem).Consistent(true).One(ctx, &c)
	if err != nil && !errors.Is(err, dynamo.ErrNotFound) {
		return c, fmt.Errorf("read the registry's controls: %w", err)
	}
	return c, nil
}

// Pause keeps every worker at home until it ends or [Registry.Resume].
func (r *Registry) Pause(ctx context.Context, d Directive) error {
	return r.decide(ctx, r.controls().Set("Pause", d).Remove("Resumed"))
}

// Resume ends a pause.
func (r *Registry) Resume(ctx context.Context, d Directive) error {
	return r.decide(ctx, r.controls().Set("Resumed", d).Remove("Pause"))
}

// DrainAll sends home the workers that there are by then, once.
func (r *Registry) DrainAll(ctx context.Context, d Directive) error {
	return r.decide(ctx, r.controls().Set("Drained", d))
}

// SetBounds overrides minimum and cap in place of any bounds before.
func (r *Registry) SetBounds(ctx context.Context, b Bounds) error {
	return r.decide(ctx, r.controls().Set("Bounds", b))
}

// ClearBounds gives the template's minimum and cap back.
func (r *Registry) ClearBounds(ctx context.Context) error {
	return r.decide(ctx, r.controls().Remove("Bounds"))
}

func (r *Registry) controls() *dynamo.Update {
	return r.table.Update("Fleet", r.fleet).Range("Item", controlsItem)
}

// decide writes what somebody decided and moves the control item's version, so
// that a tick under way which does not know of it takes no slot any more. The
// last one to decide is right, and saying it twice is as good as once.
func (r *Registry) decide(ctx context.Context, u *dynamo.Update) error {
	version := r.table.Update("Fleet", r.fleet).Range("Item", controlItem).Add("Version", 1)
	if err := r.db.WriteTx().Idempotent(true).Update(u).Update(version).Run(ctx); err != nil {
		return fmt.Errorf("write the registry's controls: %w", err)
	}
	return nil
}
