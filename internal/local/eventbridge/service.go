// Package eventbridge is Amazon EventBridge in the embedded AWS: the default
// event bus, its rules and schedules, and the delivery of events to targets.
package eventbridge

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/musterq/muster/internal/local/api"
)

// defaultBus is the only event bus.
const defaultBus = "default"

// Service is EventBridge of one account.
type Service struct {
	account *api.Account
	router  *api.Router
	clock   *scheduler

	// running counts deliveries, which end when alive does.
	alive   context.Context
	end     context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	rules  map[string]*rule
	random *rand.Rand
	ids    *rand.ChaCha8
}

// New returns a service without rules. The seed drives event IDs and the jitter
// of retries, so that a run can be replayed. It runs until Close.
func New(account *api.Account, router *api.Router, seed uint64) *Service {
	s := &Service{
		account: account,
		router:  router,
		rules:   map[string]*rule{},
		random:  rand.New(rand.NewPCG(seed, 0x6576656e7473)),
		ids:     rand.NewChaCha8([32]byte{0: byte(seed), 1: byte(seed >> 8), 2: byte(seed >> 16), 3: byte(seed >> 24), 31: 0x65}),
	}
	s.alive, s.end = context.WithCancel(context.Background())
	s.clock = newScheduler(s.fire)
	return s
}

// API describes the service to the router.
func (s *Service) API() api.Service {
	return api.Service{
		Name:        "events",
		Target:      "AWSEvents",
		ContentType: "application/x-amz-json-1.1",
		Operations: map[string]api.Operation{
			"DeleteRule":          api.Op("events", "DeleteRule", s.deleteRule),
			"DescribeRule":        api.Op("events", "DescribeRule", s.describeRule),
			"DisableRule":         api.Op("events", "DisableRule", s.disableRule),
			"EnableRule":          api.Op("events", "EnableRule", s.enableRule),
			"ListRules":           api.Op("events", "ListRules", s.listRules),
			"ListTagsForResource": api.Op("events", "ListTagsForResource", s.listTagsForResource),
			"ListTargetsByRule":   api.Op("events", "ListTargetsByRule", s.listTargetsByRule),
			"PutEvents":           api.Op("events", "PutEvents", s.putEvents),
			"PutRule":             api.Op("events", "PutRule", s.putRule),
			"PutTargets":          api.Op("events", "PutTargets", s.putTargets),
			"RemoveTargets":       api.Op("events", "RemoveTargets", s.removeTargets),
			"TestEventPattern":    api.Op("events", "TestEventPattern", s.testEventPattern),
		},
	}
}

// Providers make the resources of templates.
func (s *Service) Providers() map[string]api.Provider {
	return map[string]api.Provider{"AWS::Events::Rule": {
		Create: s.provideRule, Update: s.changeRule, Delete: s.removeRule, Replaced: []string{"EventBusName", "Name"},
	}}
}

// Close ends schedules, deliveries and their retries, and waits for them.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.clock.stop()
	s.end()
	s.running.Wait()
}

// start runs f in the background until Close.
func (s *Service) start(f func(context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.running.Go(func() { f(s.alive) })
	}
}

// newID makes an identifier in the shape of EventBridge's.
func (s *Service) newID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var id uuid.UUID
	// ChaCha8 always fills what it is given.
	_, _ = s.ids.Read(id[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// jitter is a random part of d, between a half and the whole.
func (s *Service) jitter(d time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return d/2 + time.Duration(s.random.Int64N(int64(d/2)+1))
}

// onlyDefaultBus refuses every bus but the default one, given by name or ARN.
func (s *Service) onlyDefaultBus(bus string) error {
	if bus == "" || bus == defaultBus || bus == s.account.ARN("events", "event-bus/"+defaultBus) {
		return nil
	}
	name := bus[strings.LastIndex(bus, "/")+1:]
	return api.Errorf("ResourceNotFoundException", "Event bus %s does not exist.", name)
}
