package cli

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/local/meter"
)

func TestDollars(t *testing.T) {
	for amount, want := range map[float64]string{
		0: "$0.00", 12.345: "$12.35", 1: "$1.00", 0.5: "$0.50", 0.0123: "$0.012", 0.00000039: "$0.00000039", 1e-12: "$0.00000000",
	} {
		assert.Equal(t, want, dollars(amount))
	}
}

func TestCost(t *testing.T) {
	assert.Equal(t, "on AWS $0.00: fleet $0.00, handlers $0.00\nof the fleet's Lambda 0%, SQS 0%, Step Functions 0%, DynamoDB 0%, other 0%; "+prices, cost{Prices: prices}.String())
	assert.Equal(t, "on AWS $5.00, $2.00 a million messages: fleet $4.00, handlers $1.00\nof the fleet's Lambda 0%, SQS 75%, Step Functions 0%, DynamoDB 0%, other 25%; "+prices, cost{
		Dollars: 5, PerMillion: 2, Fleet: 4, Handlers: 1, Prices: prices,
		Services: []meter.Share{{Service: "sqs", Name: "SQS", Dollars: 3}, {Service: "s3", Name: "S3", Dollars: 1}},
	}.String())
}
