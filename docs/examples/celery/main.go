// Celery is a transform handler that takes tasks out of Celery's envelopes.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

// envelope is what Kombu puts on the queue.
type envelope struct {
	Body        string `json:"body"`
	ContentType string `json:"content-type"`
	Headers     struct {
		Task    string     `json:"task"`
		ID      string     `json:"id"`
		Retries int        `json:"retries"`
		ETA     *time.Time `json:"eta"`
		Expires *time.Time `json:"expires"`
	} `json:"headers"`
	Properties struct {
		BodyEncoding string `json:"body_encoding"`
	} `json:"properties"`
}

// task is what the process handler gets for a body.
type task struct {
	Task    string          `json:"task"`
	ID      string          `json:"id"`
	Args    json.RawMessage `json:"args"`
	Kwargs  json.RawMessage `json:"kwargs"`
	Retries int             `json:"retries"`
	eta     *time.Time
	expires *time.Time
}

// unwrap reads an SQS body: an envelope in JSON, by default in base64, whose own
// body is [args, kwargs, embed] in JSON, in base64 too.
func unwrap(body string) (task, error) {
	if text, err := base64.StdEncoding.DecodeString(body); err == nil {
		body = string(text)
	}
	var e envelope
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		return task{}, fmt.Errorf("no envelope of Celery: %w", err)
	}
	if e.ContentType != "application/json" || e.Headers.Task == "" {
		return task{}, fmt.Errorf("a task %q of type %q: set task_serializer to json and task_protocol to 2", e.Headers.Task, e.ContentType)
	}
	inner := []byte(e.Body)
	if e.Properties.BodyEncoding == "base64" {
		var err error
		if inner, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return task{}, fmt.Errorf("the body of task %s: %w", e.Headers.ID, err)
		}
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(inner, &parts); err != nil {
		return task{}, fmt.Errorf("the body of task %s: %w", e.Headers.ID, err)
	}
	if len(parts) < 2 {
		return task{}, fmt.Errorf("the body of task %s is not [args, kwargs, embed]", e.Headers.ID)
	}
	return task{e.Headers.Task, e.Headers.ID, parts[0], parts[1], e.Headers.Retries, e.Headers.ETA, e.Headers.Expires}, nil
}

type failure struct {
	events.SQSBatchItemFailure
	RetryAfterSeconds *int `json:"retryAfterSeconds,omitempty"`
}

type record struct {
	MessageID string `json:"messageId"`
	Body      string `json:"body"`
}

// reply of a transform handler. Records is never nil: a reply without it
// filters nothing.
type reply struct {
	Records           []record  `json:"Records"`
	BatchItemFailures []failure `json:"batchItemFailures"`
}

func handle(_ context.Context, event events.SQSEvent) (reply, error) {
	r := reply{Records: []record{}}
	fail := func(id string, retryAfter *int) {
		r.BatchItemFailures = append(r.BatchItemFailures, failure{events.SQSBatchItemFailure{ItemIdentifier: id}, retryAfter})
	}
	for _, m := range event.Records {
		t, err := unwrap(m.Body)
		if err != nil {
			log.Println("message", m.MessageId, "failed:", err)
			fail(m.MessageId, nil)
			continue
		}
		if t.expires != nil && t.expires.Before(time.Now()) {
			continue // filtered out: Celery would not run it either
		}
		if t.eta != nil && time.Until(*t.eta) >= time.Second {
			seconds := min(int(time.Until(*t.eta)/time.Second), 43200)
			fail(m.MessageId, &seconds)
			continue
		}
		body, err := json.Marshal(t)
		if err != nil {
			return r, err
		}
		r.Records = append(r.Records, record{m.MessageId, string(body)})
	}
	return r, nil
}

func main() { lambda.Start(handle) }
