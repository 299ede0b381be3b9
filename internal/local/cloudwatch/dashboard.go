package cloudwatch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// dashboard is guarded by Service.mu.
type dashboard struct {
	body     string
	modified time.Time
}

// PutDashboardInput makes or replaces a dashboard.
type PutDashboardInput struct {
	DashboardName string
	// DashboardBody is JSON.
	DashboardBody string
	// Tags are those of a dashboard that is made.
	Tags []Tag
}

// PutDashboardOutput is without messages: a body that has faults is refused.
type PutDashboardOutput struct {
	DashboardValidationMessages []ValidationMessage `xml:"DashboardValidationMessages>member"`
}

// ValidationMessage is a fault of a dashboard's body, and where it is.
type ValidationMessage struct{ DataPath, Message string }

var dashboardName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

// putDashboard makes or replaces a dashboard whose body is one.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
func (s *Service) putDashboard(_ context.Context, _ api.Caller, in *PutDashboardInput) (*PutDashboardOutput, error) {
	if !dashboardName.MatchString(in.DashboardName) {
		return nil, invalidDashboard("The value %s for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_).", in.DashboardName)
	}
	if faults := bodyFaults(in.DashboardBody); len(faults) > 0 {
		// Texts always encode.
		list, _ := json.Marshal(faults)
		return nil, &api.Error{
			Code: "InvalidParameterInput", Fields: map[string]any{"dashboardValidationMessages": faults},
			Message: fmt.Sprintf("The dashboard body is invalid, there are %d validation errors: %s", len(faults), list),
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dashboards[in.DashboardName] = dashboard{in.DashboardBody, time.Now().UTC()}
	return &PutDashboardOutput{DashboardValidationMessages: []ValidationMessage{}}, nil
}

func invalidDashboard(format string, args ...any) error {
	return &api.Error{Code: "InvalidParameterInput", Message: fmt.Sprintf(format, args...)}
}

const (
	// gridWidth is how many columns a dashboard has, maxHeight how high a widget is.
	gridWidth, maxHeight = 24, 1000
	maxWidgets           = 500
)

var widgetTypes = []string{"metric", "text", "log", "alarm", "explorer", "custom"}

// widget is one part of a dashboard.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
type widget struct {
	Type          string `json:"type"`
	X, Y          *int
	Width, Height *int
	Properties    map[string]any `json:"properties"`
}

// bodyFaults are what is wrong with a dashboard's body.
func bodyFaults(text string) (faults []ValidationMessage) {
	fault := func(path, format string, args ...any) {
		faults = append(faults, ValidationMessage{path, fmt.Sprintf(format, args...)})
	}
	var body struct {
		Widgets *[]widget `json:"widgets"`
	}
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		fault("", "The field DashboardBody must be a valid JSON object: %s", err)
		return faults
	}
	if body.Widgets == nil {
		fault("/", `should have required property 'widgets'`)
		return faults
	}
	if len(*body.Widgets) > maxWidgets {
		fault("/widgets", "should NOT have more than %d items", maxWidgets)
	}
	for i, w := range *body.Widgets {
		w.faults(func(path, format string, args ...any) { fault(fmt.Sprintf("/widgets/%d%s", i, path), format, args...) })
	}
	return faults
}

// faults tells what is wrong with a widget.
func (w widget) faults(fault func(path, format string, args ...any)) {
	if !slices.Contains(widgetTypes, w.Type) {
		fault("/type", "should be equal to one of the allowed values: %s", strings.Join(widgetTypes, ", "))
	}
	for _, n := range []struct {
		name        string
		value       *int
		least, most int
	}{{"x", w.X, 0, gridWidth - 1}, {"y", w.Y, 0, 1 << 30}, {"width", w.Width, 1, gridWidth}, {"height", w.Height, 1, maxHeight}} {
		if n.value != nil && (*n.value < n.least || *n.value > n.most) {
			fault("/"+n.name, "should be >= %d and <= %d", n.least, n.most)
		}
	}
	if w.Properties == nil {
		fault("", "should have required property 'properties'")
		return
	}
	required := map[string][]string{"text": {"markdown"}, "log": {"query", "region"}, "alarm": {"alarms"}, "metric": {"region"}, "custom": {"endpoint"}}
	for _, name := range required[w.Type] {
		if w.Properties[name] == nil {
			fault("/properties", "should have required property '%s'", name)
		}
	}
	if w.Type == "metric" {
		metricFaults(w.Properties, fault)
	}
}

// metricFaults tells what is wrong with a metric widget's properties: each of its
// metrics is an array that begins with a namespace and a name, or an expression.
func metricFaults(properties map[string]any, fault func(path, format string, args ...any)) {
	metrics, ok := properties["metrics"].([]any)
	switch {
	case properties["metrics"] == nil && properties["annotations"] == nil:
		fault("/properties", "should have either property 'metrics' or 'annotations'")
	case properties["metrics"] != nil && !ok:
		fault("/properties/metrics", "should be array")
	}
	for i, m := range metrics {
		path := fmt.Sprintf("/properties/metrics/%d", i)
		row, ok := m.([]any)
		if !ok || len(row) == 0 {
			fault(path, "should be array")
			continue
		}
		texts := row
		if options, ok := row[len(row)-1].(map[string]any); ok {
			texts = row[:len(row)-1]
			if len(texts) == 0 && options["expression"] == nil {
				fault(path, "Should have a namespace and a metric name, or an expression")
			}
		}
		if len(texts)%2 != 0 {
			fault(path, "Invalid metric field: the namespace and name, and each dimension, are pairs")
		}
		for _, text := range texts {
			if _, ok := text.(string); !ok {
				fault(path, "should be string")
			}
		}
	}
}

// DashboardInput names a dashboard.
type DashboardInput struct{ DashboardName string }

// GetDashboardOutput is a dashboard as it was put.
type GetDashboardOutput struct{ DashboardArn, DashboardBody, DashboardName string }

// getDashboard gives a dashboard back.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetDashboard.html
func (s *Service) getDashboard(_ context.Context, _ api.Caller, in *DashboardInput) (*GetDashboardOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.dashboards[in.DashboardName]
	if !ok {
		return nil, noSuchDashboard(in.DashboardName)
	}
	return &GetDashboardOutput{s.dashboardARN(in.DashboardName), d.body, in.DashboardName}, nil
}

func noSuchDashboard(name string) error {
	return &api.Error{Code: "DashboardNotFoundError", QueryCode: "ResourceNotFound", Message: "Dashboard " + name + " does not exist", Status: http.StatusNotFound}
}

// dashboardARN names a dashboard: those of an account belong to no Region.
func (s *Service) dashboardARN(name string) string {
	return "arn:" + s.account.Partition + ":cloudwatch::" + s.account.ID + ":dashboard/" + name
}

// ListDashboardsInput selects dashboards.
type ListDashboardsInput struct{ DashboardNamePrefix, NextToken string }

// ListDashboardsOutput lists dashboards by name.
type ListDashboardsOutput struct {
	DashboardEntries []DashboardEntry `xml:"DashboardEntries>member"`
}

// DashboardEntry is a dashboard in a list.
type DashboardEntry struct {
	DashboardArn, DashboardName string
	LastModified                Timestamp
	Size                        int
}

// listDashboards lists dashboards: all of them at once.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListDashboards.html
func (s *Service) listDashboards(_ context.Context, _ api.Caller, in *ListDashboardsInput) (*ListDashboardsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &ListDashboardsOutput{DashboardEntries: []DashboardEntry{}}
	for _, name := range slices.Sorted(maps.Keys(s.dashboards)) {
		if d := s.dashboards[name]; strings.HasPrefix(name, in.DashboardNamePrefix) {
			out.DashboardEntries = append(out.DashboardEntries, DashboardEntry{s.dashboardARN(name), name, Timestamp{d.modified}, len(d.body)})
		}
	}
	return out, nil
}

// DeleteDashboardsInput names dashboards.
type DeleteDashboardsInput struct{ DashboardNames []string }

// deleteDashboards deletes dashboards: all of them, or none if one does not exist.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteDashboards.html
func (s *Service) deleteDashboards(_ context.Context, _ api.Caller, in *DeleteDashboardsInput) (*Empty, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range in.DashboardNames {
		if _, ok := s.dashboards[name]; !ok {
			return nil, noSuchDashboard(name)
		}
	}
	for _, name := range in.DashboardNames {
		delete(s.dashboards, name)
	}
	return &Empty{}, nil
}

// dashboardProperties are the properties of AWS::CloudWatch::Dashboard.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-dashboard.html
type dashboardProperties struct {
	DashboardName string
	DashboardBody string
	Tags          []Tag
}

// provideDashboard makes a dashboard, or changes one in place.
func (s *Service) provideDashboard(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	var p dashboardProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	if p.DashboardName == "" {
		p.DashboardName = r.Name
	}
	if err := s.call(ctx, "PutDashboard", PutDashboardInput(p)); err != nil {
		return api.Resource{}, err
	}
	return api.Resource{Ref: p.DashboardName, Attributes: map[string]string{}}, nil
}

// call makes a call through the door.
func (s *Service) call(ctx context.Context, operation string, in any) error {
	input, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode the input of %s: %w", operation, err)
	}
	_, err = s.router.Call(ctx, "cloudwatch", operation, api.Caller{}, input)
	return err
}

// gone makes no error of it that something to delete is gone already.
func gone(err error) error {
	if err != nil && api.AsError(err).HTTPStatus() == http.StatusNotFound {
		return nil
	}
	return err
}
