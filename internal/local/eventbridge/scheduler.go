package eventbridge

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// scheduler keeps when each rule is due, with one timer for the nearest.
type scheduler struct {
	fire func(rule string, due time.Time)

	mu      sync.Mutex
	stopped bool
	due     map[string]time.Time
	timer   *time.Timer
}

// newScheduler calls fire for every rule that is due, on a goroutine of its
// own; a rule is due again only when it is set again.
func newScheduler(fire func(rule string, due time.Time)) *scheduler {
	return &scheduler{fire: fire, due: map[string]time.Time{}}
}

func (c *scheduler) set(rule string, due time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due[rule] = due
	c.arm()
}

func (c *scheduler) remove(rule string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.due, rule)
	c.arm()
}

func (c *scheduler) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	c.arm()
}

// nearest is the rule that is due first, by name among equals.
func (c *scheduler) nearest() (rule string, due time.Time) {
	for name, t := range c.due {
		if rule == "" || t.Before(due) || t.Equal(due) && name < rule {
			rule, due = name, t
		}
	}
	return rule, due
}

// arm sets the timer to the nearest rule. The caller holds c.mu.
func (c *scheduler) arm() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	if rule, due := c.nearest(); rule != "" && !c.stopped {
		c.timer = time.AfterFunc(time.Until(due), c.tick)
	}
}

func (c *scheduler) tick() {
	for {
		c.mu.Lock()
		rule, due := c.nearest()
		if c.stopped || rule == "" || time.Until(due) > 0 {
			c.arm()
			c.mu.Unlock()
			return
		}
		delete(c.due, rule)
		c.mu.Unlock()
		c.fire(rule, due)
	}
}

// fire sends a rule's scheduled event and sets the rule again.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
func (s *Service) fire(name string, due time.Time) {
	s.mu.Lock()
	r := s.rules[name]
	if r == nil || r.State != enabled || r.schedule == nil {
		s.mu.Unlock()
		return
	}
	if next, ok := r.schedule.Next(due); ok {
		s.clock.set(name, next)
	}
	arn := r.Arn
	s.mu.Unlock()

	s.start(func(context.Context) {
		e, err := s.receive(Event{
			DetailType: "Scheduled Event", Source: "aws.events", Time: due.UTC().Format(time.RFC3339),
			Resources: []string{arn}, Detail: json.RawMessage("{}"),
		})
		if err != nil {
			s.report(Delivery{Rule: name, RuleArn: arn}, err)
			return
		}
		s.mu.Lock()
		ds := r.deliveries(e)
		s.mu.Unlock()
		for _, d := range ds {
			s.start(d.run(s))
		}
	})
}
