package sim

import "github.com/musterq/muster/internal/price"

// What a message costs to send is the same for every way and left out; so are the
// handlers' logs, network and what a Kubernetes cluster costs by itself.
var (
	priceSQS             = price.SQSRequest.Dollars
	priceInvocation      = price.LambdaRequest.Dollars
	priceGBSecond        = price.LambdaArmTime.Dollars
	pricePollerHour      = price.PollerHour.Dollars
	priceTransition      = price.Transition.Dollars
	priceExpress         = price.ExpressRequest.Dollars
	priceExpressGBSecond = price.ExpressTime.Dollars
	priceWrite           = price.DynamoDBWrite.Dollars
	priceRead            = price.DynamoDBRead.Dollars
	priceVCPUHour        = price.FargateVCPUHour.Dollars
	priceGBHour          = price.FargateGBHour.Dollars
	priceLogs            = price.LogIngestion.Dollars
)

// Line of a bill.
type Line struct {
	Name     string  `json:"name"`
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	Dollars  float64 `json:"dollars"`
}

func priced(name string, quantity float64, unit string, each float64) Line {
	return Line{Name: name, Quantity: quantity, Unit: unit, Dollars: quantity * each}
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
