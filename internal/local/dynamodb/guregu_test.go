package dynamodb_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/guregu/dynamo/v2"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb"
)

type worker struct {
	Fleet      string `dynamo:",hash"`
	Item       string `dynamo:",range"`
	Holder     string
	ReportedAt time.Time
	Shifts     int
	Tags       []string          `dynamo:",set"`
	Orders     map[string]string `dynamo:",omitempty"`
}

func newDB(t *testing.T, options dynamodb.Options) (*dynamo.DB, *api.Router) {
	router := api.NewRouter(1)
	router.Add(dynamodb.New(account, router, options).API())
	db := dynamo.NewFromIface(client(router))
	require.NoError(t, db.CreateTable("registry", worker{}).OnDemand(true).Wait(t.Context()))
	return db, router
}

// The client that the registry uses, over the SDK, in a bubble.
func TestGuregu(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _ := newDB(t, dynamodb.Options{})
		ctx := t.Context()
		table := db.Table("registry")
		w := worker{Fleet: "f", Item: "worker#1", Holder: "h", ReportedAt: time.Now().UTC(), Shifts: 1, Tags: []string{"x"}, Orders: map[string]string{"a": "carry on"}}
		require.NoError(t, table.Put(w).If("attribute_not_exists('Item')").Run(ctx))
		require.True(t, dynamo.IsCondCheckFailed(table.Put(w).If("attribute_not_exists('Item')").Run(ctx)))

		var got worker
		require.NoError(t, table.Get("Fleet", "f").Range("Item", dynamo.Equal, "worker#1").Consistent(true).One(ctx, &got))
		require.Equal(t, w, got)
		require.ErrorIs(t, table.Get("Fleet", "f").Range("Item", dynamo.Equal, "worker#2").One(ctx, &got), dynamo.ErrNotFound)

		require.NoError(t, table.Update("Fleet", "f").Range("Item", "worker#1").Add("Shifts", 2).Set("Orders.'b'", "drain").AddStringsToSet("Tags", "y").
			If("'Holder' = ?", "h").Value(ctx, &got))
		require.Equal(t, 3, got.Shifts)
		require.Equal(t, map[string]string{"a": "carry on", "b": "drain"}, got.Orders)
		require.ElementsMatch(t, []string{"x", "y"}, got.Tags)

		require.True(t, dynamo.IsCondCheckFailed(table.Update("Fleet", "f").Range("Item", "worker#1").Set("Holder", "i").If("'Holder' = ?", "j").Run(ctx)))

		for _, item := range []string{"control", "worker#3", "worker#2"} {
			require.NoError(t, table.Put(worker{Fleet: "f", Item: item, ReportedAt: time.Now().UTC(), Shifts: 9}).Run(ctx))
		}
		var live []worker
		require.NoError(t, table.Get("Fleet", "f").Range("Item", dynamo.BeginsWith, "worker#").Consistent(true).Filter("'Shifts' > ?", 5).SearchLimit(10).All(ctx, &live))
		require.Len(t, live, 2)
		require.Equal(t, "worker#2", live[0].Item)
		n, err := table.Scan().Count(ctx)
		require.NoError(t, err)
		require.Equal(t, 4, n)

		var cc dynamo.ConsumedCapacity
		require.NoError(t, db.WriteTx().Idempotent(true).ConsumedCapacity(&cc).
			Delete(table.Delete("Fleet", "f").Range("Item", "worker#2").If("'Shifts' = ?", 9)).
			Put(table.Put(worker{Fleet: "f", Item: "worker#4"})).
			Check(table.Check("Fleet", "f").Range("Item", "control").IfExists()).Run(ctx))
		require.Equal(t, 6.0, cc.Total)

		err = db.WriteTx().
			Update(table.Update("Fleet", "f").Range("Item", "control").Add("Shifts", 1)).
			Check(table.Check("Fleet", "f").Range("Item", "worker#2").IfExists()).Run(ctx)
		var cancelled *types.TransactionCanceledException
		require.ErrorAs(t, err, &cancelled)
		require.Equal(t, "None", *cancelled.CancellationReasons[0].Code)
		require.Equal(t, "ConditionalCheckFailed", *cancelled.CancellationReasons[1].Code)
		require.True(t, dynamo.IsCondCheckFailed(err))

		_, err = table.Batch("Fleet", "Item").Write().Put(worker{Fleet: "f", Item: "worker#5"}).Delete(dynamo.Keys{"f", "worker#3"}).Run(ctx)
		require.NoError(t, err)
		var all []worker
		require.NoError(t, table.Batch("Fleet", "Item").Get(dynamo.Keys{"f", "worker#3"}, dynamo.Keys{"f", "worker#5"}).All(ctx, &all))
		require.Len(t, all, 1)

		require.NoError(t, table.UpdateTTL("ExpiresAt", true).Run(ctx))
		ttl, err := table.DescribeTTL().Run(ctx)
		require.NoError(t, err)
		require.True(t, ttl.Enabled())

		require.NoError(t, table.DeleteTable().Wait(ctx))
		_, err = table.Describe().Run(ctx)
		var missing *types.ResourceNotFoundException
		require.ErrorAs(t, err, &missing)
	})
}

