package conformance

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func lambdaMappingCases() []Case {
	create, errorPage := lambdaAPI("CreateEventSourceMapping"), lambdaGuide("services-sqs-errorhandling")
	return []Case{
		{Name: "an event source mapping hands messages over and deletes them", Page: lambdaGuide("with-sqs"), Long: true, Run: lambdaMapping},
		{Name: "a batch whose function fails becomes visible again", Page: errorPage, Long: true, Run: lambdaMappingFails},
		{Name: "of a batch only what is reported becomes visible again", Page: errorPage, Long: true, Run: lambdaMappingReports},
		{Name: "without ReportBatchItemFailures nobody reads the reply", Page: errorPage, Long: true, Run: lambdaMappingUnread},
		{Name: "a message that no filter lets through is deleted", Page: lambdaGuide("with-sqs-filtering"), Long: true, Run: lambdaMappingFilters},
		{Name: "a mapping is created, enabled, disabled and deleted", Page: lambdaAPI("EventSourceMappingConfiguration"), Long: true, Run: lambdaMappingStates},
		{Name: "a mapping has the defaults of a queue", Page: create, Run: lambdaMappingDefaults},
		{Name: "mappings are listed by their queue and their function", Page: lambdaAPI("ListEventSourceMappings"), Run: lambdaMappingList},
		{Name: "a queue and a function have one mapping", Page: create, Run: lambdaMappingTwice},
		{Name: "a function may not take longer than messages are invisible", Page: lambdaGuide("services-sqs-configure"), Run: lambdaMappingVisibility},
		{Name: "more than 10 messages a batch need a batching window", Page: create, Run: lambdaMappingWindow},
		{Name: "a maximum concurrency is between 2 and 1,000", Page: lambdaAPI("ScalingConfig"), Run: lambdaMappingConcurrency},
		{Name: "a pattern that is none is refused", Page: lambdaGuide("invocation-eventfiltering"), Run: lambdaMappingPattern},
		{Name: "a mapping that does not exist", Page: lambdaAPI("GetEventSourceMapping"), Run: lambdaMappingNone},
	}
}

// mapped makes a mapping between a new queue and a new function. It is deleted after
// the case.
func (c *Clients) mapped(t *testing.T, change func(*lambda.CreateEventSourceMappingInput)) (queue string, m *lambda.CreateEventSourceMappingOutput) {
	t.Helper()
	queue = c.queue(t, map[string]string{"VisibilityTimeout": "60"})
	in := &lambda.CreateEventSourceMappingInput{EventSourceArn: aws.String(c.queueARN(t, queue)), FunctionName: aws.String(c.function(t, 10))}
	if change != nil {
		change(in)
	}
	m, err := c.Lambda.CreateEventSourceMapping(t.Context(), in)
	require.NoError(t, err)
	cleanUp(t, func(ctx context.Context) error { return c.unmap(ctx, m.UUID) })
	return queue, m
}

// unmap deletes a mapping, once it is not on its way to another state.
func (c *Clients) unmap(ctx context.Context, uuid *string) error {
	for {
		_, err := c.Lambda.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: uuid})
		var inUse *lambdatypes.ResourceInUseException
		var gone *lambdatypes.ResourceNotFoundException
		switch {
		case errors.As(err, &gone):
			return nil
		case err != nil && !errors.As(err, &inUse):
			return err
		}
		timer := time.NewTimer(time.Second)
		<-timer.C
	}
}

// refusesMapping expects a mapping to be refused as an invalid parameter.
func (c *Clients) refusesMapping(t *testing.T, queue string, timeout int32, change func(*lambda.CreateEventSourceMappingInput)) error {
	t.Helper()
	in := &lambda.CreateEventSourceMappingInput{EventSourceArn: aws.String(c.queueARN(t, queue)), FunctionName: aws.String(c.function(t, timeout))}
	if change != nil {
		change(in)
	}
	_, err := c.Lambda.CreateEventSourceMapping(t.Context(), in)
	require.Error(t, err)
	return err
}

