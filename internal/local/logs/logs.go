// Package logs keeps the log groups that a template declares. It is a record
// only: there is no CloudWatch Logs API in the embedded runtime.
package logs

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

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
}

// Service keeps the log groups of one account.
type Service struct {
	account *api.Account
	router  *api.Router

	mu     sync.RWMutex
	groups map[string]Group
}

// New returns a service without log groups.
func New(account *api.Account, router *api.Router) *Service {
	return &Service{account: account, router: router, groups: map[string]Group{}}
}

// Groups are all log groups by name.
func (s *Service) Groups() []Group {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.SortedFunc(maps.Values(s.groups), func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
}

// Providers make the resources that a template declares.
func (s *Service) Providers() map[string]api.Provider {
	return map[string]api.Provider{"AWS::Logs::LogGroup": {Create: s.provide}}
}

// LogGroupProperties are the properties of AWS::Logs::LogGroup.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html
type LogGroupProperties struct {
	KMSKeyID        string `json:"KmsKeyId"`
	LogGroupClass   string
	LogGroupName    string
	RetentionInDays *int
	Tags            []struct{ Key, Value string }
}

var namePattern = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]{1,512}$`)

// retentions are the days that a log group may keep its events.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
var retentions = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

var classes = []string{"STANDARD", "INFREQUENT_ACCESS", "DELIVERY"}

func (s *Service) provide(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	p := new(LogGroupProperties)
	if err := api.Decode(r.Properties, p); err != nil {
		return api.Resource{}, err
	}
	group := Group{Name: p.LogGroupName, Class: p.LogGroupClass, KMSKeyID: p.KMSKeyID, Tags: map[string]string{}}
	if group.Name == "" {
		group.Name = r.Name
	}
	if group.Class == "" {
		group.Class = "STANDARD"
	}
	for _, t := range p.Tags {
		group.Tags[t.Key] = t.Value
	}
	if !namePattern.MatchString(group.Name) {
		return api.Resource{}, api.Errorf("InvalidParameterException", "1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+", group.Name)
	}
	if !slices.Contains(classes, group.Class) {
		return api.Resource{}, api.Errorf("InvalidParameterException", "1 validation error detected: Value '%s' at 'logGroupClass' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY]", group.Class)
	}
	if p.RetentionInDays != nil {
		if !slices.Contains(retentions, *p.RetentionInDays) {
			return api.Resource{}, api.Errorf("InvalidParameterException", "1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: %s", *p.RetentionInDays, strings.ReplaceAll(fmt.Sprint(retentions), " ", ", "))
		}
		group.RetentionInDays = *p.RetentionInDays
	}
	group.ARN = s.account.ARN(serviceName, "log-group:"+group.Name+":*")
	_, err := s.router.Do(ctx, api.Call{Service: serviceName, Operation: "CreateLogGroup", Input: p},
		func(context.Context) (any, error) { return nil, s.add(group) })
	if err != nil {
		return api.Resource{}, err
	}
	return api.Resource{Ref: group.Name, Attributes: map[string]string{"Arn": group.ARN}}, nil
}

func (s *Service) add(g Group) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.groups[g.Name]; ok {
		return api.Errorf("ResourceAlreadyExistsException", "The specified log group already exists")
	}
	s.groups[g.Name] = g
	return nil
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
	s.mu.RLock()
	days := s.groups[group].RetentionInDays
	s.mu.RUnlock()
	if days == 0 {
		days = forever
	}
	gb := float64(bytes) / price.GB
	arn := s.account.ARN(serviceName, "log-group:"+group+":*")
	s.router.Bill(api.Usage{Item: price.LogIngestion, Quantity: gb, Resource: arn})
	s.router.Bill(api.Usage{Item: price.LogStorage, Quantity: gb * stored * float64(days) * 24 / price.Month.Hours(), Resource: arn})
}
