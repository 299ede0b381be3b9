package local_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
)

const (
	// turn is how often one side is called before the other has its turn: so few
	// times that whatever else the machine does hits both alike.
	turn = 10
	// undisturbed is the part of all turns by which a side is measured: the best
	// twentieth, which nothing else on the machine got in the way of.
	undisturbed = 0.05
)

// BenchmarkSQS measures how many messages a second the SDK receives and deletes
// over loopback, one after the other, beside a server that always gives the
// same answers and does nothing.
func BenchmarkSQS(b *testing.B) {
	runtime := serve(b)
	ours := sqs.NewFromConfig(loopback(runtime.Account.Endpoint))
	created, err := ours.CreateQueue(b.Context(), &sqs.CreateQueueInput{QueueName: aws.String("jobs")})
	require.NoError(b, err)
	queue := created.QueueUrl

	constant := sqs.NewFromConfig(loopback(replay(b, runtime)))
	pairs := func(client *sqs.Client) func(n int) {
		return func(n int) {
			for range n {
				received, err := client.ReceiveMessage(b.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue})
				require.NoError(b, err)
				require.Len(b, received.Messages, 1)
				_, err = client.DeleteMessage(b.Context(), &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: received.Messages[0].ReceiptHandle})
				require.NoError(b, err)
			}
		}
	}
	fill := func(n int) {
		for n > 0 {
			var entries []sqstypes.SendMessageBatchRequestEntry
			for i := range min(n, 10) {
				entries = append(entries, sqstypes.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String("a message of a few bytes")})
			}
			_, err := ours.SendMessageBatch(b.Context(), &sqs.SendMessageBatchInput{QueueUrl: queue, Entries: entries})
			require.NoError(b, err)
			n -= len(entries)
		}
	}
	fill(1) // which the answer that is replayed takes
	sideBySide(b, "pairs", fill, pairs(ours), pairs(constant))
}

// BenchmarkDynamoDB measures how many conditional updates a second the SDK
// makes over loopback, one after the other, beside a server that always gives
// the same valid answer and does nothing. The update is a worker's report.
func BenchmarkDynamoDB(b *testing.B) {
	runtime := serve(b)
	ours := dynamodb.NewFromConfig(loopback(runtime.Account.Endpoint))
	_, err := ours.CreateTable(b.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("registry"), BillingMode: dynamodbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []dynamodbtypes.AttributeDefinition{
			{AttributeName: aws.String("Fleet"), AttributeType: dynamodbtypes.ScalarAttributeTypeS},
			{AttributeName: aws.String("Item"), AttributeType: dynamodbtypes.ScalarAttributeTypeS},
		},
		KeySchema: []dynamodbtypes.KeySchemaElement{
			{AttributeName: aws.String("Fleet"), KeyType: dynamodbtypes.KeyTypeHash},
			{AttributeName: aws.String("Item"), KeyType: dynamodbtypes.KeyTypeRange},
		},
	})
	require.NoError(b, err)
	text := func(s string) dynamodbtypes.AttributeValue { return &dynamodbtypes.AttributeValueMemberS{Value: s} }
	key := map[string]dynamodbtypes.AttributeValue{"Fleet": text("jobs"), "Item": text("worker#00000000-0000-4000-8000-000000000000")}
	item := map[string]dynamodbtypes.AttributeValue{"Fleet": key["Fleet"], "Item": key["Item"], "Holder": text("worker-1")}
	_, err = ours.PutItem(b.Context(), &dynamodb.PutItemInput{TableName: aws.String("registry"), Item: item})
	require.NoError(b, err)

	constant := dynamodb.NewFromConfig(loopback(replay(b, runtime)))
	updates := func(client *dynamodb.Client) func(n int) {
		return func(n int) {
			for range n {
				out, err := client.UpdateItem(b.Context(), &dynamodb.UpdateItemInput{
					TableName: aws.String("registry"), Key: key,
					ConditionExpression:      aws.String("#holder = :me"),
					UpdateExpression:         aws.String("SET #state = :working, #reportedAt = :now"),
					ExpressionAttributeNames: map[string]string{"#holder": "Holder", "#state": "State", "#reportedAt": "ReportedAt"},
					ExpressionAttributeValues: map[string]dynamodbtypes.AttributeValue{
						":me": text("worker-1"), ":working": text("working"), ":now": text("2026-01-01T00:00:00Z"),
					},
					ReturnValues: dynamodbtypes.ReturnValueAllNew,
				})
				require.NoError(b, err)
				require.Len(b, out.Attributes, 5)
			}
		}
	}
	sideBySide(b, "updates", func(int) {}, updates(ours), updates(constant))
}

// sideBySide measures two sides in turn and reports both, and their ratio. Before ours has its turn, prepare gets ready for it outside
// of the time.
func sideBySide(b *testing.B, unit string, prepare func(n int), ours, constant func(n int)) {
	var oursTook, constantTook []time.Duration
	for b.Loop() {
		prepare(turn)
		start := time.Now()
		ours(turn)
		oursTook = append(oursTook, time.Since(start))
		start = time.Now()
		constant(turn)
		constantTook = append(constantTook, time.Since(start))
	}
	rate := func(took []time.Duration) float64 {
		slices.Sort(took)
		return turn / took[int(undisturbed*float64(len(took)))].Seconds()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate(oursTook), unit+"/s")
	b.ReportMetric(rate(constantTook), "constant-"+unit+"/s")
	b.ReportMetric(rate(oursTook)/rate(constantTook), "of-constant")
}

// serve starts an account on loopback.
func serve(b *testing.B) *local.Runtime {
	b.Helper()
	runtime, err := local.Start(local.Options{Listen: "127.0.0.1:0"})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, runtime.Close()) })
	return runtime
}

// loopback configures an SDK client as a program outside would.
func loopback(url string) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(url),
		Credentials: credentials.NewStaticCredentialsProvider(local.AccessKeyID, local.SecretAccessKey, ""),
	}
}

// replay starts a server that answers with nothing but what the runtime
// answered first: it passes the first request of each operation on and repeats
// that answer, byte for byte, to all that follow. It returns its URL.
func replay(b *testing.B, runtime *local.Runtime) string {
	b.Helper()
	type answer struct {
		header http.Header
		body   []byte
	}
	answers := map[string]answer{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target := r.Header.Get("X-Amz-Target")
		a, ok := answers[target]
		if ok {
			_, _ = io.Copy(io.Discard, r.Body)
		} else {
			r.URL.Scheme, r.URL.Host, r.RequestURI = "http", strings.TrimPrefix(runtime.Account.Endpoint, "http://"), ""
			first, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			defer first.Body.Close()
			a.header = first.Header
			a.body, _ = io.ReadAll(first.Body)
			answers[target] = a
		}
		maps.Copy(w.Header(), a.header)
		_, _ = w.Write(a.body)
	}))
	b.Cleanup(server.Close)
	return server.URL
}
