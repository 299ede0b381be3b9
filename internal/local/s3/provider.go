package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// bucketProperties are the properties of AWS::S3::Bucket that are known.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html
type bucketProperties struct {
	BucketName       string
	BucketEncryption *struct {
		ServerSideEncryptionConfiguration []struct {
			BucketKeyEnabled              flag
			ServerSideEncryptionByDefault struct{ SSEAlgorithm, KMSMasterKeyID string }
		}
	}
	PublicAccessBlockConfiguration *struct {
		BlockPublicAcls, BlockPublicPolicy, IgnorePublicAcls, RestrictPublicBuckets flag
	}
	LifecycleConfiguration *struct{ Rules []lifecycleRule }
	OwnershipControls      *struct {
		Rules []struct{ ObjectOwnership string }
	}
	VersioningConfiguration *struct{ Status string }
	Tags                    []struct{ Key, Value string }
}

// lifecycleRule is a rule that expires objects, or aborts uploads in parts, of
// which there are none.
type lifecycleRule struct {
	ID                             string `json:"Id"`
	Status                         string
	Prefix                         string
	ExpirationInDays               json.Number
	AbortIncompleteMultipartUpload *struct{ DaysAfterInitiation json.Number }
}

// flag is a boolean, which templates may write as a string.
type flag bool

// UnmarshalJSON reads true, false, "true" and "false".
func (f *flag) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(bytes.Trim(data, `"`), (*bool)(f))
}

// maxBucketName is the longest name of a bucket.
const maxBucketName = 63

// provideBucket makes a bucket. All access blocks are as good as on: only
// signed requests are answered.
func (s *Service) provideBucket(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	p, rules, err := readBucket(r)
	if err != nil {
		return api.Resource{}, err
	}
	name := p.BucketName
	if name == "" {
		name = bucketNameOf(r.Name)
	}
	s.mu.RLock()
	exists := s.buckets[name] != nil
	s.mu.RUnlock()
	if exists {
		return api.Resource{}, &api.Error{
			Code: "BucketAlreadyOwnedByYou", Status: http.StatusConflict, Fields: map[string]any{"BucketName": name},
			Message: "Your previous request to create the named bucket succeeded and you already own it.",
		}
	}
	in := map[string]any{"Bucket": name}
	if s.account.Region != classicRegion {
		in["CreateBucketConfiguration"] = map[string]string{"LocationConstraint": s.account.Region}
	}
	encoded, err := json.Marshal(in)
	if err != nil {
		return api.Resource{}, fmt.Errorf("encode the input of CreateBucket: %w", err)
	}
	if _, err := s.router.Call(ctx, "s3", "CreateBucket", api.Caller{}, encoded); err != nil {
		return api.Resource{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(name)
	if err != nil {
		return api.Resource{}, err
	}
	b.expiry, b.key = rules, p.key()
	return api.Resource{Ref: name, Attributes: map[string]string{
		"Arn":                 "arn:" + s.account.Partition + ":s3:::" + name,
		"DomainName":          name + ".s3.amazonaws.com",
		"RegionalDomainName":  name + ".s3." + s.account.Region + ".amazonaws.com",
		"DualStackDomainName": name + ".s3.dualstack." + s.account.Region + ".amazonaws.com",
	}}, nil
}

// readBucket reads what a template says of a bucket.
func readBucket(r api.ResourceRequest) (*bucketProperties, []expiryRule, error) {
	p := new(bucketProperties)
	if err := api.Decode(r.Properties, p); err != nil {
		return nil, nil, err
	}
	if err := p.check(); err != nil {
		return nil, nil, err
	}
	rules, err := p.expiryRules()
	return p, rules, err
}

// bucketNameOf makes a bucket's name of a physical name: in lower case, and cut
// in front, where the end is what makes it unique.
func bucketNameOf(name string) string {
	name = strings.ToLower(name)
	if len(name) > maxBucketName {
		name = strings.TrimLeft(name[len(name)-maxBucketName:], "-.")
	}
	return name
}

// key is the KMS key that objects are encrypted with. Empty for none.
func (p *bucketProperties) key() string {
	if p.BucketEncryption == nil {
		return ""
	}
	key := ""
	for _, rule := range p.BucketEncryption.ServerSideEncryptionConfiguration {
		key = rule.ServerSideEncryptionByDefault.KMSMasterKeyID
	}
	return key
}

func (p *bucketProperties) check() error {
	if p.BucketEncryption != nil {
		for _, rule := range p.BucketEncryption.ServerSideEncryptionConfiguration {
			switch by := rule.ServerSideEncryptionByDefault; {
			case by.SSEAlgorithm == keyEncryption && by.KMSMasterKeyID == "":
				return notImplemented("keys that AWS manages: KMSMasterKeyID must name one")
			case by.SSEAlgorithm != encryption && by.SSEAlgorithm != keyEncryption:
				return notImplemented("the server-side encryption " + by.SSEAlgorithm)
			}
		}
	}
	if p.OwnershipControls != nil {
		for _, rule := range p.OwnershipControls.Rules {
			if rule.ObjectOwnership != "BucketOwnerEnforced" {
				return notImplemented("the object ownership " + rule.ObjectOwnership)
			}
		}
	}
	if p.VersioningConfiguration != nil && p.VersioningConfiguration.Status != "Suspended" {
		return notImplemented("the versioning status " + p.VersioningConfiguration.Status)
	}
	return nil
}

func (p *bucketProperties) expiryRules() ([]expiryRule, error) {
	if p.LifecycleConfiguration == nil {
		return nil, nil
	}
	var rules []expiryRule
	for _, r := range p.LifecycleConfiguration.Rules {
		switch {
		case r.Status != "Enabled" && r.Status != "Disabled":
			return nil, malformedXML()
		case r.ExpirationInDays == "" && r.AbortIncompleteMultipartUpload == nil:
			return nil, api.Errorf("InvalidRequest", "At least one action needs to be specified in a rule")
		case r.ExpirationInDays == "" || r.Status == "Disabled":
			continue
		}
		days, err := r.ExpirationInDays.Int64()
		if err != nil || days <= 0 {
			return nil, api.Errorf("InvalidArgument", "'Days' for Expiration action must be a positive integer")
		}
		rules = append(rules, expiryRule{id: r.ID, prefix: r.Prefix, days: int(days)})
	}
	return rules, nil
}

// providePolicy keeps a bucket's policy.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucketpolicy.html
func (s *Service) providePolicy(_ context.Context, r api.ResourceRequest) (api.Resource, error) {
	var p struct {
		Bucket         string
		PolicyDocument json.RawMessage
	}
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	if !bytes.HasPrefix(bytes.TrimSpace(p.PolicyDocument), []byte("{")) {
		return api.Resource{}, api.Errorf("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(p.Bucket)
	if err != nil {
		return api.Resource{}, err
	}
	b.policy = p.PolicyDocument
	return api.Resource{Ref: p.Bucket}, nil
}