// Many workers report at once; none of their updates is lost.
func TestConcurrentWriters(t *testing.T) {
	db, router := newDB(t, dynamodb.Options{})
	table := db.Table("registry")
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 25 {
				if err := table.Update("Fleet", "f").Range("Item", "control").Add("Shifts", 1).Run(t.Context()); err != nil {
					t.Error(err)
				}
				if err := db.WriteTx().Update(table.Update("Fleet", "f").Range("Item", "control").Add("Shifts", 1)).
					Put(table.Put(worker{Fleet: "f", Item: "worker#1"})).Run(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	succeed(t, router, "GetItem", `{"TableName": "registry", "Key": {"Fleet": {"S": "f"}, "Item": {"S": "control"}}, "ProjectionExpression": "Shifts"}`, `{"Item": {"Shifts": {"N": "400"}}}`)
}

// Errors are the SDK's own types.
func TestTypedErrors(t *testing.T) {
	_, router := newDB(t, dynamodb.Options{Conflicts: 1})
	table := "registry"
	key := map[string]types.AttributeValue{"Fleet": &types.AttributeValueMemberS{Value: "f"}, "Item": &types.AttributeValueMemberS{Value: "i"}}
	_, err := client(router).DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: &table, Key: key})
	var conflict *types.TransactionConflictException
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, "Transaction is ongoing for the item", conflict.ErrorMessage())
	_, err = client(router).TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Delete: &types.Delete{TableName: &table, Key: key}}}})
	var cancelled *types.TransactionCanceledException
	require.ErrorAs(t, err, &cancelled)
	require.Equal(t, "TransactionConflict", *cancelled.CancellationReasons[0].Code)
	_, _ = router.Faults.Add(api.Fault{Service: "dynamodb", Operation: "GetItem", Kind: api.LoseReply})
	_, err = client(router).GetItem(t.Context(), &sdk.GetItemInput{TableName: &table, Key: key})
	require.ErrorIs(t, err, api.ErrReplyLost)
}

// A failed condition shows the item that failed it.
func TestItemOfAFailedCondition(t *testing.T) {
	db, router := newDB(t, dynamodb.Options{})
	require.NoError(t, db.Table("registry").Put(worker{Fleet: "f", Item: "i", Holder: "h"}).Run(t.Context()))
	_, err := client(router).DeleteItem(t.Context(), &sdk.DeleteItemInput{
		TableName:                           aws.String("registry"),
		Key:                                 map[string]types.AttributeValue{"Fleet": &types.AttributeValueMemberS{Value: "f"}, "Item": &types.AttributeValueMemberS{Value: "i"}},
		ConditionExpression:                 aws.String("attribute_not_exists(Holder)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var failed *types.ConditionalCheckFailedException
	require.ErrorAs(t, err, &failed)
	require.Equal(t, &types.AttributeValueMemberS{Value: "h"}, failed.Item["Holder"])
}
