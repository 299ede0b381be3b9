package sqs

import (
	"context"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/price"
)

// op makes an operation whose calls are billed: a request for each 64 KB of the
// messages that go in or come out, one at least, an empty receive too. A call
// that is refused is not: AWS does not say that it is.
//
// https://aws.amazon.com/sqs/pricing/
func op[I, O any](s *Service, name string, f func(context.Context, api.Caller, *I) (*O, error)) api.Operation {
	return api.Op(serviceName, name, func(ctx context.Context, caller api.Caller, in *I) (*O, error) {
		out, err := f(ctx, caller, in)
		if err == nil {
			s.bill(caller, in, out)
		}
		return out, err
	})
}

func (s *Service) bill(caller api.Caller, in, out any) {
	url, payload := carried(in, out)
	u := api.Usage{Item: price.SQSRequest, Quantity: price.Chunks(payload), Caller: caller}
	if q, err := s.find(url); err == nil {
		u.Resource = q.arn
		if q.fifo != nil {
			u.Item = price.SQSFifoRequest
		}
	}
	s.router.Bill(u)
}

// carried is the queue of a call that messages pass through, or that is made all
// the time, and the bytes of its messages. Other calls are of no queue.
func carried(in, out any) (url string, payload int) {
	switch in := in.(type) {
	case *SendMessageInput:
		return in.QueueURL, size(in.MessageBody, in.MessageAttributes)
	case *SendMessageBatchInput:
		for _, e := range in.Entries {
			payload += size(e.MessageBody, e.MessageAttributes)
		}
		return in.QueueURL, payload
	case *ReceiveMessageInput:
		if out, ok := out.(*ReceiveMessageOutput); ok {
			for _, m := range out.Messages {
				payload += size(m.Body, m.MessageAttributes)
			}
		}
		return in.QueueURL, payload
	case *DeleteMessageInput:
		return in.QueueURL, 0
	case *DeleteMessageBatchInput:
		return in.QueueURL, 0
	case *ChangeMessageVisibilityInput:
		return in.QueueURL, 0
	case *ChangeMessageVisibilityBatchInput:
		return in.QueueURL, 0
	case *GetQueueAttributesInput:
		return in.QueueURL, 0
	}
	return "", 0
}
