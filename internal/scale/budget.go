package scale

import (
	"fmt"
	"slices"
	"time"
)

// Usage is what a fleet has used since it began, as far as it is counted.
type Usage struct {
	// Workers that went home or are there, and the seconds that they were there.
	Workers float64 `json:"workers,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	// Events that were settled, the seconds that they and those under way kept
	// their places, and the messages that were settled.
	Events   float64 `json:"events,omitempty"`
	Busy     float64 `json:"busy,omitempty"`
	Messages float64 `json:"messages,omitempty"`
}

// Add is both together.
func (u Usage) Add(v Usage) Usage {
	return Usage{u.Workers + v.Workers, u.Seconds + v.Seconds, u.Events + v.Events, u.Busy + v.Busy, u.Messages + v.Messages}
}

// Sub is what is more than v.
func (u Usage) Sub(v Usage) Usage {
	return u.Add(Usage{-v.Workers, -v.Seconds, -v.Events, -v.Busy, -v.Messages})
}

// Rates are what a fleet pays, in dollars: for a tick, and for one of each that
// [Usage] counts. The zero value counts nothing.
type Rates struct {
	Tick, Worker, Second, Event, Busy, Message float64
}

func (r Rates) of(u Usage) float64 {
	return r.Worker*u.Workers + r.Second*u.Seconds + r.Event*u.Events + r.Busy*u.Busy + r.Message*u.Messages
}

// Bill is what was spent in a calendar month, by UTC.
type Bill struct {
	// Month is its first moment.
	Month   time.Time `json:"month,omitzero"`
	Dollars float64   `json:"dollars,omitempty"`
	// Counted is the usage that is in it or was before it. What is spent is the
	// difference to it: so a tick that is lost or runs twice counts nothing twice,
	// and what was counted too early or too late comes out even.
	Counted Usage `json:"counted,omitzero"`
}

// nearly is the share of a budget from which on reasons tell of it.
const nearly = 0.8

// charge adds what was used since the last tick, at m.At, to the bill.
func (m *Memory) charge(o Observation, r Rates) {
	if r == (Rates{}) {
		return
	}
	now := o.Now.UTC()
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	known := !m.Bill.Month.IsZero()
	spent := r.Tick
	if known {
		since := r.of(o.Usage.Sub(m.Bill.Counted))
		if before := m.Bill.Month; before.Before(month) {
			// Of what was used over midnight the last month has its share.
			m.Bill.Dollars = 0
			if took := now.Sub(m.At); took > 0 {
				since *= min(1, now.Sub(month).Seconds()/took.Seconds())
			}
		}
		spent += since
	}
	m.Bill.Month, m.Bill.Dollars = month, max(0, m.Bill.Dollars+spent)
	m.Bill.Counted = o.Usage.Sub(o.Leaving)
}

// Charged is the memory with what was used on the bill, and nothing else of what
// was observed: for a tick that comes after another which saw the same.
func (m Memory) Charged(o Observation, r Rates) Memory {
	if o.Now.Before(m.At) {
		o.Now = m.At
	}
	m.charge(o, r)
	return m
}

// bind lets the budget send all home once it is spent.
func (b Bill) bind(p *Policy) (over bool) {
	if p.MonthlyBudget <= 0 || b.Month.IsZero() || b.Dollars < nearly*p.MonthlyBudget {
		return false
	}
	if over = b.Dollars >= p.MonthlyBudget; over {
		p.Steering.SendHome = true
	}
	p.Steering.Why = slices.Concat(p.Steering.Why, []string{b.Against(p.MonthlyBudget)})
	return over
}

// Against says how much of a budget is spent, and once all of it is until when.
func (b Bill) Against(budget float64) string {
	if b.Dollars < budget {
		return fmt.Sprintf("$%.2f of the budget of %s for %s is spent", b.Dollars, Dollars(budget), b.Month.Format("January"))
	}
	return fmt.Sprintf("the budget of %s for %s is spent: $%.2f; until %s UTC, or raise MonthlyBudget",
		Dollars(budget), b.Month.Format("January"), b.Dollars, b.Month.AddDate(0, 1, 0).Format("2 January"))
}

// Dollars writes an amount, cents only where there are any.
func Dollars(amount float64) string {
	if amount == float64(int64(amount)) {
		return fmt.Sprintf("$%.0f", amount)
	}
	return fmt.Sprintf("$%.2f", amount)
}
