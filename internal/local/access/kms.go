package access

import (
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// keyed are the operations for which a service uses the key that encrypts a
// resource in the name of who calls, and the actions on the key.
//
//   - https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
//   - https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
//   - https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
var keyed = map[operation][]string{
	{"sqs", "SendMessage"}:      {"kms:GenerateDataKey", "kms:Decrypt"},
	{"sqs", "SendMessageBatch"}: {"kms:GenerateDataKey", "kms:Decrypt"},
	{"sqs", "ReceiveMessage"}:   {"kms:Decrypt"},

	{"dynamodb", "BatchGetItem"}:       {"kms:Decrypt"},
	{"dynamodb", "BatchWriteItem"}:     {"kms:Decrypt"},
	{"dynamodb", "DeleteItem"}:         {"kms:Decrypt"},
	{"dynamodb", "GetItem"}:            {"kms:Decrypt"},
	{"dynamodb", "PutItem"}:            {"kms:Decrypt"},
	{"dynamodb", "Query"}:              {"kms:Decrypt"},
	{"dynamodb", "Scan"}:               {"kms:Decrypt"},
	{"dynamodb", "TransactGetItems"}:   {"kms:Decrypt"},
	{"dynamodb", "TransactWriteItems"}: {"kms:Decrypt"},
	{"dynamodb", "UpdateItem"}:         {"kms:Decrypt"},

	{"s3", "GetObject"}: {"kms:Decrypt"},
	{"s3", "PutObject"}: {"kms:GenerateDataKey"},
}

// encrypted adds what a call needs of the keys that encrypt what it is about.
func (q *asked) encrypted(call api.Call, needs []need) []need {
	actions := keyed[operation{call.Service, call.Operation}]
	if len(actions) == 0 {
		return needs
	}
	via := map[string][]string{"kms:viaservice": {call.Service + "." + q.account.Region + ".amazonaws.com"}}
	for _, n := range needs {
		// A key that AWS manages asks nothing of who calls.
		key := q.resources.Key(n.resource)
		if !strings.HasPrefix(key, "arn:") {
			continue
		}
		for _, action := range actions {
			needs = append(needs, need{action: action, resource: key, with: via, encrypts: n.resource})
		}
	}
	return needs
}
