package iam

import "strings"

// awsManaged are AWS's own managed policies that functions and state machines
// commonly have, by what follows "arn:aws:iam::aws:policy/".
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
var awsManaged = map[string]Document{
	"service-role/AWSLambdaBasicExecutionRole": allow(
		"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
	"service-role/AWSLambdaSQSQueueExecutionRole": allow(
		"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
		"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
	"AWSXRayDaemonWriteAccess": allow(
		"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules",
		"xray:GetSamplingTargets", "xray:GetSamplingStatisticSummaries"),
}

func allow(actions ...string) Document {
	return Document{Version: version, Statement: []Statement{{Effect: "Allow", Action: actions, Resource: []string{"*"}}}}
}

// policy finds a managed policy, the account's or AWS's. The lock is held.
func (s *Service) policy(arn string) (*Policy, bool) {
	if p, ok := s.managed[arn]; ok {
		return p, true
	}
	path, ok := strings.CutPrefix(arn, "arn:"+s.account.Partition+":iam::aws:policy/")
	if !ok {
		return nil, false
	}
	document, ok := awsManaged[path]
	return &Policy{Name: path[strings.LastIndex(path, "/")+1:], ARN: arn, Document: document}, ok
}
