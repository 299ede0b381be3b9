package cloudformation

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// Quotas of a template as it is handed over, in bytes.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const (
	maxTemplateBody = 51200
	maxTemplateFile = 1000000
	maxTags         = 50
)

// flag is a boolean, which the query protocol writes as text.
type flag bool

// UnmarshalJSON reads true, false, "true" and "false".
func (f *flag) UnmarshalJSON(data []byte) error {
	v, err := strconv.ParseBool(string(bytes.Trim(data, `"`)))
	*f = flag(v)
	return err
}

// templateInput is what requests that make or change a stack have in common.
type templateInput struct {
	StackName           string
	TemplateBody        string
	TemplateURL         string
	UsePreviousTemplate flag
	Parameters          []parameterInput
	Capabilities        []string
	// Tags, when not nil, take the place of the stack's.
	Tags               []tagMember
	ClientRequestToken string
}

type parameterInput struct {
	ParameterKey     string
	ParameterValue   *string
	UsePreviousValue flag
}

type tagMember struct{ Key, Value string }

func missing(member string) error {
	return api.Errorf("ValidationError", "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
}

func oneOf(member, value string, values ...string) error {
	if slices.Contains(values, value) {
		return nil
	}
	return api.Errorf("ValidationError", "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy enum value set: [%s]", value, member, strings.Join(values, ", "))
}

// asValidation words what is wrong with a template or its parameters as the API
// does.
func asValidation(err error) error {
	var known *api.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return api.Errorf("ValidationError", "%s", strings.Join(messages(err), "\n"))
}

// messages are those of the errors that err joins, without file names.
func messages(err error) []string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, e := range joined.Unwrap() {
			all = append(all, messages(e)...)
		}
		return all
	}
	if fault, ok := errors.AsType[*Error](err); ok {
		return []string{fault.Message + " (line " + strconv.Itoa(fault.Line) + ")"}
	}
	return []string{err.Error()}
}

