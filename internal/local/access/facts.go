package access

import (
	"slices"
	"strings"
)

// need is one permission that a call needs.
type need struct {
	action, resource string
	// with are condition keys of its own, in lower case.
	with map[string][]string
	// encrypts is the resource that the key of an action of KMS encrypts. Empty for
	// all else.
	encrypts string
}

// fact adds what a call needs.
type fact func(q *asked, to []need) []need

// on needs an action on one resource.
func on(action string, r resource) fact {
	return func(q *asked, to []need) []need { return append(to, need{action: action, resource: r(q)}) }
}

// facts are what the operations of the embedded AWS ask of IAM, by service and
// operation, as the service authorization reference has it. An operation that is
// not here is denied to every role.
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var facts = table{}.filled()

// operation is one of a service: sqs, SendMessageBatch.
type operation struct{ service, name string }

type table map[operation]fact

func (t table) filled() table {
	t.sqs()
	t.dynamodb()
	t.lambda()
	t.s3()
	t.stepFunctions()
	t.events()
	t.cloudWatch()
	t.jobs()
	t.others()
	return t
}

// add adds operations that are actions of their own name.
func (t table) add(service string, r resource, operations ...string) {
	for _, o := range operations {
		t[operation{service, o}] = on(service+":"+o, r)
	}
}

func (t table) sqs() {
	t.add("sqs", queue, "DeleteQueue", "GetQueueAttributes", "SetQueueAttributes", "PurgeQueue", "SendMessage", "ReceiveMessage",
		"DeleteMessage", "ChangeMessageVisibility", "TagQueue", "UntagQueue", "ListQueueTags", "ListDeadLetterSourceQueues",
		"AddPermission", "RemovePermission")
	for _, o := range []string{"SendMessage", "DeleteMessage", "ChangeMessageVisibility"} {
		t[operation{"sqs", o + "Batch"}] = on("sqs:"+o, queue)
	}
	t.add("sqs", at("sqs", "", "QueueName"), "CreateQueue", "GetQueueUrl")
	t.add("sqs", anything, "ListQueues", "CancelMessageMoveTask")
	t.add("sqs", at("sqs", "", "SourceArn"), "StartMessageMoveTask", "ListMessageMoveTasks")
}

func (t table) dynamodb() {
	t.add("dynamodb", tableNamed, "CreateTable", "DeleteItem", "DeleteTable", "DescribeTable", "DescribeTimeToLive", "GetItem", "PutItem", "UpdateItem",
		"UpdateTable", "UpdateTimeToLive")
	t.add("dynamodb", tableOrIndex, "Query", "Scan")
	t.add("dynamodb", anything, "ListTables")
	t.add("dynamodb", at("dynamodb", "table/", "ResourceArn"), "TagResource", "UntagResource", "ListTagsOfResource")
	for _, o := range []string{"BatchGetItem", "BatchWriteItem"} {
		t[operation{"dynamodb", o}] = func(q *asked, to []need) []need {
			for _, name := range q.keys("RequestItems") {
				to = append(to, need{action: "dynamodb:" + o, resource: q.arn("dynamodb", "table/", name)})
			}
			return to
		}
	}
	// Transactions need what each of their parts does.
	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
	t[operation{"dynamodb", "TransactWriteItems"}] = transaction(map[string]string{
		"ConditionCheck": "ConditionCheckItem", "Delete": "DeleteItem", "Put": "PutItem", "Update": "UpdateItem",
	})
	t[operation{"dynamodb", "TransactGetItems"}] = transaction(map[string]string{"Get": "GetItem"})
}

// transaction needs the actions of its items' parts.
func transaction(actions map[string]string) fact {
	return func(q *asked, to []need) []need {
		for _, item := range q.list("TransactItems") {
			for part, action := range actions {
				if p := q.member(item, part); p.IsValid() {
					n := need{action: "dynamodb:" + action, resource: q.arn("dynamodb", "table/", asText(q.member(p, "TableName")))}
					if !slices.ContainsFunc(to, func(m need) bool { return m.action == n.action && m.resource == n.resource }) {
						to = append(to, n)
					}
				}
			}
		}
		return to
	}
}

