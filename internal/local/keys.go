package local

import (
	"cmp"
	"sync"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/price"
)

// keyReuse is how long services go on with what KMS has told them, unless a queue
// says otherwise, which is not looked at.
//
//   - https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
//   - https://docs.aws.amazon.com/kms/latest/developerguide/services-dynamodb.html
const keyReuse = 5 * time.Minute

// keys are when services last asked KMS.
type keys struct {
	mu   sync.Mutex
	last map[keyUse]time.Time
}

// keyUse is what services keep apart: whose call is about which resource, and what KMS
// is asked for.
type keyUse struct{ principal, resource, action string }

// bill a request to KMS for each use of a resource's key that is not remembered.
func (k *keys) bill(router *api.Router) func(call api.Call, arn, action string) {
	k.last = map[keyUse]time.Time{}
	return func(call api.Call, arn, action string) {
		use := keyUse{cmp.Or(call.Caller.RoleARN, call.Caller.Principal, call.Caller.AccessKeyID), arn, action}
		now := time.Now()
		k.mu.Lock()
		last, known := k.last[use]
		again := !known || now.Sub(last) >= keyReuse
		if again {
			k.last[use] = now
		}
		k.mu.Unlock()
		if again {
			router.Bill(api.Usage{Item: price.KeyRequest, Quantity: 1, Resource: arn, Caller: call.Caller})
		}
	}
}
