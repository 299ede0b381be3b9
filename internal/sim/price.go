package sim

// Prices in us-east-1 in US dollars, without any free tier, as they stood in
// September 2026. What a message costs to send is the same for every way and left
// out; so are logs, network and what a Kubernetes cluster costs by itself.
const (
	// https://aws.amazon.com/sqs/pricing/: a standard queue's request, up to 64 KB.
	priceSQS = 0.40e-6
	// https://aws.amazon.com/lambda/pricing/: arm64.
	priceInvocation = 0.20e-6
	priceGBSecond   = 0.0000133334
	// https://aws.amazon.com/lambda/pricing/: an event poller of provisioned mode.
	pricePollerHour = 0.00925
	// https://aws.amazon.com/step-functions/pricing/
	priceTransition      = 0.025e-3
	priceExpress         = 1.00e-6
	priceExpressGBSecond = 0.00001667
	// https://aws.amazon.com/dynamodb/pricing/on-demand/: a kilobyte written, four
	// read consistently.
	priceWrite = 0.625e-6
	priceRead  = 0.125e-6
	// https://aws.amazon.com/fargate/pricing/: Linux on arm64.
	priceVCPUHour = 0.03238
	priceGBHour   = 0.00356
)

// Line of a bill.
type Line struct {
	Name     string  `json:"name"`
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	Dollars  float64 `json:"dollars"`
}

func priced(name string, quantity float64, unit string, price float64) Line {
	return Line{Name: name, Quantity: quantity, Unit: unit, Dollars: quantity * price}
}

// lines of the bill: the queue, the handlers and what the way adds.
func (e *engine) lines() []Line {
	requests := 2*float64(e.invocations) + e.emptyReceives
	lines := []Line{priced("SQS: receives and deletes", requests, "requests", priceSQS)}
	if e.functions {
		lines = append(lines,
			priced("Lambda: handlers, invocations", float64(e.invocations), "invocations", priceInvocation),
			priced("Lambda: handlers, time", e.busyTime.Seconds()*float64(e.HandlerMemory)/1024, "GB-s", priceGBSecond),
		)
	}
	return append(lines, e.way.bill(e)...)
}

// task is the smallest Fargate size that gives the handlers of a worker the memory
// and the processor that Lambda would: a full vCPU for 1,769 MB.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
func taskSize(places, megabytes int) (vcpu, gb float64) {
	needVCPU, needGB := float64(places*megabytes)/1769, float64(places*megabytes)/1024
	for _, size := range []struct{ vcpu, least, most, step float64 }{
		{0.25, 0.5, 2, 0.5}, {0.5, 1, 4, 1}, {1, 2, 8, 1}, {2, 4, 16, 1}, {4, 8, 30, 1}, {8, 16, 60, 4}, {16, 32, 120, 8},
	} {
		if size.vcpu < needVCPU || size.most < needGB {
			continue
		}
		for gb = size.least; gb < needGB; {
			gb += size.step
		}
		return size.vcpu, gb
	}
	// Several of the largest.
	return max(16, needVCPU), max(120, needGB)
}

// tasks is the bill of workers that are containers.
func (e *engine) tasks() []Line {
	vcpu, gb := taskSize(e.pool.places, e.HandlerMemory)
	hours := e.workerTime.Hours()
	return []Line{
		priced("Fargate: processors", hours*vcpu, "vCPU-hours", priceVCPUHour),
		priced("Fargate: memory", hours*gb, "GB-hours", priceGBHour),
	}
}
