// Package registrytest makes a registry's table for tests, as the template does.
package registrytest

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
)

// CreateTable makes the table of a registry.
func CreateTable(t testing.TB, cfg aws.Config, name string) {
	t.Helper()
	_, err := dynamodb.NewFromConfig(cfg).CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("Fleet"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("Item"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("Fleet"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("Item"), KeyType: types.KeyTypeRange},
		},
	})
	require.NoError(t, err)
}
