package logs

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// Empty is an output without members.
type Empty struct{}

var namePattern = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]{1,512}$`)

// retentions are the days that a log group may keep its events.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
var retentions = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

var classes = []string{"STANDARD", "INFREQUENT_ACCESS", "DELIVERY"}

// CreateLogGroupInput makes a log group.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
type CreateLogGroupInput struct {
	LogGroupName  string            `json:"logGroupName"`
	LogGroupClass string            `json:"logGroupClass"`
	KMSKeyID      string            `json:"kmsKeyId"`
	Tags          map[string]string `json:"tags"`
}

func (s *Service) createLogGroup(_ context.Context, _ api.Caller, in *CreateLogGroupInput) (*Empty, error) {
	if err := checkName(in.LogGroupName); err != nil {
		return nil, err
	}
	if in.LogGroupClass == "" {
		in.LogGroupClass = "STANDARD"
	}
	if !slices.Contains(classes, in.LogGroupClass) {
		return nil, invalid("1 validation error detected: Value '%s' at 'logGroupClass' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY]", in.LogGroupClass)
	}
	g := s.newGroup(in.LogGroupName)
	g.Class, g.KMSKeyID = in.LogGroupClass, in.KMSKeyID
	maps.Copy(g.Tags, in.Tags)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups[g.Name] != nil {
		return nil, api.Errorf("ResourceAlreadyExistsException", "The specified log group already exists")
	}
	s.groups[g.Name] = g
	return &Empty{}, nil
}

func (s *Service) newGroup(name string) *group {
	return &group{
		Group:   Group{Name: name, ARN: s.account.ARN(serviceName, "log-group:"+name+":*"), Class: "STANDARD", Tags: map[string]string{}, Created: time.Now()},
		streams: map[string]*stream{},
	}
}

func checkName(name string) error {
	if !namePattern.MatchString(name) {
		return invalid("1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+", name)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return api.Errorf("InvalidParameterException", format, args...)
}

// find finds a log group by its name or ARN. The caller holds s.mu.
func (s *Service) find(name, identifier string) (*group, error) {
	if name != "" && identifier != "" {
		return nil, invalid("LogGroup name and LogGroup identifier can't be both present.")
	}
	if _, after, isARN := strings.Cut(identifier, ":log-group:"); isARN {
		identifier = strings.TrimSuffix(after, ":*")
	}
	if name == "" {
		name = identifier
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	if g := s.groups[name]; g != nil {
		return g, nil
	}
	return nil, api.Errorf("ResourceNotFoundException", "The specified log group does not exist.")
}

// GroupInput names a log group.
type GroupInput struct {
	LogGroupName string `json:"logGroupName"`
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html
func (s *Service) deleteLogGroup(_ context.Context, _ api.Caller, in *GroupInput) (*Empty, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(in.LogGroupName, ""); err != nil {
		return nil, err
	}
	delete(s.groups, in.LogGroupName)
	return &Empty{}, nil
}

// PutRetentionPolicyInput says for how many days a group keeps its events.
type PutRetentionPolicyInput struct {
	LogGroupName    string `json:"logGroupName"`
	RetentionInDays int    `json:"retentionInDays"`
}

func (s *Service) putRetentionPolicy(_ context.Context, _ api.Caller, in *PutRetentionPolicyInput) (*Empty, error) {
	if !slices.Contains(retentions, in.RetentionInDays) {
		return nil, invalid("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: %s", in.RetentionInDays, strings.ReplaceAll(fmt.Sprint(retentions), " ", ", "))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(in.LogGroupName, "")
	if err != nil {
		return nil, err
	}
	g.RetentionInDays = in.RetentionInDays
	return &Empty{}, nil
}

// DescribeLogGroupsInput selects log groups.
type DescribeLogGroupsInput struct {
	LogGroupNamePrefix  string `json:"logGroupNamePrefix"`
	LogGroupNamePattern string `json:"logGroupNamePattern"`
	Limit               int    `json:"limit"`
	NextToken           string `json:"nextToken"`
}

// DescribeLogGroupsOutput is a page of log groups by name.
type DescribeLogGroupsOutput struct {
	LogGroups []DescribedGroup `json:"logGroups"`
	NextToken string           `json:"nextToken,omitempty"`
}

// DescribedGroup is a log group as it is now.
type DescribedGroup struct {
	ARN             string `json:"arn"`
	LogGroupARN     string `json:"logGroupArn"`
	LogGroupName    string `json:"logGroupName"`
	LogGroupClass   string `json:"logGroupClass"`
	CreationTime    int64  `json:"creationTime"`
	RetentionInDays int    `json:"retentionInDays,omitempty"`
	KMSKeyID        string `json:"kmsKeyId,omitempty"`
	StoredBytes     int    `json:"storedBytes"`
	MetricFilters   int    `json:"metricFilterCount"`
}

// describePage is the size of a page of groups or streams at most, and if none is
// given.
const describePage = 50

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html
func (s *Service) describeLogGroups(_ context.Context, _ api.Caller, in *DescribeLogGroupsInput) (*DescribeLogGroupsOutput, error) {
	limit, err := pageSize(in.Limit, describePage)
	if err != nil {
		return nil, err
	}
	if in.LogGroupNamePrefix != "" && in.LogGroupNamePattern != "" {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := &DescribeLogGroupsOutput{LogGroups: []DescribedGroup{}}
	for _, name := range slices.Sorted(maps.Keys(s.groups)) {
		switch g := s.groups[name]; {
		case name <= in.NextToken, !strings.HasPrefix(name, in.LogGroupNamePrefix):
		case !strings.Contains(strings.ToLower(name), strings.ToLower(in.LogGroupNamePattern)):
		case len(out.LogGroups) == limit:
			out.NextToken = out.LogGroups[limit-1].LogGroupName
			return out, nil
		default:
			out.LogGroups = append(out.LogGroups, DescribedGroup{
				ARN: g.ARN, LogGroupARN: strings.TrimSuffix(g.ARN, ":*"), LogGroupName: name, LogGroupClass: g.Class, CreationTime: g.Created.UnixMilli(),
				RetentionInDays: g.RetentionInDays, KMSKeyID: g.KMSKeyID, StoredBytes: g.bytes,
			})
		}
	}
	return out, nil
}

// pageSize is a page's size, checked.
func pageSize(limit, most int) (int, error) {
	switch {
	case limit == 0:
		return most, nil
	case limit < 0 || limit > most:
		return 0, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value less than or equal to %d", limit, most)
	}
	return limit, nil
}

// TagsInput names a log group by its ARN.
type TagsInput struct {
	ResourceARN string `json:"resourceArn"`
}

// TagsOutput are a log group's tags.
type TagsOutput struct {
	Tags map[string]string `json:"tags"`
}

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ListTagsForResource.html
func (s *Service) listTagsForResource(_ context.Context, _ api.Caller, in *TagsInput) (*TagsOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, err := s.find("", in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return &TagsOutput{maps.Clone(g.Tags)}, nil
}
