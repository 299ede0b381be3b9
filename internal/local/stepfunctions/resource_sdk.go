package stepfunctions

import "strings"

// sdkService is a service as SDK integrations see it.
type sdkService struct {
	// service is the router's name of it.
	service string
	dialect dialect
	// camel, texts, named and dates are those of [routed].
	camel               bool
	texts, named, dates []string
	// forms of the parameters of operations. Others are the service's to check.
	forms map[string]*form
}

// sdkServices are the services of SDK integrations by the name that ARNs have.
// See https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html.
var sdkServices = map[string]sdkService{
	"sqs": {service: "sqs", dialect: sdkDialect("Sqs", sqsCodes), texts: []string{"MessageBody"}},
	"sfn": {
		service: "states", dialect: sdkDialect("Sfn", sfnCodes), camel: true,
		texts: []string{"Input", "Output", "Definition"},
		dates: []string{"StartDate", "StopDate", "CreationDate", "UpdateDate", "RedriveDate", "Timestamp"},
	},
	"dynamodb":    {service: "dynamodb", dialect: sdkDialect("DynamoDb", dynamodbCodes)},
	"lambda":      {service: "lambda", dialect: sdkDialect("Lambda", lambdaCodes)},
	"s3":          {service: "s3", dialect: sdkDialect("S3", s3Codes)},
	"eventbridge": {service: "events", dialect: sdkDialect("EventBridge", eventsCodes), texts: []string{"Detail"}},
	"cloudwatch":  {service: "cloudwatch", dialect: sdkDialect("CloudWatch", cloudwatchCodes)},
	"batch": {
		service: "batch", dialect: sdkDialect("Batch", batchCodes), camel: true, named: batchJob.named,
		forms: map[string]*form{"SubmitJob": batchJob.form.with(members{
			"ConsumableResourcePropertiesOverride": anything,
			"EcsPropertiesOverride":                anything,
			"EksPropertiesOverride":                anything,
			"NodeOverrides":                        anything,
		})},
	},
	"codebuild": {
		service: "codebuild", dialect: sdkDialect("CodeBuild", codeBuildCodes), camel: true, dates: codeBuild.dates,
		forms: map[string]*form{"StartBuild": codeBuild.form.with(members{
			"AutoRetryLimitOverride": anything,
			"FleetOverride":          anything,
		})},
	},
}

func sdkDialect(name string, modelled map[string]bool) dialect {
	return dialect{prefix: name, base: name + "Exception", label: name, sdk2: true, modelled: modelled}
}

func (c *compiler) sdkTarget(o *object, arn, name string) *target {
	full, p, ok := cut(name)
	kind, action, _ := strings.Cut(full, ":")
	known, found := sdkServices[kind]
	if !ok || !found || action == "" || p != requestResponse && p != callback {
		return nil
	}
	service, found := c.service.router.Service(known.service)
	if !found {
		return nil
	}
	operation := strings.ToUpper(action[:1]) + action[1:]
	if _, found := service.Operations[operation]; !found || operation == action {
		return nil
	}
	c.pattern(o, p)
	form := known.forms[operation]
	if form != nil {
		c.fit(o, form)
	}
	return &target{
		arn: arn, kind: "aws-sdk:" + kind, resource: strings.TrimPrefix(name, kind+":"), pattern: p, form: form,
		call: &routed{
			s: c.service, service: known.service, operation: operation, dialect: known.dialect,
			camel: known.camel, texts: known.texts, named: known.named, dates: known.dates,
		},
	}
}