func (t table) lambda() {
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
	t[operation{"lambda", "Invoke"}] = on("lambda:InvokeFunction", function)
	t.add("lambda", function, "GetFunction", "GetFunctionConfiguration", "DeleteFunction", "PutFunctionEventInvokeConfig",
		"UpdateFunctionEventInvokeConfig", "GetFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig", "AddPermission", "RemovePermission", "GetPolicy")
	t.add("lambda", wholeFunction, "CreateFunction", "UpdateFunctionConfiguration", "UpdateFunctionCode", "PutFunctionConcurrency",
		"GetFunctionConcurrency", "DeleteFunctionConcurrency", "PublishVersion", "ListVersionsByFunction", "CreateAlias", "UpdateAlias",
		"GetAlias", "DeleteAlias", "ListAliases")
	t.add("lambda", anything, "ListFunctions", "GetAccountSettings", "ListEventSourceMappings", "CreateEventSourceMapping")
	t.add("lambda", at("lambda", "event-source-mapping:", "UUID"), "GetEventSourceMapping", "UpdateEventSourceMapping", "DeleteEventSourceMapping")
	t.add("lambda", at("lambda", "function:", "Resource"), "TagResource", "UntagResource", "ListTags")
}

func (t table) s3() {
	t.add("s3", bucket, "CreateBucket", "DeleteBucket")
	t.add("s3", object, "PutObject", "DeleteObject")
	// An object that is not there looks like a forbidden one to who may not list
	// the bucket. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
	read := func(q *asked, to []need) []need {
		to = append(to, need{action: "s3:GetObject", resource: object(q)})
		if !q.resources.ObjectExists(q.text("Bucket"), q.text("Key")) {
			to = append(to, need{action: "s3:ListBucket", resource: bucket(q)})
		}
		return to
	}
	t[operation{"s3", "GetObject"}], t[operation{"s3", "HeadObject"}] = read, read
	t[operation{"s3", "HeadBucket"}] = on("s3:ListBucket", bucket)
	t[operation{"s3", "ListObjectsV2"}] = func(q *asked, to []need) []need {
		return append(to, need{action: "s3:ListBucket", resource: bucket(q), with: map[string][]string{"s3:prefix": {q.text("Prefix")}}})
	}
	t[operation{"s3", "ListBuckets"}] = on("s3:ListAllMyBuckets", anything)
	t[operation{"s3", "DeleteObjects"}] = func(q *asked, to []need) []need {
		for _, o := range q.list("Delete", "Objects") {
			to = append(to, need{action: "s3:DeleteObject", resource: bucket(q) + "/" + asText(q.member(o, "Key"))})
		}
		return to
	}
}

func (t table) stepFunctions() {
	t.add("states", at("states", "stateMachine:", "name"), "CreateStateMachine")
	t.add("states", machine, "UpdateStateMachine", "DeleteStateMachine", "DescribeStateMachine", "ListExecutions", "StartExecution", "StartSyncExecution")
	t.add("states", execution, "DescribeStateMachineForExecution", "StopExecution", "RedriveExecution", "DescribeExecution", "GetExecutionHistory")
	// The token is what permits.
	t.add("states", anything, "ListStateMachines", "ValidateStateMachineDefinition", "SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat")
	t.add("states", at("states", "stateMachine:", "resourceArn"), "TagResource", "UntagResource", "ListTagsForResource")
}

