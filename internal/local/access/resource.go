package access

import "strings"

// resource is how a service names what a call is about.
type resource func(q *asked) string

// anything is for actions that know no resources, which need "*" in a policy.
func anything(*asked) string { return "*" }

// arn leaves an ARN as it is and makes one of a name.
func (a *Authorizer) arn(service, kind, name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return a.account.ARN(service, kind+name)
}

// at is a resource that a member names, by name or ARN.
func at(service, kind string, member ...string) resource {
	return func(q *asked) string { return q.arn(service, kind, q.text(member...)) }
}

// queue is that of a queue URL, whose path ends with account and name.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
func queue(q *asked) string { return q.queueARN(q.text("QueueUrl")) }

func (a *Authorizer) queueARN(url string) string {
	path := strings.Split(strings.TrimSuffix(url, "/"), "/")
	owner := a.account.ID
	if len(path) > 1 && isAccount(path[len(path)-2]) {
		owner = path[len(path)-2]
	}
	return "arn:" + a.account.Partition + ":sqs:" + a.account.Region + ":" + owner + ":" + path[len(path)-1]
}

func isAccount(text string) bool {
	return len(text) == 12 && strings.Trim(text, "0123456789") == ""
}

// tableNamed is that of a name or ARN.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
func tableNamed(q *asked) string { return q.arn("dynamodb", "table/", q.text("TableName")) }

// tableOrIndex is an index, where a call reads one.
func tableOrIndex(q *asked) string {
	if index := q.text("IndexName"); index != "" {
		return tableNamed(q) + "/index/" + index
	}
	return tableNamed(q)
}

// function is named as it was called: a policy for a function does not cover its
// versions and aliases, nor the other way round.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html
func function(q *asked) string {
	return q.functionARN(q.text("FunctionName"), q.text("Qualifier"))
}

// wholeFunction is for actions on a function without a qualifier.
func wholeFunction(q *asked) string { return q.functionARN(q.text("FunctionName"), "") }

func (a *Authorizer) functionARN(name, qualifier string) string {
	// The forms are an ARN, ACCOUNT:function:NAME and NAME, each with or without
	// a qualifier.
	if before, rest, partial := strings.Cut(name, "function:"); partial {
		owner, _, _ := strings.Cut(strings.TrimPrefix(before, "arn:"+a.account.Partition+":lambda:"+a.account.Region+":"), ":")
		if owner == "" {
			owner = a.account.ID
		}
		name = "arn:" + a.account.Partition + ":lambda:" + a.account.Region + ":" + owner + ":function:" + rest
	} else {
		name = a.account.ARN("lambda", "function:"+name)
	}
	if qualifier != "" && strings.Count(name, ":") == 6 {
		name += ":" + qualifier
	}
	return name
}

// bucket and object are those of S3, whose ARNs have no region and no account.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
func bucket(q *asked) string { return "arn:" + q.account.Partition + ":s3:::" + q.text("Bucket") }

func object(q *asked) string { return bucket(q) + "/" + q.text("Key") }

// machine and execution are those of Step Functions.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
var (
	machine   = at("states", "stateMachine:", "stateMachineArn")
	execution = at("states", "execution:", "executionArn")
)

// rule is that of a bus, the default one if none is named.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
func rule(member string) resource {
	return func(q *asked) string { return q.ruleARN(q.text("EventBusName"), q.text(member)) }
}

func (a *Authorizer) ruleARN(bus, name string) string {
	bus = bus[strings.LastIndexByte(bus, '/')+1:]
	if bus != "" && bus != "default" {
		name = bus + "/" + name
	}
	return a.account.ARN("events", "rule/"+name)
}

// revised names a definition with its revision, the only one if none is given.
func (a *Authorizer) revised(service, kind, name string) string {
	arn := a.arn(service, kind, name)
	if !strings.Contains(arn[strings.LastIndexByte(arn, '/')+1:], ":") {
		arn += ":1"
	}
	return arn
}

// cluster is that of an ECS call.
func (q *asked) cluster() string {
	name := q.text("cluster")
	if name == "" {
		name = "default"
	}
	return q.arn("ecs", "cluster/", name)
}

// task is one of the call's cluster.
func (q *asked) task(name string) string {
	cluster := q.cluster()
	return q.arn("ecs", "task/"+cluster[strings.LastIndexByte(cluster, '/')+1:]+"/", name)
}

// project is that of a build's ID, PROJECT:ID, or of its ARN.
func (a *Authorizer) project(build string) string {
	if _, rest, isARN := strings.Cut(build, ":build/"); isARN {
		build = rest
	}
	name, _, _ := strings.Cut(build, ":")
	return a.account.ARN("codebuild", "project/"+name)
}

// owner is the account that a resource belongs to.
func (a *Authorizer) owner(resource string) string {
	for range 4 {
		_, rest, more := strings.Cut(resource, ":")
		if !more {
			return a.account.ID
		}
		resource = rest
	}
	if account, _, more := strings.Cut(resource, ":"); more && account != "" {
		return account
	}
	return a.account.ID
}
