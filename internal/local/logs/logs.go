// Package logs is as much of Amazon CloudWatch Logs in the embedded AWS as reading
// a fleet's logs needs: log groups, what functions and state machines wrote to
// them lately, and the operations that read it.
package logs

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/price"
)

const serviceName = "logs"

// Group is a log group.
type Group struct {
	Name string
	// ARN ends with ":*", as GetAtt gives it.
	ARN string
	// Class is STANDARD, INFREQUENT_ACCESS or DELIVERY.
	Class string
	// RetentionInDays after which events are dropped. 0 keeps them.
	RetentionInDays int
	KMSKeyID        string
	Tags            map[string]string
	// Created is when the group was made.
	Created time.Time
}

// Service keeps the log groups of one account.
type Service struct {
	account *api.Account
	router  *api.Router
	// watch is told of each event. Nil tells nobody.
	watch func(group string, message []byte)

	mu     sync.RWMutex
	groups map[string]*group
	// written counts events, so that each has an ID.
	written uint64
}

// New returns a service without log groups. It tells watch, which may be nil, of
// each event as it comes: that must be quick and must not keep the message.
func New(account *api.Account, router *api.Router, watch func(group string, message []byte)) *Service {
	return &Service{account: account, router: router, watch: watch, groups: map[string]*group{}}
}

// API describes the service to the router.
func (s *Service) API() api.Service {
	return api.Service{
		Name: serviceName, Target: "Logs_20140328", ContentType: "application/x-amz-json-1.1",
		Operations: map[string]api.Operation{
			"CreateLogGroup":      api.Op(serviceName, "CreateLogGroup", s.createLogGroup),
			"DeleteLogGroup":      api.Op(serviceName, "DeleteLogGroup", s.deleteLogGroup),
			"DescribeLogGroups":   api.Op(serviceName, "DescribeLogGroups", s.describeLogGroups),
			"PutRetentionPolicy":  api.Op(serviceName, "PutRetentionPolicy", s.putRetentionPolicy),
			"CreateLogStream":     api.Op(serviceName, "CreateLogStream", s.createLogStream),
			"DescribeLogStreams":  api.Op(serviceName, "DescribeLogStreams", s.describeLogStreams),
			"PutLogEvents":        api.Op(serviceName, "PutLogEvents", s.putLogEvents),
			"GetLogEvents":        api.Op(serviceName, "GetLogEvents", s.getLogEvents),
			"FilterLogEvents":     api.Op(serviceName, "FilterLogEvents", s.filterLogEvents),
			"ListTagsForResource": api.Op(serviceName, "ListTagsForResource", s.listTagsForResource),
		},
	}
}

// Groups are all log groups by name.
func (s *Service) Groups() []Group {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var groups []Group
	for _, name := range slices.Sorted(maps.Keys(s.groups)) {
		groups = append(groups, s.groups[name].Group)
	}
	return groups
}

// stored is what logs that are kept shrink to, by which their storage is billed:
// the figure of AWS's own examples.
// https://aws.amazon.com/cloudwatch/pricing/
const stored = 0.15

// forever is for how many days logs are billed that are never dropped.
const forever = 365

// Ingest bills log events of so many bytes, and their storage for as long as the
// group keeps them.
func (s *Service) Ingest(group string, bytes int) {
	days := forever
	s.mu.RLock()
	if g := s.groups[group]; g != nil && g.RetentionInDays > 0 {
		days = g.RetentionInDays
	}
	s.mu.RUnlock()
	gb := float64(bytes) / price.GB
	arn := s.account.ARN(serviceName, "log-group:"+group+":*")
	s.router.Bill(api.Usage{Item: price.LogIngestion, Quantity: gb, Resource: arn})
	s.router.Bill(api.Usage{Item: price.LogStorage, Quantity: gb * stored * float64(days) * 24 / price.Month.Hours(), Resource: arn})
}