func (t table) events() {
	t.add("events", rule("Name"), "DeleteRule", "DescribeRule", "DisableRule", "EnableRule", "PutRule")
	t.add("events", rule("Rule"), "ListTargetsByRule", "PutTargets", "RemoveTargets")
	t.add("events", anything, "ListRules", "TestEventPattern")
	t.add("events", at("events", "rule/", "ResourceARN"), "ListTagsForResource", "TagResource", "UntagResource")
	t[operation{"events", "PutEvents"}] = func(q *asked, to []need) []need {
		for _, e := range q.list("Entries") {
			bus := asText(q.member(e, "EventBusName"))
			if bus == "" {
				bus = "default"
			}
			to = append(to, need{action: "events:PutEvents", resource: q.arn("events", "event-bus/", bus), with: map[string][]string{
				"events:source": {asText(q.member(e, "Source"))}, "events:detail-type": {asText(q.member(e, "DetailType"))},
			}})
		}
		return to
	}
}

func (t table) cloudWatch() {
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
	t[operation{"cloudwatch", "DescribeAlarms"}] = func(q *asked, to []need) []need {
		names := q.texts("AlarmNames")
		// Composite alarms are told of to who may describe every alarm.
		// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
		if len(names) == 0 || slices.Contains(q.texts("AlarmTypes"), "CompositeAlarm") {
			names = []string{"*"}
		}
		return eachAlarm(q, "cloudwatch:DescribeAlarms", names, to)
	}
	t[operation{"cloudwatch", "DeleteAlarms"}] = func(q *asked, to []need) []need {
		return eachAlarm(q, "cloudwatch:DeleteAlarms", q.texts("AlarmNames"), to)
	}
	t.add("cloudwatch", at("cloudwatch", "alarm:", "AlarmName"), "PutMetricAlarm", "SetAlarmState")
	t.add("cloudwatch", at("cloudwatch", "alarm:", "ResourceARN"), "ListTagsForResource", "TagResource", "UntagResource")
	t[operation{"cloudwatch", "PutMetricData"}] = func(q *asked, to []need) []need {
		return append(to, need{action: "cloudwatch:PutMetricData", resource: "*", with: map[string][]string{"cloudwatch:namespace": {q.text("Namespace")}}})
	}
	t.add("cloudwatch", anything, "GetMetricData", "GetMetricStatistics", "ListMetrics")
	// Dashboards have no region.
	dashboard := func(q *asked) string {
		return "arn:" + q.account.Partition + ":cloudwatch::" + q.account.ID + ":dashboard/" + q.text("DashboardName")
	}
	t.add("cloudwatch", dashboard, "PutDashboard", "GetDashboard")
	t.add("cloudwatch", anything, "ListDashboards", "DeleteDashboards")
}

func eachAlarm(q *asked, action string, names []string, to []need) []need {
	for _, name := range names {
		to = append(to, need{action: action, resource: q.account.ARN("cloudwatch", "alarm:"+name)})
	}
	return to
}

func (t table) jobs() {
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
	t[operation{"ecs", "RunTask"}] = func(q *asked, to []need) []need {
		definition := q.revised("ecs", "task-definition/", q.text("taskDefinition"))
		to = append(to, need{action: "ecs:RunTask", resource: definition, with: inCluster(q)})
		family, _, _ := strings.Cut(definition[strings.LastIndexByte(definition, '/')+1:], ":")
		roles := slices.Concat(q.resources.TaskRoles(family), []string{q.text("overrides", "taskRoleArn"), q.text("overrides", "executionRoleArn")})
		return passes(to, "ecs-tasks.amazonaws.com", roles...)
	}
	t[operation{"ecs", "DescribeTasks"}] = func(q *asked, to []need) []need {
		for _, task := range q.texts("tasks") {
			to = append(to, need{action: "ecs:DescribeTasks", resource: q.task(task), with: inCluster(q)})
		}
		return to
	}
	t[operation{"ecs", "StopTask"}] = func(q *asked, to []need) []need {
		return append(to, need{action: "ecs:StopTask", resource: q.task(q.text("task")), with: inCluster(q)})
	}
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html
	t[operation{"batch", "SubmitJob"}] = func(q *asked, to []need) []need {
		return append(to,
			need{action: "batch:SubmitJob", resource: q.revised("batch", "job-definition/", q.text("jobDefinition"))},
			need{action: "batch:SubmitJob", resource: q.arn("batch", "job-queue/", q.text("jobQueue"))})
	}
	t.add("batch", anything, "DescribeJobs")
	t.add("batch", at("batch", "job/", "jobId"), "TerminateJob")
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodebuild.html
	t.add("codebuild", at("codebuild", "project/", "projectName"), "StartBuild")
	t.add("codebuild", func(q *asked) string { return q.project(q.text("id")) }, "StopBuild")
	t[operation{"codebuild", "BatchGetBuilds"}] = func(q *asked, to []need) []need {
		for _, id := range q.texts("ids") {
			to = append(to, need{action: "codebuild:BatchGetBuilds", resource: q.project(id)})
		}
		return to
	}
}

