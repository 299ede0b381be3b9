package scale

import "fmt"

// limits are what slots take their share of: the cap, and the account's Lambda
// concurrency, where pumps and pollers count beside the handlers, or 1,000 pumps
// would leave no room for any.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
type limits struct {
	p Policy
	// handlers are the handler invocations of all slots, lambda the concurrency
	// that they may take of the account.
	handlers, lambda int
}

// take counts a slot.
func (l *limits) take(w Worker) {
	l.handlers += w.Parallelism
	l.lambda += l.p.lambda(w.Parallelism)
}

// lambda is the concurrency that a worker may take of the account: what polls,
// and its handlers, unless they are jobs.
func (p Policy) lambda(parallelism int) int {
	if p.Jobs {
		return 1
	}
	return 1 + parallelism
}

// left is how many more workers there is room for, and whether it is the quota
// that leaves no more.
func (l limits) left() (workers int, quota bool) {
	parallelism := l.p.parallelism()
	workers = max(0, l.p.MaxConcurrency-l.handlers) / parallelism
	if l.p.LambdaConcurrency == 0 {
		return workers, false
	}
	most := max(0, l.p.LambdaConcurrency-l.p.LambdaReserve-l.lambda) / l.p.lambda(parallelism)
	return min(workers, most), most < workers
}

// quota names what binds.
func (p Policy) quota() string {
	return fmt.Sprintf("Lambda's quota of %d, less a reserve of %d,", p.LambdaConcurrency, p.LambdaReserve)
}

// validateQuota refuses a quota that leaves no room for one worker, or for the
// minimum.
func (p Policy) validateQuota() error {
	if p.LambdaConcurrency == 0 {
		return nil
	}
	least := max(p.MinWorkers, 1)
	if takes := least * p.lambda(p.parallelism()); takes > p.LambdaConcurrency-p.LambdaReserve {
		return fmt.Errorf("LambdaConcurrency %d less LambdaReserve %d is too little for the fewest workers, %d, which take %d: raise the account's quota and the first, or lower the second, Parallelism or MinWorkers", p.LambdaConcurrency, p.LambdaReserve, least, takes)
	}
	return nil
}