// request reads a template and its options. The stack is the one to be updated,
// nil for a new one.
func (s *Service) request(ctx context.Context, in *templateInput, stack *Stack) (*Template, Options, error) {
	o := Options{StackName: in.StackName, Parameters: map[string]string{}, Tags: map[string]string{}, capabilities: in.Capabilities}
	s.complete(&o)
	var previous *plan
	if stack != nil {
		o.StackName = stack.Name
		previous = stack.current()
	}
	t, err := s.template(ctx, in, previous)
	if err != nil {
		return nil, o, err
	}
	if in.UsePreviousTemplate {
		// Its local files are where they were.
		o.Resolve = previous.options.Resolve
	}
	if err := checkCapabilities(t, in.Capabilities); err != nil {
		return nil, o, err
	}
	for _, q := range in.Parameters {
		if _, twice := o.Parameters[q.ParameterKey]; twice {
			return nil, o, api.Errorf("ValidationError", "Duplicate parameter key: %s", q.ParameterKey)
		}
		value, err := q.value(previous)
		if err != nil {
			return nil, o, err
		}
		o.Parameters[q.ParameterKey] = value
	}
	if in.Tags == nil && previous != nil {
		o.Tags = maps.Clone(previous.options.Tags)
	}
	if len(in.Tags) > maxTags {
		return nil, o, api.Errorf("ValidationError", "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to %d", maxTags)
	}
	for _, tag := range in.Tags {
		if _, twice := o.Tags[tag.Key]; twice {
			return nil, o, api.Errorf("ValidationError", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		o.Tags[tag.Key] = tag.Value
	}
	return t, o, nil
}

func (q parameterInput) value(previous *plan) (string, error) {
	switch {
	case bool(q.UsePreviousValue) && q.ParameterValue != nil:
		return "", api.Errorf("ValidationError", "Invalid input for parameter key %s. Either UsePreviousValue or ParameterValue can be specified", q.ParameterKey)
	case q.ParameterValue != nil:
		return *q.ParameterValue, nil
	case !bool(q.UsePreviousValue):
		return "", api.Errorf("ValidationError", "Parameters: [%s] must have values", q.ParameterKey)
	}
	if previous != nil {
		if value, ok := previous.given[q.ParameterKey]; ok {
			return value, nil
		}
	}
	return "", api.Errorf("ValidationError", "Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", q.ParameterKey)
}

// template reads the one template that a request names.
func (s *Service) template(ctx context.Context, in *templateInput, previous *plan) (*Template, error) {
	given := 0
	for _, is := range []bool{in.TemplateBody != "", in.TemplateURL != "", bool(in.UsePreviousTemplate)} {
		if is {
			given++
		}
	}
	switch {
	case given == 0:
		return nil, api.Errorf("ValidationError", "Either Template URL or Template Body must be specified.")
	case given > 1:
		return nil, api.Errorf("ValidationError", "Only one of TemplateBody, TemplateURL and UsePreviousTemplate can be specified.")
	case bool(in.UsePreviousTemplate) && previous == nil:
		return nil, api.Errorf("ValidationError", "UsePreviousTemplate can be specified only for a stack that has a template.")
	case bool(in.UsePreviousTemplate):
		return previous.template, nil
	case len(in.TemplateBody) > maxTemplateBody:
		return nil, api.Errorf("ValidationError", "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to %d", maxTemplateBody)
	}
	body := []byte(in.TemplateBody)
	if in.TemplateURL != "" {
		var err error
		if body, err = s.download(ctx, in.TemplateURL); err != nil {
			return nil, err
		}
	}
	t, err := Parse("template", body)
	return t, asValidation(err)
}

// download reads a template from S3.
func (s *Service) download(ctx context.Context, address string) ([]byte, error) {
	bucket, key, ok := s.objectOf(address)
	if !ok || s.backend.Object == nil {
		return nil, api.Errorf("ValidationError", "TemplateURL must be a supported URL.")
	}
	body, err := s.backend.Object(ctx, bucket, key, "")
	switch {
	case err != nil:
		return nil, api.Errorf("ValidationError", "S3 error: %s\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html", api.AsError(err).Message)
	case len(body) > maxTemplateFile:
		return nil, api.Errorf("ValidationError", "Template may not exceed %d bytes in size.", maxTemplateFile)
	}
	return body, nil
}

// objectOf reads a URL of S3, or of the runtime itself, in its virtual-hosted or
// its path style.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
func (s *Service) objectOf(address string) (bucket, key string, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return "", "", false
	}
	path := strings.TrimPrefix(u.Path, "/")
	host, amazon := strings.CutSuffix(u.Hostname(), "."+urlSuffix(s.account.Partition))
	before, virtual := host, false
	for _, end := range []string{".s3." + s.account.Region, ".s3"} {
		if b, found := strings.CutSuffix(host, end); found {
			before, virtual = b, true
			break
		}
	}
	switch {
	case amazon && virtual:
		return before, path, path != ""
	case amazon && host != "s3" && host != "s3."+s.account.Region:
		return "", "", false
	case !amazon && u.Scheme+"://"+u.Host != s.account.Endpoint:
		return "", "", false
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key, key != ""
}

// iamNames are the properties that name resources of IAM types that need
// somebody's word.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html#using-iam-capabilities
var iamNames = map[string]string{
	"AWS::IAM::AccessKey": "", "AWS::IAM::Group": "GroupName", "AWS::IAM::InstanceProfile": "InstanceProfileName",
	"AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::IAM::Policy": "", "AWS::IAM::Role": "RoleName",
	"AWS::IAM::User": "UserName", "AWS::IAM::UserToGroupAddition": "",
}

// requiredCapability is the capability that a template needs, and the types that
// make it so. Empty for none.
func requiredCapability(t *Template) (capability string, types []string) {
	for _, r := range t.Resources {
		name, guarded := iamNames[r.Type]
		if !guarded {
			continue
		}
		if capability == "" {
			capability = "CAPABILITY_IAM"
		}
		if slices.ContainsFunc(r.properties, func(q property) bool { return q.name == name }) {
			capability = "CAPABILITY_NAMED_IAM"
		}
		if !slices.Contains(types, r.Type) {
			types = append(types, r.Type)
		}
	}
	return capability, types
}

func checkCapabilities(t *Template, given []string) error {
	for _, c := range given {
		if err := oneOf("capabilities", c, "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"); err != nil {
			return err
		}
	}
	required, _ := requiredCapability(t)
	if required == "" || slices.Contains(given, required) || slices.Contains(given, "CAPABILITY_NAMED_IAM") {
		return nil
	}
	return &api.Error{
		Code: "InsufficientCapabilitiesException", QueryCode: "InsufficientCapabilitiesException",
		Message: "Requires capabilities : [" + required + "]",
	}
}
