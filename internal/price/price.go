// Package price is the one table of what AWS charges: in us-east-1, in US
// dollars, without any free tier, as it stood at [Dated]. The meter, the
// simulator and the budget all take their prices from here.
package price

import "time"

// Dated is the month in which the prices were looked up.
const Dated = "2026-09"

// Item is something that AWS bills.
type Item struct {
	// Service that bills it, as its prefix in ARNs: "sqs".
	Service string
	// Name of the line on a bill: "SQS: requests".
	Name string
	// Unit that is counted: "requests", "GB-s".
	Unit string
	// Dollars for one unit.
	Dollars float64
	// Source is the page that says so.
	Source string
}

// What is billed by use.
var (
	// SQSRequest is a request to a standard queue, each 64 KB of payload one.
	SQSRequest = Item{"sqs", "SQS: requests", "requests", 0.40e-6, "https://aws.amazon.com/sqs/pricing/"}
	// SQSFifoRequest is a request to a FIFO queue, each 64 KB of payload one.
	SQSFifoRequest = Item{"sqs", "SQS: FIFO requests", "requests", 0.50e-6, "https://aws.amazon.com/sqs/pricing/"}
	// LambdaRequest is an invocation; an asynchronous event above 256 KB counts once
	// more for each further 64 KB.
	LambdaRequest = Item{"lambda", "Lambda: invocations", "invocations", 0.20e-6, "https://aws.amazon.com/lambda/pricing/"}
	// LambdaArmTime is a second of a function of 1 GB on arm64, by the millisecond.
	LambdaArmTime = Item{"lambda", "Lambda: time on arm64", "GB-s", 0.0000133334, "https://aws.amazon.com/lambda/pricing/"}
	// LambdaX86Time is the same on x86_64.
	LambdaX86Time = Item{"lambda", "Lambda: time on x86_64", "GB-s", 0.0000166667, "https://aws.amazon.com/lambda/pricing/"}
	// PollerHour is an hour of one event poller of an event source mapping in
	// provisioned mode.
	PollerHour = Item{"lambda", "Lambda: provisioned pollers", "poller-hours", 0.00925, "https://aws.amazon.com/lambda/pricing/"}
	// Transition is one state transition of a Standard execution, retries included.
	Transition = Item{"states", "Step Functions: transitions", "transitions", 0.025e-3, "https://aws.amazon.com/step-functions/pricing/"}
	// ExpressRequest is the start of an Express execution.
	ExpressRequest = Item{"states", "Step Functions: Express requests", "requests", 1.00e-6, "https://aws.amazon.com/step-functions/pricing/"}
	// ExpressTime is a second of an Express execution of 1 GB, by 100 ms and 64 MB.
	ExpressTime = Item{"states", "Step Functions: Express time", "GB-s", 0.00001667, "https://aws.amazon.com/step-functions/pricing/"}
	// DynamoDBWrite is a write request unit on demand: 1 KB, a transaction's doubled.
	DynamoDBWrite = Item{"dynamodb", "DynamoDB: writes", "units", 0.625e-6, "https://aws.amazon.com/dynamodb/pricing/on-demand/"}
	// DynamoDBRead is a read request unit on demand: 4 KB read consistently.
	DynamoDBRead = Item{"dynamodb", "DynamoDB: reads", "units", 0.125e-6, "https://aws.amazon.com/dynamodb/pricing/on-demand/"}
	// DynamoDBStorage is a GB kept in a table for a month.
	DynamoDBStorage = Item{"dynamodb", "DynamoDB: storage", "GB-months", 0.25, "https://aws.amazon.com/dynamodb/pricing/on-demand/"}
	// S3Write is a PUT, COPY, POST or LIST. Deletes are free.
	S3Write = Item{"s3", "S3: writes and lists", "requests", 5e-6, "https://aws.amazon.com/s3/pricing/"}
	// S3Read is a GET, a HEAD and all that is no S3Write.
	S3Read = Item{"s3", "S3: reads", "requests", 0.40e-6, "https://aws.amazon.com/s3/pricing/"}
	// S3Storage is a GB kept in S3 Standard for a month.
	S3Storage = Item{"s3", "S3: storage", "GB-months", 0.023, "https://aws.amazon.com/s3/pricing/"}
	// Event is 64 KB of an event of one's own, put on an event bus. The events of
	// AWS's services, rules and schedules of rules are free.
	Event = Item{"events", "EventBridge: own events", "events", 1.00e-6, "https://aws.amazon.com/eventbridge/pricing/"}
	// Alarm is a month of an alarm on one metric of standard resolution.
	Alarm = Item{"cloudwatch", "CloudWatch: alarms", "alarm-months", 0.10, "https://aws.amazon.com/cloudwatch/pricing/"}
	// FastAlarm is a month of an alarm on one metric of high resolution.
	FastAlarm = Item{"cloudwatch", "CloudWatch: alarms of high resolution", "alarm-months", 0.30, "https://aws.amazon.com/cloudwatch/pricing/"}
	// CompositeAlarm is a month of an alarm on alarms.
	CompositeAlarm = Item{"cloudwatch", "CloudWatch: composite alarms", "alarm-months", 0.50, "https://aws.amazon.com/cloudwatch/pricing/"}
	// Dashboard is a month of a dashboard.
	Dashboard = Item{"cloudwatch", "CloudWatch: dashboards", "dashboard-months", 3.00, "https://aws.amazon.com/cloudwatch/pricing/"}
	// Metric is a month of a metric of one's own, by the hours that it had data in.
	Metric = Item{"cloudwatch", "CloudWatch: own metrics", "metric-months", 0.30, "https://aws.amazon.com/cloudwatch/pricing/"}
	// MetricRequest is a PutMetricData. Requests about alarms are free.
	MetricRequest = Item{"cloudwatch", "CloudWatch: requests", "requests", 0.01e-3, "https://aws.amazon.com/cloudwatch/pricing/"}
	// LogIngestion is a GB of log events, each counted with 26 bytes more.
	LogIngestion = Item{"logs", "CloudWatch Logs: ingestion", "GB", 0.50, "https://aws.amazon.com/cloudwatch/pricing/"}
	// LogStorage is a GB of logs kept for a month, compressed.
	LogStorage = Item{"logs", "CloudWatch Logs: storage", "GB-months", 0.03, "https://aws.amazon.com/cloudwatch/pricing/"}
	// Key is a month of a KMS key of one's own.
	Key = Item{"kms", "KMS: keys", "key-months", 1.00, "https://aws.amazon.com/kms/pricing/"}
	// KeyRequest is a use of a KMS key.
	KeyRequest = Item{"kms", "KMS: requests", "requests", 0.03e-4, "https://aws.amazon.com/kms/pricing/"}
	// Publish is 64 KB published to a standard SNS topic.
	Publish = Item{"sns", "SNS: publishes", "requests", 0.50e-6, "https://aws.amazon.com/sns/pricing/"}
	// Email is a notification that SNS sends by mail. Those to SQS and Lambda are free.
	Email = Item{"sns", "SNS: mails", "mails", 2.00e-5, "https://aws.amazon.com/sns/pricing/"}
	// Trace is a trace recorded by X-Ray.
	Trace = Item{"xray", "X-Ray: traces", "traces", 5.00e-6, "https://aws.amazon.com/xray/pricing/"}
	// PipesRequest is a request of EventBridge Pipes after filtering, by 64 KB.
	PipesRequest = Item{"pipes", "Pipes: requests", "requests", 0.40e-6, "https://aws.amazon.com/eventbridge/pricing/"}
	// FargateVCPUHour is an hour of a vCPU on arm64.
	FargateVCPUHour = Item{"ecs", "Fargate: processors", "vCPU-hours", 0.03238, "https://aws.amazon.com/fargate/pricing/"}
	// FargateGBHour is an hour of a GB of memory on arm64.
	FargateGBHour = Item{"ecs", "Fargate: memory", "GB-hours", 0.00356, "https://aws.amazon.com/fargate/pricing/"}
)

// Month is what a month counts for where a price is by the month: 730 hours.
const Month = 730 * time.Hour

// GB is 2^30 bytes.
const GB = 1 << 30

// Chunk is the payload that one request of SQS, EventBridge, Pipes or SNS carries.
const Chunk = 64 << 10

// Chunks is how many requests a payload of some bytes counts for: one at least.
func Chunks(bytes int) float64 { return float64(max(1, (bytes+Chunk-1)/Chunk)) }

// Of is what a quantity of it costs, in dollars.
func (i Item) Of(quantity float64) float64 { return i.Dollars * quantity }
