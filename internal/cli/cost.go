package cli

import (
	"fmt"
	"math"
	"strings"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/meter"
	"github.com/musterq/muster/internal/price"
)

// cost is what a run would have cost on AWS.
type cost struct {
	// Dollars in all. Sending messages is not in it.
	Dollars float64 `json:"dollars"`
	// PerMillion messages.
	PerMillion float64 `json:"perMillion"`
	// Fleet is Muster's overhead, and Handlers what the user's own functions cost.
	Fleet    float64 `json:"fleet"`
	Handlers float64 `json:"handlers"`
	// Services are the fleet's dollars by service.
	Services []meter.Share `json:"services"`
	// Lines of both.
	Lines meter.Bill `json:"lines"`
	// Prices says whose they are and of when.
	Prices string `json:"prices"`
}

// prices that everything here is reckoned with.
const prices = "us-east-1, prices of " + price.Dated + ", no free tier"

// costOf is what a runtime has cost until now, over so many messages.
func costOf(r *local.Runtime, messages int) cost {
	bill := r.Bill().Of(meter.Fleet, meter.Handlers)
	fleet := bill.Of(meter.Fleet)
	c := cost{
		Dollars: bill.Dollars(), Fleet: fleet.Dollars(), Handlers: bill.Of(meter.Handlers).Dollars(),
		Services: fleet.Services(), Lines: bill, Prices: prices,
	}
	if messages > 0 {
		c.PerMillion = c.Dollars / float64(messages) * 1e6
	}
	return c
}

// String says it in a line or two.
func (c cost) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "on AWS %s", dollars(c.Dollars))
	if c.PerMillion > 0 {
		fmt.Fprintf(&b, ", %s a million messages", dollars(c.PerMillion))
	}
	fmt.Fprintf(&b, ": fleet %s, handlers %s", dollars(c.Fleet), dollars(c.Handlers))
	fmt.Fprintf(&b, "\nof the fleet's %s; %s", c.shares(), c.Prices)
	return b.String()
}

// shares of the services in what the fleet costs. The line looks the same each
// time.
func (c cost) shares() string {
	percent := func(dollars float64) float64 { return 100 * dollars / max(c.Fleet, math.SmallestNonzeroFloat64) }
	var parts []string
	other := c.Fleet
	for _, name := range []string{"Lambda", "SQS", "Step Functions", "DynamoDB"} {
		of := 0.0
		for _, s := range c.Services {
			if s.Name == name {
				of = s.Dollars
			}
		}
		other -= of
		parts = append(parts, fmt.Sprintf("%s %.0f%%", name, percent(of)))
	}
	return strings.Join(append(parts, fmt.Sprintf("other %.0f%%", percent(max(0, other)))), ", ")
}

// dollars writes an amount to the cent, or, where it is less than a dollar, to two
// figures.
func dollars(amount float64) string {
	if amount == 0 || amount >= 1 {
		return fmt.Sprintf("$%.2f", amount)
	}
	decimals := 2
	for limit := 0.1; amount < limit && decimals < 8; limit /= 10 {
		decimals++
	}
	return fmt.Sprintf("$%.*f", decimals, amount)
}
