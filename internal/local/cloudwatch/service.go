// Package cloudwatch is as much of Amazon CloudWatch in the embedded AWS as
// alarms need: metrics by the minute, static thresholds, the events that alarms
// send and the SNS topics that they tell when they change state. Dashboards are
// kept and checked; nothing draws them.
package cloudwatch

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/eventbridge"
)

// resolution is the time between two data points of a metric, and between two
// evaluations of an alarm.
const resolution = time.Minute

// Options are how CloudWatch differs from its best.
type Options struct {
	// MetricDelay is how late the data points of sources are seen. CloudWatch
	// can show an SQS queue's metrics up to 15 minutes late when the queue was
	// inactive. Defaults to 0.
	//
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
	MetricDelay time.Duration
}

// Source reads a service's metric as it is now. It is false for a metric that
// has no value.
type Source func(metric string, dimensions map[string]string) (float64, bool)

// Service is CloudWatch of one account.
type Service struct {
	account *api.Account
	router  *api.Router
	publish func(context.Context, eventbridge.Event) error
	options Options

	mu      sync.Mutex
	closed  bool
	alarms  map[string]*alarm
	sources map[string]Source
	series  map[string]*series
	// dashboards by name.
	dashboards map[string]dashboard
	timer      *time.Timer
	// running are evaluations that the timer started.
	running sync.WaitGroup
}

// New returns a service without alarms. It publishes the events of alarms by
// publish, and runs until Close.
func New(account *api.Account, router *api.Router, publish func(context.Context, eventbridge.Event) error, options Options) *Service {
	return &Service{
		account: account, router: router, publish: publish, options: options,
		alarms: map[string]*alarm{}, sources: map[string]Source{}, series: map[string]*series{}, dashboards: map[string]dashboard{},
	}
}

// API describes the service to the router.
func (s *Service) API() api.Service {
	return api.Service{
		Name:   "cloudwatch",
		Target: "GraniteServiceVersion20100801",
		Operations: map[string]api.Operation{
			"DeleteAlarms":        api.Op("cloudwatch", "DeleteAlarms", s.deleteAlarms),
			"DeleteDashboards":    api.Op("cloudwatch", "DeleteDashboards", s.deleteDashboards),
			"DescribeAlarms":      api.Op("cloudwatch", "DescribeAlarms", s.describeAlarms),
			"GetDashboard":        api.Op("cloudwatch", "GetDashboard", s.getDashboard),
			"GetMetricData":       api.Op("cloudwatch", "GetMetricData", s.getMetricData),
			"GetMetricStatistics": api.Op("cloudwatch", "GetMetricStatistics", s.getMetricStatistics),
			"ListMetrics":         api.Op("cloudwatch", "ListMetrics", s.listMetrics),
			"ListDashboards":      api.Op("cloudwatch", "ListDashboards", s.listDashboards),
			"ListTagsForResource": api.Op("cloudwatch", "ListTagsForResource", s.listTagsForResource),
			"PutDashboard":        api.Op("cloudwatch", "PutDashboard", s.putDashboard),
			"PutMetricAlarm":      api.Op("cloudwatch", "PutMetricAlarm", s.putMetricAlarm),
			"PutMetricData":       api.Op("cloudwatch", "PutMetricData", s.putMetricData),
			"SetAlarmState":       api.Op("cloudwatch", "SetAlarmState", s.setAlarmState),
		},
		Query: codec,
	}
}

// Providers make the resources of templates.
func (s *Service) Providers() map[string]api.Provider {
	return map[string]api.Provider{
		"AWS::CloudWatch::Alarm": {
			Create: s.provideAlarm, Replaced: []string{"AlarmName"},
			Update: s.updateAlarm,
			Delete: func(ctx context.Context, old api.Existing) error {
				return gone(s.call(ctx, "DeleteAlarms", DeleteAlarmsInput{[]string{old.Ref}}))
			},
		},
		"AWS::CloudWatch::Dashboard": {
			Create: s.provideDashboard, Replaced: []string{"DashboardName"},
			Update: func(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
				r.Name = old.Ref
				return s.provideDashboard(ctx, r)
			},
			Delete: func(ctx context.Context, old api.Existing) error {
				return gone(s.call(ctx, "DeleteDashboards", DeleteDashboardsInput{[]string{old.Ref}}))
			},
		},
	}
}

// AddSource says where the metrics of a namespace such as "AWS/SQS" come from.
// They are read once a minute as long as an alarm watches them.
func (s *Service) AddSource(namespace string, source Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources[namespace] = source
}

// Close ends the evaluation of alarms.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.arm()
	s.mu.Unlock()
	s.running.Wait()
}

// arm sets the timer to the next full minute while there are alarms. The caller
// holds s.mu.
func (s *Service) arm() {
	if s.closed || len(s.alarms) == 0 {
		if s.timer != nil {
			s.timer.Stop()
			s.timer = nil
		}
		return
	}
	if s.timer == nil {
		now := time.Now()
		s.timer = time.AfterFunc(now.Truncate(resolution).Add(resolution).Sub(now), s.tick)
	}
}

// tick samples what is watched and evaluates all alarms.
func (s *Service) tick() {
	s.mu.Lock()
	if s.closed || s.timer == nil {
		s.mu.Unlock()
		return
	}
	s.running.Add(1)
	defer s.running.Done()
	sources := make(map[string]Source, len(s.sources))
	for namespace, source := range s.sources {
		sources[namespace] = source
	}
	watched := s.watched()
	s.mu.Unlock()

	// Sources lock their own services, so that nothing here is locked meanwhile.
	now := time.Now()
	for _, m := range watched {
		if source := sources[m.namespace]; source != nil {
			if value, ok := source(m.name, m.dimensions); ok && !math.IsNaN(value) && !math.IsInf(value, 0) {
				s.record(m, now.Add(-resolution), one(value))
			}
		}
	}

	s.mu.Lock()
	changes := s.evaluate(now)
	if now.Truncate(time.Hour).Equal(now.Truncate(resolution)) {
		s.forget(now)
	}
	s.timer = nil
	s.arm()
	s.mu.Unlock()
	s.announce(changes)
}