// settles waits until a queue has so many messages visible and invisible.
func (c *Clients) settles(t *testing.T, queue string, visible, hidden int) {
	t.Helper()
	eventually(t, 3*time.Minute, func() bool {
		a := c.queueAttributes(t, queue, sqstypes.QueueAttributeNameApproximateNumberOfMessages, sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible)
		return a["ApproximateNumberOfMessages"] == strconv.Itoa(visible) && a["ApproximateNumberOfMessagesNotVisible"] == strconv.Itoa(hidden)
	})
}

// onceSeen waits until the function behind a mapping has reported an invocation.
func (c *Clients) onceSeen(t *testing.T, seen string) {
	t.Helper()
	eventually(t, 3*time.Minute, func() bool { return len(c.receive(t, seen, waiting(20))) > 0 })
}

func lambdaMapping(t *testing.T, c *Clients) {
	queue, _ := c.mapped(t, nil)
	seen := c.queue(t, nil)
	c.send(t, queue, `{"report":`+quoted(t, seen)+`}`)
	c.onceSeen(t, seen)
	c.settles(t, queue, 0, 0)
	assert.Empty(t, c.receive(t, seen, waiting(20)), "a second invocation")
}

func lambdaMappingFails(t *testing.T, c *Clients) {
	queue, _ := c.mapped(t, nil)
	seen := c.queue(t, nil)
	c.send(t, queue, `{"report":`+quoted(t, seen)+`,"error":"no"}`)
	c.onceSeen(t, seen)
	// It is handed over again.
	c.onceSeen(t, seen)
}

func lambdaMappingReports(t *testing.T, c *Clients) {
	queue, _ := c.mapped(t, func(in *lambda.CreateEventSourceMappingInput) {
		in.FunctionResponseTypes = []lambdatypes.FunctionResponseType{lambdatypes.FunctionResponseTypeReportBatchItemFailures}
		in.MaximumBatchingWindowInSeconds = aws.Int32(5)
	})
	seen := c.queue(t, nil)
	_, err := c.sendBatch(t, queue, entry("bad", `{"failRecord":true,"report":`+quoted(t, seen)+`}`), entry("good", `{}`))
	require.NoError(t, err)
	c.onceSeen(t, seen)
	c.settles(t, queue, 0, 1)
}

func lambdaMappingUnread(t *testing.T, c *Clients) {
	queue, _ := c.mapped(t, nil)
	seen := c.queue(t, nil)
	c.send(t, queue, `{"failRecord":true,"report":`+quoted(t, seen)+`}`)
	c.onceSeen(t, seen)
	c.settles(t, queue, 0, 0)
}

func lambdaMappingFilters(t *testing.T, c *Clients) {
	queue, _ := c.mapped(t, func(in *lambda.CreateEventSourceMappingInput) {
		in.FilterCriteria = &lambdatypes.FilterCriteria{Filters: []lambdatypes.Filter{{Pattern: aws.String(`{"body":{"kind":["wanted"]}}`)}}}
	})
	seen := c.queue(t, nil)
	c.send(t, queue, `{"kind":"other","report":`+quoted(t, seen)+`}`)
	c.settles(t, queue, 0, 0)
	assert.Empty(t, c.receive(t, seen, waiting(5)), "no function had it")
}

// reaches waits until a mapping is in a state.
func (c *Clients) reaches(t *testing.T, uuid *string, state string) {
	t.Helper()
	eventually(t, 3*time.Minute, func() bool {
		out, err := c.Lambda.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: uuid})
		require.NoError(t, err)
		return *out.State == state
	})
}