func inCluster(q *asked) map[string][]string {
	return map[string][]string{"ecs:cluster": {q.cluster()}}
}

// passes needs to pass roles to a service.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
func passes(to []need, service string, roles ...string) []need {
	for _, role := range roles {
		if role != "" {
			to = append(to, need{action: "iam:PassRole", resource: role, with: map[string][]string{"iam:passedtoservice": {service}}})
		}
	}
	return to
}

func (t table) others() {
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
	stack := func(q *asked) string {
		name := q.text("StackName")
		if strings.HasPrefix(name, "arn:") {
			return name
		}
		return q.account.ARN("cloudformation", "stack/"+name+"/*")
	}
	t.add("cloudformation", stack, "DescribeStacks", "DescribeStackResources", "DescribeStackResource", "ListStackResources", "CreateStack",
		"UpdateStack", "DeleteStack", "DescribeStackEvents", "GetTemplate", "GetTemplateSummary", "CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet",
		"DeleteChangeSet", "ListChangeSets", "ContinueUpdateRollback", "CancelUpdateStack", "RollbackStack", "SetStackPolicy", "UpdateTerminationProtection")
	t.add("cloudformation", anything, "ListStacks", "ValidateTemplate", "ListExports")
	// No permission is needed. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
	t[operation{"sts", "GetCallerIdentity"}] = func(_ *asked, to []need) []need { return to }
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
	t.add("sns", at("sns", "", "TopicArn"), "Publish", "PublishBatch", "Subscribe", "DeleteTopic", "GetTopicAttributes", "SetTopicAttributes", "ListSubscriptionsByTopic")
	t.add("sns", at("sns", "", "Name"), "CreateTopic")
	t.add("sns", at("sns", "", "ResourceArn"), "TagResource", "UntagResource", "ListTagsForResource")
	t.add("sns", anything, "ListTopics", "ListSubscriptions", "Unsubscribe", "ConfirmSubscription", "GetSubscriptionAttributes", "SetSubscriptionAttributes")
	// What Lambda and Step Functions do in a role's name.
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
	stream := func(q *asked) string {
		return q.account.ARN("logs", "log-group:"+q.text("logGroupName")+":log-stream:"+q.text("logStreamName"))
	}
	group := func(q *asked) string {
		return q.account.ARN("logs", "log-group:"+q.text("logGroupName")+":log-stream:")
	}
	t.add("logs", stream, "CreateLogStream", "PutLogEvents", "GetLogEvents")
	t.add("logs", group, "CreateLogGroup", "DeleteLogGroup", "DescribeLogStreams", "FilterLogEvents", "PutRetentionPolicy", "DeleteRetentionPolicy")
	t.add("logs", at("logs", "log-group:", "resourceArn"), "ListTagsForResource", "TagResource", "UntagResource")
	t.add("logs", anything, logDelivery...)
	t.add("xray", anything, slices.Concat(tracing, sampling)...)
}
