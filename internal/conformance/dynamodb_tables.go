package conformance

import (
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func dynamoTableCases() []Case {
	return []Case{
		{Name: "a table is described as it was created", Page: dynamoAPI("DescribeTable"), Run: dynamoDescribe},
		{Name: "a table exists once", Page: dynamoAPI("CreateTable"), Run: dynamoCreateTwice},
		{Name: "a table that does not exist", Page: dynamoAPI("DescribeTable"), Run: dynamoNoTable},
		{Name: "attribute definitions are those of the keys", Page: dynamoAPI("CreateTable"), Run: dynamoDefinitions},
		{Name: "a deleted table is gone", Page: dynamoAPI("DeleteTable"), Run: dynamoDelete},
		{Name: "tables are listed in pages", Page: dynamoAPI("ListTables"), Run: dynamoList},
		{Name: "time to live is switched once an hour at most", Page: dynamoAPI("UpdateTimeToLive"), Run: dynamoTimeToLive},
		{Name: "an expired item is still read until it is deleted", Page: dynamoGuide("ttl-expired-items"), Run: dynamoExpired},
	}
}

func dynamoDescribe(t *testing.T, c *Clients) {
	name := c.table(t)
	out, err := c.DynamoDB.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
	require.NoError(t, err)
	assert.Equal(t, name, *out.Table.TableName)
	assert.Regexp(t, `^arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/`+name+`$`, *out.Table.TableArn)
	assert.Equal(t, dynamotypes.BillingModePayPerRequest, out.Table.BillingModeSummary.BillingMode)
	assert.Equal(t, tableInput(name, dynamotypes.ScalarAttributeTypeS).KeySchema, out.Table.KeySchema)
	assert.ElementsMatch(t, tableInput(name, dynamotypes.ScalarAttributeTypeS).AttributeDefinitions, out.Table.AttributeDefinitions)
}

func dynamoCreateTwice(t *testing.T, c *Clients) {
	name := c.table(t)
	_, err := c.DynamoDB.CreateTable(t.Context(), tableInput(name, dynamotypes.ScalarAttributeTypeS))
	fails[*dynamotypes.ResourceInUseException](t, err, "Table already exists: "+name)
}

func dynamoNoTable(t *testing.T, c *Clients) {
	name := fresh()
	_, err := c.DynamoDB.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
	fails[*dynamotypes.ResourceNotFoundException](t, err, "Requested resource not found: Table: "+name+" not found")
	_, err = c.DynamoDB.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: row("a", "1")})
	fails[*dynamotypes.ResourceNotFoundException](t, err, "Requested resource not found")
	_, err = c.DynamoDB.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &name, Key: row("a", "1")})
	fails[*dynamotypes.ResourceNotFoundException](t, err, "Requested resource not found")
}

func dynamoDefinitions(t *testing.T, c *Clients) {
	missing := tableInput(fresh(), dynamotypes.ScalarAttributeTypeS)
	missing.AttributeDefinitions = missing.AttributeDefinitions[:1]
	superfluous := tableInput(fresh(), dynamotypes.ScalarAttributeTypeS)
	superfluous.AttributeDefinitions = append(superfluous.AttributeDefinitions, dynamotypes.AttributeDefinition{
		AttributeName: aws.String("other"), AttributeType: dynamotypes.ScalarAttributeTypeN,
	})
	for _, in := range []*dynamodb.CreateTableInput{missing, superfluous} {
		_, err := c.DynamoDB.CreateTable(t.Context(), in)
		failsAs(t, err, "ValidationException", "")
	}
}

func dynamoDelete(t *testing.T, c *Clients) {
	name := fresh()
	_, err := c.DynamoDB.CreateTable(t.Context(), tableInput(name, dynamotypes.ScalarAttributeTypeS))
	require.NoError(t, err)
	require.NoError(t, dynamodb.NewTableExistsWaiter(c.DynamoDB, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 50 * time.Millisecond }).
		Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: &name}, time.Minute))
	_, err = c.DynamoDB.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &name})
	require.NoError(t, err)
	eventually(t, time.Minute, func() bool {
		_, err = c.DynamoDB.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
		return err != nil
	})
	fails[*dynamotypes.ResourceNotFoundException](t, err, "Requested resource not found: Table: "+name+" not found")
	_, err = c.DynamoDB.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &name})
	fails[*dynamotypes.ResourceNotFoundException](t, err, "Requested resource not found: Table: "+name+" not found")
}

func dynamoList(t *testing.T, c *Clients) {
	want := []string{c.table(t), c.table(t)}
	var found []string
	pages := dynamodb.NewListTablesPaginator(c.DynamoDB, &dynamodb.ListTablesInput{Limit: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		assert.LessOrEqual(t, len(page.TableNames), 1)
		found = append(found, page.TableNames...)
	}
	assert.Subset(t, found, want)
}

func dynamoTimeToLive(t *testing.T, c *Clients) {
	name := c.table(t)
	in := &dynamodb.UpdateTimeToLiveInput{TableName: &name, TimeToLiveSpecification: &dynamotypes.TimeToLiveSpecification{
		AttributeName: aws.String("ExpiresAt"), Enabled: aws.Bool(true),
	}}
	_, err := c.DynamoDB.UpdateTimeToLive(t.Context(), in)
	require.NoError(t, err)
	out, err := c.DynamoDB.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &name})
	require.NoError(t, err)
	assert.Equal(t, "ExpiresAt", *out.TimeToLiveDescription.AttributeName)
	assert.Contains(t, []dynamotypes.TimeToLiveStatus{dynamotypes.TimeToLiveStatusEnabling, dynamotypes.TimeToLiveStatusEnabled},
		out.TimeToLiveDescription.TimeToLiveStatus)
	_, err = c.DynamoDB.UpdateTimeToLive(t.Context(), in)
	failsAs(t, err, "ValidationException", "")
}

func dynamoExpired(t *testing.T, c *Clients) {
	name := c.table(t)
	_, err := c.DynamoDB.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
		TableName: &name, TimeToLiveSpecification: &dynamotypes.TimeToLiveSpecification{AttributeName: aws.String("ExpiresAt"), Enabled: aws.Bool(true)},
	})
	require.NoError(t, err)
	c.put(t, name, row("a", "1", "ExpiresAt", num(strconv.FormatInt(time.Now().Add(-time.Minute).Unix(), 10))))
	assert.NotNil(t, c.get(t, name, "a", "1"))
	out, err := c.DynamoDB.Query(t.Context(), &dynamodb.QueryInput{
		TableName: &name, KeyConditionExpression: aws.String("pk = :p"), ExpressionAttributeValues: item{":p": str("a")}, ConsistentRead: aws.Bool(true),
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"1"}, sortKeys(out.Items))
}
