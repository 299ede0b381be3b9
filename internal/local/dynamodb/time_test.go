package dynamodb_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterq/muster/internal/local/dynamodb"
)

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
func TestTimeToLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router := newRouter(t, dynamodb.Options{})
		const enable = `{"TableName": "words", "TimeToLiveSpecification": {"AttributeName": "x", "Enabled": true}}`
		expires := func(after time.Duration) string { return fmt.Sprint(time.Now().Add(after).Unix()) }
		put := func(word, expiry string) {
			succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "`+word+`"}, "x": `+expiry+`}}`, `{}`)
		}
		put("early", `{"N": "`+expires(time.Hour)+`"}`)
		succeed(t, router, "UpdateTimeToLive", enable, `{"TimeToLiveSpecification": {"AttributeName": "x", "Enabled": true}}`)
		put("late", `{"N": "`+expires(2*time.Hour)+`"}`)
		put("extended", `{"N": "`+expires(time.Hour)+`"}`)
		put("extended", `{"N": "`+expires(100*time.Hour)+`"}`)
		put("text", `{"S": "`+expires(time.Hour)+`"}`)
		put("ancient", `{"N": "100"}`)
		count := func(want int) {
			t.Helper()
			succeed(t, router, "Scan", `{"TableName": "words", "Select": "COUNT"}`, fmt.Sprintf(`{"Count": %d, "ScannedCount": %d}`, want, want))
		}
		// Expired items stay until the reaper comes by, two days late.
		time.Sleep(2 * time.Hour)
		count(5)
		time.Sleep(47*time.Hour - time.Second)
		count(5)
		time.Sleep(time.Second)
		count(4)
		succeed(t, router, "GetItem", `{"TableName": "words", "Key": {"W": {"S": "early"}}}`, `{}`)
		time.Sleep(time.Hour)
		count(3)
		time.Sleep(1000 * time.Hour)
		count(2)
	})
}

func TestTimeToLiveOperations(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	spec := func(enabled bool, name string) string {
		return fmt.Sprintf(`{"TableName": "words", "TimeToLiveSpecification": {"AttributeName": %q, "Enabled": %t}}`, name, enabled)
	}
	succeed(t, router, "DescribeTimeToLive", `{"TableName": "words"}`, `{"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}`)
	invalid(t, router, "UpdateTimeToLive", spec(false, "x"), "TimeToLive is already disabled")
	succeed(t, router, "UpdateTimeToLive", spec(true, "x"), "")
	succeed(t, router, "DescribeTimeToLive", `{"TableName": "words"}`, `{"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "x"}}`)
	invalid(t, router, "UpdateTimeToLive", spec(true, "x"), "TimeToLive is already enabled")
	invalid(t, router, "UpdateTimeToLive", spec(false, "y"), "TimeToLive is active on a different AttributeName: current AttributeName is x")
	succeed(t, router, "UpdateTimeToLive", spec(false, "x"), "")
	invalid(t, router, "UpdateTimeToLive", `{"TableName": "words"}`, "1 validation error detected: Value null at 'timeToLiveSpecification' failed to satisfy constraint: Member must not be null")
	fail(t, router, "DescribeTimeToLive", `{"TableName": "nowhere"}`, "ResourceNotFoundException", "Requested resource not found: Table: nowhere not found")
}

func TestStaleReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router := newRouter(t, dynamodb.Options{StaleReads: time.Second})
		read := func(consistent bool, want string) {
			t.Helper()
			succeed(t, router, "GetItem", fmt.Sprintf(`{"TableName": "words", "Key": {"W": {"S": "a"}}, "ConsistentRead": %t}`, consistent), want)
		}
		const one, two = `{"Item": {"W": {"S": "a"}, "v": {"N": "1"}}}`, `{"Item": {"W": {"S": "a"}, "v": {"N": "2"}}}`
		write := func(n string) {
			succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}, "v": {"N": "`+n+`"}}}`, `{}`)
		}
		write("1")
		read(true, one)
		read(false, `{}`)
		time.Sleep(time.Second)
		read(false, one)
		write("2")
		time.Sleep(time.Second / 2)
		succeed(t, router, "DeleteItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}}`, `{}`)
		read(true, `{}`)
		read(false, one)
		time.Sleep(time.Second / 2)
		read(false, two)
		succeed(t, router, "Scan", `{"TableName": "words", "Select": "COUNT"}`, `{"Count": 1, "ScannedCount": 1}`)
		succeed(t, router, "Scan", `{"TableName": "words", "Select": "COUNT", "ConsistentRead": true}`, `{"Count": 0, "ScannedCount": 0}`)
		time.Sleep(time.Second / 2)
		read(false, `{}`)
		write("1")
		read(false, `{}`)
		read(true, one)
	})
}
