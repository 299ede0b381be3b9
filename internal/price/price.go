// Package price is the one table of what AWS charges: in us-east-1, in US
// dollars, without any free tier, as it stood at [Dated]. The meter, the
// simulator and the budget all take their prices from here.
package price

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
	// PipesRequest is a request of EventBridge Pipes after filtering, by 64 KB.
	PipesRequest = Item{"pipes", "Pipes: requests", "requests", 0.40e-6, "https://aws.amazon.com/eventbridge/pricing/"}
	// FargateVCPUHour is an hour of a vCPU on arm64.
	FargateVCPUHour = Item{"ecs", "Fargate: processors", "vCPU-hours", 0.03238, "https://aws.amazon.com/fargate/pricing/"}
	// FargateGBHour is an hour of a GB of memory on arm64.
	FargateGBHour = Item{"ecs", "Fargate: memory", "GB-hours", 0.00356, "https://aws.amazon.com/fargate/pricing/"}
)

// Of is what a quantity of it costs, in dollars.
func (i Item) Of(quantity float64) float64 { return i.Dollars * quantity }
