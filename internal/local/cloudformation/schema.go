package cloudformation

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// kind is the type of a property where it is not a string, an object or a list.
type kind int

const (
	integer kind = iota + 1
	number
	boolean
	// document is JSON of any form: it stays as the template has it.
	document
)

// schemas are the properties that are not strings, by resource type and path.
// CloudFormation converts values to the types of a resource's schema: a Number
// parameter is a string where it is used, and an integer where one is wanted.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
var schemas = map[string]map[string]kind{
	"AWS::SQS::Queue": {
		"ContentBasedDeduplication": boolean, "DelaySeconds": integer, "FifoQueue": boolean,
		"KmsDataKeyReusePeriodSeconds": integer, "MaximumMessageSize": integer, "MessageRetentionPeriod": integer,
		"ReceiveMessageWaitTimeSeconds": integer, "RedriveAllowPolicy": document, "RedrivePolicy": document,
		"SqsManagedSseEnabled": boolean, "VisibilityTimeout": integer,
	},
	"AWS::SQS::QueuePolicy": {"PolicyDocument": document},
	"AWS::DynamoDB::Table": {
		"ContributorInsightsSpecification.Enabled":                        boolean,
		"DeletionProtectionEnabled":                                       boolean,
		"PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled":     boolean,
		"PointInTimeRecoverySpecification.RecoveryPeriodInDays":           integer,
		"ProvisionedThroughput.ReadCapacityUnits":                         integer,
		"ProvisionedThroughput.WriteCapacityUnits":                        integer,
		"GlobalSecondaryIndexes.ProvisionedThroughput.ReadCapacityUnits":  integer,
		"GlobalSecondaryIndexes.ProvisionedThroughput.WriteCapacityUnits": integer,
		"SSESpecification.SSEEnabled":                                     boolean,
		"TimeToLiveSpecification.Enabled":                                 boolean,
	},
	"AWS::S3::Bucket": {
		"BucketEncryption.ServerSideEncryptionConfiguration.BucketKeyEnabled":              boolean,
		"LifecycleConfiguration.Rules.AbortIncompleteMultipartUpload.DaysAfterInitiation":  integer,
		"LifecycleConfiguration.Rules.ExpirationInDays":                                    integer,
		"LifecycleConfiguration.Rules.ExpiredObjectDeleteMarker":                           boolean,
		"LifecycleConfiguration.Rules.NoncurrentVersionExpiration.NewerNoncurrentVersions": integer,
		"LifecycleConfiguration.Rules.NoncurrentVersionExpiration.NoncurrentDays":          integer,
		"LifecycleConfiguration.Rules.NoncurrentVersionExpirationInDays":                   integer,
		"LifecycleConfiguration.Rules.ObjectSizeGreaterThan":                               integer,
		"LifecycleConfiguration.Rules.ObjectSizeLessThan":                                  integer,
		"PublicAccessBlockConfiguration.BlockPublicAcls":                                   boolean,
		"PublicAccessBlockConfiguration.BlockPublicPolicy":                                 boolean,
		"PublicAccessBlockConfiguration.IgnorePublicAcls":                                  boolean,
		"PublicAccessBlockConfiguration.RestrictPublicBuckets":                             boolean,
	},
	"AWS::S3::BucketPolicy": {"PolicyDocument": document},
	"AWS::Lambda::Function": {
		"EphemeralStorage.Size": integer, "MemorySize": integer, "ReservedConcurrentExecutions": integer,
		"Timeout": integer, "VpcConfig.Ipv6AllowedForDualStack": boolean,
	},
	"AWS::Lambda::EventInvokeConfig": {"MaximumEventAgeInSeconds": integer, "MaximumRetryAttempts": integer},
	"AWS::StepFunctions::StateMachine": {
		"Definition": document, "LoggingConfiguration.IncludeExecutionData": boolean, "TracingConfiguration.Enabled": boolean,
	},
	"AWS::Events::Rule": {
		"EventPattern": document, "Targets.RetryPolicy.MaximumEventAgeInSeconds": integer,
		"Targets.RetryPolicy.MaximumRetryAttempts": integer,
	},
	"AWS::CloudWatch::Alarm": {
		"ActionsEnabled": boolean, "DatapointsToAlarm": integer, "EvaluationPeriods": integer, "Period": integer,
		"Threshold": number, "Metrics.MetricStat.Period": integer, "Metrics.Period": integer, "Metrics.ReturnData": boolean,
	},
	"AWS::IAM::Role": {
		"AssumeRolePolicyDocument": document, "MaxSessionDuration": integer, "Policies.PolicyDocument": document,
	},
	"AWS::IAM::Policy":        {"PolicyDocument": document},
	"AWS::IAM::ManagedPolicy": {"PolicyDocument": document},
	"AWS::Logs::LogGroup": {
		"DataProtectionPolicy": document, "DeletionProtectionEnabled": boolean, "RetentionInDays": integer,
	},
}

// conform converts properties, in place, to the types of their schema. A type
// without a schema is left alone.
func conform(r *Resource, properties map[string]any) error {
	schema, ok := schemas[r.Type]
	if !ok {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		v, found, err := convert(schema, name, properties[name])
		if err != nil {
			return api.Errorf("InvalidRequest", "Properties validation failed for resource %s with message: [#/%s: %s]", r.LogicalID, strings.ReplaceAll(found, ".", "/"), err)
		}
		properties[name] = v
	}
	return nil
}

// convert converts the value at a path. With an error it says where it is.
func convert(schema map[string]kind, path string, v any) (converted any, where string, err error) {
	want := schema[path]
	if want == document {
		return v, path, nil
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if v[name], where, err = convert(schema, path+"."+name, v[name]); err != nil {
				return nil, where, err
			}
		}
		return v, path, nil
	case []any:
		// The list may be a parameter's, which others use as well.
		items := make([]any, len(v))
		for i := range v {
			if items[i], where, err = convert(schema, path, v[i]); err != nil {
				return nil, where, err
			}
		}
		return items, path, nil
	}
	converted, err = want.of(v)
	return converted, path, err
}

var integral = regexp.MustCompile(`^-?[0-9]+$`)

func (k kind) of(v any) (any, error) {
	text, _ := asText(v)
	switch k {
	case integer:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && integral.MatchString(text) {
			return n, nil
		}
		return nil, fmt.Errorf("expected type: Integer, found: %s", foundType(v))
	case number:
		if n, err := strconv.ParseFloat(text, 64); err == nil && decimal.MatchString(text) {
			return n, nil
		}
		return nil, fmt.Errorf("expected type: Number, found: %s", foundType(v))
	case boolean:
		if truth, ok := asTruth(v); ok {
			return truth, nil
		}
		return nil, fmt.Errorf("expected type: Boolean, found: %s", foundType(v))
	}
	return text, nil
}

func foundType(v any) string {
	switch v.(type) {
	case json.Number:
		return "Number"
	case bool:
		return "Boolean"
	}
	return "String"
}
