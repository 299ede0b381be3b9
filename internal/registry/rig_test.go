package registry_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/guregu/dynamo/v2"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/registry/registrytest"
)

// Times of a test. A bubble begins at midnight.
const (
	midnight = registry.Instant("2000-01-01T00:00:00.000Z")
	minute1  = registry.Instant("2000-01-01T00:01:00.000Z")
	minute2  = registry.Instant("2000-01-01T00:02:00.000Z")
	minute9  = registry.Instant("2000-01-01T00:09:00.000Z")
)

// milliseconds since 1970, as BusyUntil counts.
func milliseconds(i registry.Instant) int64 { return i.Time().UnixMilli() }

// rig is a registry in an account of its own.
type rig struct {
	*testing.T
	*registry.Registry
	runtime *local.Runtime
	table   *dynamodb.Client
}

// inBubble runs a test with a registry of the fleet "jobs" in the table "muster".
func inBubble(t *testing.T, options local.Options, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		runtime, err := local.Start(options)
		require.NoError(t, err)
		defer func() { require.NoError(t, runtime.Close()) }()
		table := dynamodb.NewFromConfig(runtime.Config())
		registrytest.CreateTable(t, runtime.Config(), "muster")
		// Reads that need not be consistent see what was there before.
		time.Sleep(options.DynamoDB.StaleReads)
		test(&rig{t, registry.New(runtime.Config(), "muster", "jobs"), runtime, table})
	})
}

// hold fills the registry with slots, as they stand.
func (r *rig) hold(workers ...registry.Worker) {
	r.Helper()
	s, err := r.Snapshot(r.Context())
	require.NoError(r, err)
	require.NoError(r, r.Commit(r.Context(), s.Control, registry.Change{Control: s.Control, Reserve: workers}))
}

// put writes a slot that no commit knows of.
func (r *rig) put(w registry.Worker) {
	r.Helper()
	require.NoError(r, dynamo.New(r.runtime.Config()).Table("muster").Put(w).Run(r.Context()))
}

// workers are all slots.
func (r *rig) workers() []registry.Worker {
	r.Helper()
	s, err := r.Snapshot(r.Context())
	require.NoError(r, err)
	return s.Workers
}

// items of a partition, by sort key.
func (r *rig) items(partition string) []map[string]types.AttributeValue {
	r.Helper()
	out, err := r.table.Query(r.Context(), &dynamodb.QueryInput{
		TableName: aws.String("muster"), ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("Fleet = :fleet"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":fleet": text(partition)},
	})
	require.NoError(r, err)
	return out.Items
}

func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func number(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }

// slot is a worker that reported home at midnight, with changes.
func slot(changes ...func(*registry.Worker)) registry.Worker {
	w := registry.Worker{
		Fleet: "jobs", Item: "worker#a", State: registry.Working, Holder: "worker-a-3", Generation: 3,
		Orders: registry.CarryOn, Lane: "stream", Parallelism: 2, Revision: "r1", Input: `{"n":1}`,
		ReservedAt: midnight, ReportedAt: midnight,
	}
	for _, change := range changes {
		change(&w)
	}
	return w
}

// post is that worker's place.
var post = registry.Post{Worker: "a", Execution: "worker-a-3"}

func reserved(w *registry.Worker) { w.State = registry.Reserved }
func drained(w *registry.Worker)  { w.Orders = registry.Drain }
func ended(w *registry.Worker)    { w.Ended = true }

func reportedAt(i registry.Instant) func(*registry.Worker) {
	return func(w *registry.Worker) { w.ReportedAt = i }
}

func busyUntil(i registry.Instant) func(*registry.Worker) {
	return func(w *registry.Worker) { w.BusyUntil = milliseconds(i) }
}

func heldBy(holder string) func(*registry.Worker) {
	return func(w *registry.Worker) { w.Holder = holder }
}

func token(now, last string) func(*registry.Worker) {
	return func(w *registry.Worker) { w.Token, w.LastToken = now, last }
}

func batch(seq, settled int64) func(*registry.Worker) {
	return func(w *registry.Worker) { w.Seq, w.Settled = seq, settled }
}

// polled is a worker whose last poll was request-5.
func polled(w *registry.Worker) { w.Poll = "request-5" }

func counts(c registry.Counts) func(*registry.Worker) {
	return func(w *registry.Worker) { w.Counts = c }
}

// write is a case of a conditional write: the slot before, what is asked, and
// the slot after. A zero before is no slot, a zero after one that is unchanged.
type write struct {
	before registry.Worker
	do     func(r *rig) (registry.Worker, error)
	after  registry.Worker
	err    error
	// lost is the error when the reply of the write is lost.
	lost error
}

// cases runs each case in a registry of its own, and each write that happens
// once more with its reply lost: the SDK then repeats it.
func cases(t *testing.T, writes map[string]write) {
	t.Helper()
	for name, c := range writes {
		t.Run(name, func(t *testing.T) { c.run(t, func(*rig) {}) })
		if c.err == nil {
			c.err = c.lost
			t.Run(name+", its reply lost", func(t *testing.T) { c.run(t, (*rig).loseReply) })
		}
	}
}

func (c write) run(t *testing.T, fault func(r *rig)) {
	inBubble(t, local.Options{}, func(r *rig) {
		var want []registry.Worker
		if c.before.Item != "" {
			r.hold(c.before)
			want = []registry.Worker{c.before}
		}
		if c.after.Item != "" {
			want = []registry.Worker{c.after}
		}
		fault(r)
		got, err := c.do(r)
		require.Equal(r, want, r.workers())
		if c.err != nil {
			require.Equal(r, c.err, err)
			return
		}
		require.NoError(r, err)
		require.Equal(r, c.after, got)
	})
}