func lambdaMappingStates(t *testing.T, c *Clients) {
	_, m := c.mapped(t, nil)
	assert.Equal(t, "Creating", *m.State)
	c.reaches(t, m.UUID, "Enabled")
	out, err := c.Lambda.UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: m.UUID, Enabled: aws.Bool(false)})
	require.NoError(t, err)
	assert.Equal(t, "Disabling", *out.State)
	c.reaches(t, m.UUID, "Disabled")
	deleted, err := c.Lambda.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: m.UUID})
	require.NoError(t, err)
	assert.Equal(t, "Deleting", *deleted.State)
}

func lambdaMappingDefaults(t *testing.T, c *Clients) {
	_, m := c.mapped(t, func(in *lambda.CreateEventSourceMappingInput) { in.Enabled = aws.Bool(false) })
	assert.Equal(t, int32(10), *m.BatchSize)
	assert.Equal(t, int32(0), *m.MaximumBatchingWindowInSeconds)
	assert.Empty(t, m.FunctionResponseTypes)
	assert.NotEmpty(t, m.UUID)
}

func lambdaMappingList(t *testing.T, c *Clients) {
	_, m := c.mapped(t, func(in *lambda.CreateEventSourceMappingInput) { in.Enabled = aws.Bool(false) })
	for _, in := range []*lambda.ListEventSourceMappingsInput{{EventSourceArn: m.EventSourceArn}, {FunctionName: m.FunctionArn}} {
		out, err := c.Lambda.ListEventSourceMappings(t.Context(), in)
		require.NoError(t, err)
		require.Len(t, out.EventSourceMappings, 1)
		assert.Equal(t, *m.UUID, *out.EventSourceMappings[0].UUID)
	}
}

func lambdaMappingTwice(t *testing.T, c *Clients) {
	_, m := c.mapped(t, func(in *lambda.CreateEventSourceMappingInput) { in.Enabled = aws.Bool(false) })
	_, err := c.Lambda.CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{EventSourceArn: m.EventSourceArn, FunctionName: m.FunctionArn})
	var conflict *lambdatypes.ResourceConflictException
	assert.ErrorAs(t, err, &conflict)
}

func lambdaMappingVisibility(t *testing.T, c *Clients) {
	err := c.refusesMapping(t, c.queue(t, map[string]string{"VisibilityTimeout": "30"}), 31, nil)
	var invalid *lambdatypes.InvalidParameterValueException
	assert.ErrorAs(t, err, &invalid)
}

func lambdaMappingWindow(t *testing.T, c *Clients) {
	err := c.refusesMapping(t, c.queue(t, nil), 3, func(in *lambda.CreateEventSourceMappingInput) { in.BatchSize = aws.Int32(11) })
	var invalid *lambdatypes.InvalidParameterValueException
	assert.ErrorAs(t, err, &invalid)
}

func lambdaMappingConcurrency(t *testing.T, c *Clients) {
	queue := c.queue(t, nil)
	for _, n := range []int32{1, 1001} {
		err := c.refusesMapping(t, queue, 3, func(in *lambda.CreateEventSourceMappingInput) {
			in.ScalingConfig = &lambdatypes.ScalingConfig{MaximumConcurrency: &n}
		})
		assert.ErrorContains(t, err, "scalingConfig.maximumConcurrency")
	}
}

func lambdaMappingPattern(t *testing.T, c *Clients) {
	err := c.refusesMapping(t, c.queue(t, nil), 3, func(in *lambda.CreateEventSourceMappingInput) {
		in.FilterCriteria = &lambdatypes.FilterCriteria{Filters: []lambdatypes.Filter{{Pattern: aws.String(`{"body":`)}}}
	})
	var invalid *lambdatypes.InvalidParameterValueException
	assert.ErrorAs(t, err, &invalid)
}

func lambdaMappingNone(t *testing.T, c *Clients) {
	_, err := c.Lambda.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: aws.String("14e0db71-5d35-4eb5-b481-8945cf9d10c2")})
	var gone *lambdatypes.ResourceNotFoundException
	assert.ErrorAs(t, err, &gone)
}
