package local_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/access"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/price"
)

// account is a runtime in a bubble.
type account struct{ *local.Runtime }

// pass lets time pass.
func (account) pass(d time.Duration) { time.Sleep(d) }

// What each service bills for what was done, in the units of the price pages.
func TestBill(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(t *testing.T, r account)
		want map[price.Item]float64
	}{
		"messages by 64 KB, a batch as a whole, empty receives too": {func(t *testing.T, r account) {
			client := sqs.NewFromConfig(r.Config())
			out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
			require.NoError(t, err)
			body := strings.Repeat("x", 40<<10)
			_, err = client.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: out.QueueUrl, Entries: []sqstypes.SendMessageBatchRequestEntry{
				{Id: aws.String("a"), MessageBody: &body}, {Id: aws.String("b"), MessageBody: &body},
			}})
			require.NoError(t, err)
			for range 2 {
				_, err = client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: out.QueueUrl, MaxNumberOfMessages: 10})
				require.NoError(t, err)
			}
			_, err = client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String("http://127.0.0.1/123456789012/none"), MessageBody: &body})
			require.Error(t, err)
		}, map[price.Item]float64{price.SQSRequest: 1 + 2 + 2 + 1}},
		"FIFO queues by their own price": {func(t *testing.T, r account) {
			client := sqs.NewFromConfig(r.Config())
			out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q.fifo"), Attributes: map[string]string{"FifoQueue": "true"}})
			require.NoError(t, err)
			_, err = client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: out.QueueUrl})
			require.NoError(t, err)
		}, map[price.Item]float64{price.SQSRequest: 1, price.SQSFifoRequest: 1}},
		"items by their size, failed conditions too, transactions twice, and what is kept": {func(t *testing.T, r account) {
			client := dynamodb.NewFromConfig(r.Config())
			key := []ddbtypes.AttributeDefinition{{AttributeName: aws.String("K"), AttributeType: "S"}}
			_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
				TableName: aws.String("table"), BillingMode: "PAY_PER_REQUEST", AttributeDefinitions: key,
				KeySchema: []ddbtypes.KeySchemaElement{{AttributeName: aws.String("K"), KeyType: "HASH"}},
			})
			require.NoError(t, err)
			item := map[string]ddbtypes.AttributeValue{"K": &ddbtypes.AttributeValueMemberS{Value: "a"}, "V": &ddbtypes.AttributeValueMemberS{Value: strings.Repeat("x", 1500)}}
			_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("table"), Item: item}) // 2
			require.NoError(t, err)
			_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("table"), Item: item, ConditionExpression: aws.String("attribute_not_exists(K)")}) // 2
			require.Error(t, err)
			_, err = client.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []ddbtypes.TransactWriteItem{{Put: &ddbtypes.Put{TableName: aws.String("table"), Item: item}}}}) // 4
			require.NoError(t, err)
			_, err = client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("table"), Key: map[string]ddbtypes.AttributeValue{"K": item["K"]}}) // 0.5
			require.NoError(t, err)
			r.pass(price.Month)
		}, map[price.Item]float64{price.DynamoDBWrite: 8, price.DynamoDBRead: 0.5, price.DynamoDBStorage: (1 + 1 + 1 + 1500 + 100) / float64(price.GB)}},
		"objects by class and for as long as they are kept": {func(t *testing.T, r account) {
			client := s3.NewFromConfig(r.Config(), func(o *s3.Options) { o.UsePathStyle = true })
			_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("bucket")})
			require.NoError(t, err)
			for _, key := range []string{"a", "b"} {
				_, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: &key, Body: strings.NewReader("0123456789")})
				require.NoError(t, err)
			}
			r.pass(price.Month)
			_, err = client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("bucket"), Key: aws.String("a")})
			require.NoError(t, err)
			_, err = client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("a")})
			require.Error(t, err)
			r.pass(price.Month)
		}, map[price.Item]float64{price.S3Write: 3, price.S3Read: 1, price.S3Storage: 30 / float64(price.GB)}},
		"invocations by the millisecond, those that run until now": {func(t *testing.T, r account) {
			require.NoError(t, r.Lambda.Put(lambda.Function{Name: "f", MemorySize: 1024, Timeout: 60, Architectures: []string{"arm64"}, Code: lambda.Func(func(ctx context.Context, _ []byte) ([]byte, error) {
				r.pass(1500*time.Millisecond + 200*time.Microsecond)
				return nil, nil
			})}))
			client := awslambda.NewFromConfig(r.Config())
			_, err := client.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("f")})
			require.NoError(t, err)
			large := []byte(`"` + strings.Repeat("x", 300<<10) + `"`)
			_, err = client.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("f"), InvocationType: lambdatypes.InvocationTypeEvent, Payload: large})
			require.NoError(t, err)
			r.pass(time.Second)
			bill := r.Bill()
			assert.InDelta(t, 2.501, bill.Sum(price.LambdaArmTime), 1e-9)
			assert.Equal(t, 1.0, bill.Sum(price.LambdaRequest))
			r.pass(time.Minute)
		}, map[price.Item]float64{price.LambdaRequest: 3, price.LambdaArmTime: 1.501 + 1.501}},
		"transitions, with their retries, and Express by 100 ms and 64 MB": {func(t *testing.T, r account) {
			client := sfn.NewFromConfig(r.Config())
			for kind, definition := range map[sfntypes.StateMachineType]string{
				"STANDARD": `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"none"},"Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":2}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],"End":true},"B":{"Type":"Succeed"}}}`,
				"EXPRESS":  `{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":2,"End":true}}}`,
			} {
				m, err := client.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{Name: aws.String(string(kind)), Type: kind, Definition: &definition, RoleArn: aws.String("arn:aws:iam::123456789012:role/r")})
				require.NoError(t, err)
				_, err = client.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: m.StateMachineArn})
				require.NoError(t, err)
			}
			r.pass(time.Minute)
		}, map[price.Item]float64{price.Transition: 4, price.ExpressRequest: 1, price.ExpressTime: 2.0 / 16}},
		"a trace an execution of a traced state machine": {func(t *testing.T, r account) {
			client := sfn.NewFromConfig(r.Config())
			m, err := client.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
				Name: aws.String("traced"), RoleArn: aws.String("arn:aws:iam::123456789012:role/r"), TracingConfiguration: &sfntypes.TracingConfiguration{Enabled: true},
				Definition: aws.String(`{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}`),
			})
			require.NoError(t, err)
			for range 2 {
				_, err = client.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: m.StateMachineArn})
				require.NoError(t, err)
			}
			r.pass(time.Second)
		}, map[price.Item]float64{price.Transition: 2, price.Trace: 2}},
		"own events by 64 KB": {func(t *testing.T, r account) {
			client := eventbridge.NewFromConfig(r.Config())
			var entries []ebtypes.PutEventsRequestEntry
			for _, size := range []int{10, 100 << 10} {
				entries = append(entries, ebtypes.PutEventsRequestEntry{Source: aws.String("mine"), DetailType: aws.String("d"), Detail: aws.String(`{"x":"` + strings.Repeat("x", size) + `"}`)})
			}
			_, err := client.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: entries})
			require.NoError(t, err)
		}, map[price.Item]float64{price.Event: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, err := local.Start(local.Options{IAM: access.Options{Off: true}})
				require.NoError(t, err)
				c.do(t, account{r})
				bill, dollars := r.Bill(), 0.0
				for item, quantity := range c.want {
					assert.InDelta(t, quantity, bill.Sum(item), 1e-9*max(1, quantity), item.Name)
				}
				for _, l := range bill {
					dollars += l.Dollars
					if l.Service != "logs" {
						assert.Contains(t, names(c.want), l.Name)
					}
				}
				assert.InDelta(t, dollars, bill.Dollars(), 1e-12)
				require.NoError(t, r.Close())
				time.Sleep(10 * time.Minute)
			})
		})
	}
}

// Services ask KMS once in five minutes for each caller and resource.
func TestBillOfKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := local.Start(local.Options{})
		require.NoError(t, err)
		client := sqs.NewFromConfig(r.Config())
		out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q"), Attributes: map[string]string{"KmsMasterKeyId": "arn:aws:kms:us-east-1:123456789012:key/k"}})
		require.NoError(t, err)
		for range 2 {
			for range 3 {
				_, err = client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: out.QueueUrl, MessageBody: aws.String("hello")})
				require.NoError(t, err)
			}
			_, err = client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: out.QueueUrl})
			require.NoError(t, err)
			time.Sleep(5 * time.Minute)
		}
		// GenerateDataKey and Decrypt, twice.
		assert.Equal(t, 4.0, r.Bill().Sum(price.KeyRequest))
		require.NoError(t, r.Close())
		time.Sleep(10 * time.Minute)
	})
}

func names(items map[price.Item]float64) []string {
	var all []string
	for i := range items {
		all = append(all, i.Name)
	}
	return all
}
