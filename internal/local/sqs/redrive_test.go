package sqs

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

const deadARN = "arn:aws:sqs:eu-central-1:123456789012:dead"

// withDeadLetters makes a queue that gives up after n receives.
func (r *rig) withDeadLetters(n string) (url, dead string) {
	r.Helper()
	dead = r.create("dead", nil)
	return r.create("jobs", object{
		"VisibilityTimeout": "10",
		"RedrivePolicy":     `{"deadLetterTargetArn":"` + deadARN + `","maxReceiveCount":` + n + `}`,
	}), dead
}

// The move happens at the receive that would exceed maxReceiveCount.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
func TestRedriveAtTheNextReceive(t *testing.T) {
	bubble(t, func(r *rig) {
		url, dead := r.withDeadLetters("2")
		var moves []Redriven
		defer r.router.Observe(func(e api.Event) {
			if m, ok := e.Input.(*Redriven); ok {
				moves = append(moves, *m)
			}
		})()
		sent := time.Now()
		r.call("SendMessage", object{
			"QueueUrl": url, "MessageBody": "bad",
			"MessageAttributes": object{"Color": object{"DataType": "String", "StringValue": "red"}},
		})
		id := r.receive(url, nil)[0]["MessageId"]
		time.Sleep(10 * time.Second)
		handle := r.handle(url)
		time.Sleep(10 * time.Second)
		assert.Equal(r, "1 0 0", r.depth(url), "it stays until it would be received once more")
		assert.Equal(r, "0 0 0", r.depth(dead))
		assert.Empty(r, moves)

		assert.Empty(r, r.receive(url, nil))
		assert.Equal(r, "0 0 0", r.depth(url))
		assert.Equal(r, []Redriven{{id.(string), "arn:aws:sqs:eu-central-1:123456789012:jobs", deadARN, 2}}, moves)
		r.delete(url, handle)

		got := r.receive(dead, object{"AttributeNames": []string{"All"}, "MessageAttributeNames": []string{"All"}})
		require.Len(r, got, 1)
		assert.Equal(r, id, got[0]["MessageId"])
		assert.Equal(r, object{"Color": object{"DataType": "String", "StringValue": "red"}}, got[0]["MessageAttributes"])
		assert.Equal(r, object{
			"SenderId":                         "123456789012",
			"SentTimestamp":                    epochMillis(sent),
			"ApproximateFirstReceiveTimestamp": epochMillis(sent),
			"ApproximateReceiveCount":          "3",
			"DeadLetterQueueSourceArn":         "arn:aws:sqs:eu-central-1:123456789012:jobs",
		}, got[0]["Attributes"])
	})
}

func TestRedrivePassesOverToTheGood(t *testing.T) {
	bubble(t, func(r *rig) {
		url, dead := r.withDeadLetters("1")
		r.send(url, "bad")
		r.handle(url)
		time.Sleep(10 * time.Second)
		r.send(url, "good")
		assert.Equal(r, []string{"good"}, bodies(r.receive(url, nil)))
		assert.Equal(r, []string{"bad"}, bodies(r.receive(dead, nil)))
	})
}

// A long poll of the dead-letter queue is woken by the move, which a long poll
// of the source causes.
func TestRedriveWakesAReceiver(t *testing.T) {
	bubble(t, func(r *rig) {
		url, dead := r.withDeadLetters("1")
		r.send(url, "bad")
		r.handle(url)
		atDead := r.poll(dead, 10, 20)
		atSource := r.poll(url, 10, 15)
		what, after := atDead()
		assert.Equal(r, []string{"bad"}, what)
		assert.Equal(r, 10*time.Second, after)
		what, _ = atSource()
		assert.Empty(r, what)
	})
}

// Retention counts from when the message was first sent, in a dead-letter queue
// too; its age there counts from its arrival.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
func TestRedriveKeepsTheEnqueueTime(t *testing.T) {
	bubble(t, func(r *rig) {
		url, dead := r.withDeadLetters("1")
		r.call("SetQueueAttributes", object{"QueueUrl": dead, "Attributes": object{"MessageRetentionPeriod": "60"}})
		r.send(url, "bad")
		r.handle(url)
		time.Sleep(40 * time.Second)
		r.receive(url, nil)
		time.Sleep(19 * time.Second)
		d, _ := r.service.Depth("dead")
		assert.Equal(r, Depth{Visible: 1, OldestAge: 19 * time.Second}, d)
		time.Sleep(time.Second)
		assert.Equal(r, "0 0 0", r.depth(dead))
	})
}

