package sqs

import "time"

// interval is how long SQS recognises what was sent, or asked for, before.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-exactly-once-processing.html
const interval = 5 * time.Minute

// window remembers values by key, each for the interval. A key that it knows
// must not be put again.
type window[V any] struct {
	values map[string]V
	order  []remembered
}

type remembered struct {
	key string
	at  time.Time
}

func (w *window[V]) get(key string, now time.Time) (V, bool) {
	w.forget(now)
	v, ok := w.values[key]
	return v, ok
}

func (w *window[V]) put(key string, v V, now time.Time) {
	if w.values == nil {
		w.values = map[string]V{}
	}
	w.values[key] = v
	w.order = append(w.order, remembered{key, now})
}

func (w *window[V]) forget(now time.Time) {
	for len(w.order) > 0 && now.Sub(w.order[0].at) >= interval {
		delete(w.values, w.order[0].key)
		w.order = w.order[1:]
	}
}
