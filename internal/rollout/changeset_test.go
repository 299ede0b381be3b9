package rollout

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/bundle"
	"github.com/musterq/muster/internal/local"
)

const one = `
Parameters: {Seconds: {Type: Number, Default: 60}}
Resources:
  Jobs:
    Type: AWS::SQS::Queue
    DeletionPolicy: Retain
    Properties: {MessageRetentionPeriod: !Ref Seconds}
Outputs: {Url: {Value: !Ref Jobs, Description: the queue}}
`

// rig is an account and a stack in it.
type rig struct {
	*testing.T
	*local.Runtime
	client *Client
	store  *Store
	events []Event
}

func newRig(t *testing.T) *rig {
	t.Helper()
	runtime := start(t)
	r := &rig{T: t, Runtime: runtime, client: &Client{API: cloudformation.NewFromConfig(runtime.Config())}, store: NewStore(runtime.Config(), "123456789012", "artifacts")}
	_, err := r.store.Ensure(t.Context())
	require.NoError(t, err)
	return r
}

// propose proposes a template.
func (r *rig) propose(template string, parameters map[string]string) (*ChangeSet, error) {
	r.Helper()
	f := bundle.File{Key: "template", Data: []byte(template)}
	_, err := r.store.Put(r.Context(), f)
	require.NoError(r, err)
	return r.client.Propose(r.Context(), Request{Stack: "jobs", TemplateURL: r.store.URL(f.Key), Parameters: parameters, Tags: map[string]string{"team": "shop"}})
}

func (r *rig) tell(e Event) { r.events = append(r.events, e) }

func (r *rig) apply(set *ChangeSet) (*Stack, error) {
	r.Helper()
	r.events = nil
	return set.Apply(r.Context(), r.tell)
}

func (r *rig) queues() []string {
	r.Helper()
	out, err := sqs.NewFromConfig(r.Config()).ListQueues(r.Context(), &sqs.ListQueuesInput{})
	require.NoError(r, err)
	return out.QueueUrls
}

func TestChangeSets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		set, err := r.propose(one, nil)
		require.NoError(t, err)
		assert.True(t, set.Create)
		assert.Equal(t, []Change{{Action: "Add", LogicalID: "Jobs", Type: "AWS::SQS::Queue", What: []string{}}}, set.Changes)
		require.NoError(t, set.Discard(t.Context()))
		stack, err := r.client.Find(t.Context(), "jobs")
		require.NoError(t, err)
		assert.Nil(t, stack, "what was only proposed leaves nothing")

		set, err = r.propose(one, nil)
		require.NoError(t, err)
		stack, err = r.apply(set)
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"Seconds": "60"}, stack.Parameters)
		assert.Equal(t, "shop", stack.Tags["team"])
		assert.Equal(t, r.queues()[0], stack.Output("Url"))
		assert.Empty(t, stack.Output("None"))
		last := r.events[len(r.events)-1]
		assert.Equal(t, []string{"jobs", "CREATE_COMPLETE"}, []string{last.LogicalID, last.Status})

		_, err = r.propose(one, nil)
		require.ErrorIs(t, err, ErrNothing)

		before, err := r.client.Current(t.Context(), stack)
		require.NoError(t, err)
		assert.Equal(t, one, before.Template)
		set, err = r.propose(one, map[string]string{"Seconds": "120"})
		require.NoError(t, err)
		require.Len(t, set.Changes, 1)
		assert.Equal(t, Change{
			Action: "Modify", LogicalID: "Jobs", PhysicalID: stack.Output("Url"), Type: "AWS::SQS::Queue", Replacement: "False",
			What: []string{"MessageRetentionPeriod"},
		}, set.Changes[0])
		stack, err = r.apply(set)
		require.NoError(t, err)
		assert.Equal(t, "120", stack.Parameters["Seconds"])
		for _, e := range r.events {
			assert.True(t, strings.HasPrefix(e.Status, "UPDATE_"), "only what has happened since: %+v", e)
		}

		require.NoError(t, r.client.Delete(t.Context(), stack, r.tell))
		assert.Len(t, r.queues(), 1, "it is to be kept")
	})
}

func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		bad := strings.Replace(one, "Outputs:", `  Second:
    Type: AWS::SQS::Queue
    DependsOn: Jobs
    Properties: {MessageRetentionPeriod: 1}
Outputs:`, 1)
		set, err := r.propose(bad, nil)
		require.NoError(t, err)
		_, err = r.apply(set)
		var failure *Failure
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, "Second", failure.First.LogicalID)
		assert.True(t, failure.RolledBack())
		assert.ErrorContains(t, err, "the stack jobs is ROLLBACK_COMPLETE: Second (AWS::SQS::Queue) CREATE_FAILED: ")
		assert.Empty(t, r.queues(), "what never worked is not kept")

		_, err = r.propose(one, nil)
		require.EqualError(t, err, "the stack jobs is ROLLBACK_COMPLETE: it can only be deleted, and then be made anew")
		stack, err := r.client.Find(t.Context(), "jobs")
		require.NoError(t, err)
		require.NoError(t, r.client.Delete(t.Context(), stack, r.tell))

		set, err = r.propose(one, nil)
		require.NoError(t, err)
		_, err = r.apply(set)
		require.NoError(t, err)
		set, err = r.propose(bad, map[string]string{"Seconds": "90"})
		require.NoError(t, err)
		stack, err = r.apply(set)
		require.ErrorAs(t, err, &failure)
		assert.True(t, failure.RolledBack())
		assert.Equal(t, "60", stack.Parameters["Seconds"])
		assert.Len(t, r.queues(), 1)

		_, err = r.propose(strings.Replace(one, "!Ref Seconds", "!Ref Nothing", 1), nil)
		assert.ErrorContains(t, err, "propose a change of the stack jobs: ")
	})
}