func TestRedriveWithoutItsQueueKeepsTheMessage(t *testing.T) {
	bubble(t, func(r *rig) {
		url, dead := r.withDeadLetters("1")
		r.send(url, "bad")
		r.handle(url)
		r.call("DeleteQueue", object{"QueueUrl": dead})
		time.Sleep(10 * time.Second)
		assert.Equal(r, []string{"bad"}, bodies(r.receive(url, nil)))
	})
}

// Two queues that are each other's dead-letter queue do not block each other.
func TestRedriveInACircle(t *testing.T) {
	bubble(t, func(r *rig) {
		url, dead := r.withDeadLetters("1")
		r.call("SetQueueAttributes", object{"QueueUrl": dead, "Attributes": object{
			"VisibilityTimeout": "10",
			"RedrivePolicy":     `{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:123456789012:jobs","maxReceiveCount":"1"}`,
		}})
		r.send(url, "bad")
		for range 3 {
			for _, u := range []string{url, dead} {
				assert.Equal(r, []string{"bad"}, bodies(r.receive(u, nil)))
				time.Sleep(10 * time.Second)
				assert.Empty(r, r.receive(u, nil))
			}
		}
	})
}

func TestRedrivePolicies(t *testing.T) {
	const other = `"arn:aws:sqs:eu-central-1:123456789012:none"`
	for name, tt := range map[string]struct{ policy, reason string }{
		"no JSON":    {`nonsense`, "Redrive policy is not a valid JSON map."},
		"unknown":    {`{"deadLetterTargetArn":` + other + `,"maxReceiveCount":1,"x":2}`, "Redrive policy is not a valid JSON map."},
		"no target":  {`{"maxReceiveCount":1}`, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."},
		"no count":   {`{"deadLetterTargetArn":` + other + `}`, "Redrive policy does not contain mandatory attribute: maxReceiveCount."},
		"count 0":    {`{"deadLetterTargetArn":` + other + `,"maxReceiveCount":0}`, "Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive."},
		"count 1001": {`{"deadLetterTargetArn":` + other + `,"maxReceiveCount":"1001"}`, "Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive."},
		"no queue":   {`{"deadLetterTargetArn":` + other + `,"maxReceiveCount":1}`, "Dead letter target does not exist."},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.refused("CreateQueue", object{"QueueName": "jobs", "Attributes": object{"RedrivePolicy": tt.policy}},
				"InvalidParameterValueException", "Value "+tt.policy+" for parameter RedrivePolicy is invalid. Reason: "+tt.reason)
		})
	}
}

func TestRedriveAllowPolicies(t *testing.T) {
	const jobs = "arn:aws:sqs:eu-central-1:123456789012:jobs"
	for name, tt := range map[string]struct {
		policy         string
		valid, allowed bool
	}{
		"all":            {`{"redrivePermission":"allowAll"}`, true, true},
		"none":           {`{"redrivePermission":"denyAll"}`, true, false},
		"this one":       {`{"redrivePermission":"byQueue","sourceQueueArns":["` + jobs + `"]}`, true, true},
		"another":        {`{"redrivePermission":"byQueue","sourceQueueArns":["` + jobs + `2"]}`, true, false},
		"nobody by name": {`{"redrivePermission":"byQueue"}`, false, false},
		"eleven":         {`{"redrivePermission":"byQueue","sourceQueueArns":[` + strings.Repeat(`"a",`, 10) + `"b"]}`, false, false},
		"all by name":    {`{"redrivePermission":"allowAll","sourceQueueArns":["` + jobs + `"]}`, false, false},
		"unknown":        {`{"redrivePermission":"some"}`, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			_, err := r.try("CreateQueue", object{"QueueName": "dead", "Attributes": object{"RedriveAllowPolicy": tt.policy}})
			require.Equal(t, tt.valid, err == nil, "%v", err)
			if !tt.valid {
				return
			}
			_, err = r.try("CreateQueue", object{"QueueName": "jobs", "Attributes": object{
				"RedrivePolicy": `{"deadLetterTargetArn":"` + deadARN + `","maxReceiveCount":5}`,
			}})
			assert.Equal(t, tt.allowed, err == nil, "%v", err)
		})
	}
}

func TestListDeadLetterSourceQueues(t *testing.T) {
	r := newRig(t)
	url, dead := r.withDeadLetters("3")
	assert.Equal(t, object{"queueUrls": []any{url}}, r.call("ListDeadLetterSourceQueues", object{"QueueUrl": dead}))
	assert.Equal(t, object{"queueUrls": []any{}}, r.call("ListDeadLetterSourceQueues", object{"QueueUrl": url}))
}
