package esm_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
)

// errorHandling is AWS's page, pages are its parts by the names that cases cite.
const errorHandling = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"

const (
	backoffPage = "backoff strategy"
	partialPage = "partial batch responses"
	// conditionsPage lists when a batch is a complete success or failure.
	conditionsPage = "success and failure conditions"
	fifoPage       = "FIFO queues"
)

var pages = map[string]string{
	backoffPage:    errorHandling + "#services-sqs-backoff-strategy",
	partialPage:    errorHandling + "#services-sqs-batchfailurereporting",
	conditionsPage: errorHandling + "#sqs-batchfailurereporting-conditions",
	fifoPage:       "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html",
}

// conformanceCase is one thing that a handler does with a batch of three
// messages with the bodies a, b and c.
type conformanceCase struct {
	name string
	// reply of the first call, where $a, $b and $c stand for the messages'
	// identifiers. Later calls reply null.
	reply string
	// transform says that the transform handler replies. It keeps all messages on
	// later calls.
	transform bool
	// fails is what the first call does instead of replying.
	fails func(ctx context.Context) ([]byte, error)
	// fault makes what strikes calls of the handler. throttling says that it is
	// Lambda's, which is no failed attempt.
	fault      func() api.Fault
	throttling bool
	// page is the part of AWS's page, and what it says of this: "" for nothing.
	page, says string
	// returned are the bodies of the messages that go back to the queue; the
	// others are deleted.
	returned string
	// reason that is recorded for what was returned: its end. Empty for messages
	// that no handler has failed.
	reason string
	// order in which the handler gets the messages of a FIFO queue: a, b and c are
	// of one group, x is of another. Empty for a standard queue.
	order string
	// after is how long a returned message stays invisible at least.
	after time.Duration
	// steps is what is returned in the steps lane, where it differs.
	steps *string
	// note says why, where AWS's pages do not settle it.
	note string
}

const (
	reported = "the handler reported it in batchItemFailures"
	unnamed  = "batchItemFailures of the handler's reply has an entry without itemIdentifier"
	noList   = `batchItemFailures of the handler's reply is not a list of {"itemIdentifier": ...}`
	misspelt = "the handler's reply has BatchItemFailures: its name is batchItemFailures"

	allReplies = "No page says how a reply is read that is no object. Without ReportBatchItemFailures a mapping reads none, and many handlers reply with a text: they go on working."
	neverLost  = "Undocumented: the reading that loses no message."
	lastCounts = "Undocumented: the last of two members of the same name counts, as in most JSON parsers. No language's own encoder writes this."
	notJSON    = "In the steps lane Step Functions reads the reply, and gives the state machine a text where it is no JSON: there it cannot be told from a text. Lambda's managed runtimes and aws-lambda-go always reply with JSON; a runtime of one's own has to."
)

// replies are the cases of what a handler answers.
var replies = []conformanceCase{
	{name: "nothing", reply: ``, page: conditionsPage, says: "An empty `EventResponse`"},
	{name: "white space", reply: " \n\t", page: conditionsPage, says: "An empty `EventResponse`"},
	{name: "null", reply: `null`, page: conditionsPage, says: "A null `EventResponse`"},
	{name: "an empty object", reply: `{}`, page: conditionsPage, says: "An empty `EventResponse`"},
	{name: "an empty list", reply: `[]`, note: allReplies},
	{name: "a text", reply: `"done"`, note: allReplies},
	{name: "an empty text", reply: `""`, note: allReplies},
	{name: "a number", reply: `42`, note: allReplies},
	{name: "true", reply: `true`, note: allReplies},
	{name: "an object of another kind", reply: `{"statusCode":200,"body":"ok"}`, page: conditionsPage, says: "A null `batchItemFailures` list"},
	{name: "a null list", reply: `{"batchItemFailures":null}`, page: conditionsPage, says: "A null `batchItemFailures` list"},
	{name: "an empty list of failures", reply: `{"batchItemFailures":[]}`, page: conditionsPage, says: "An empty `batchItemFailures` list"},
	{name: "one failure", reply: `{"batchItemFailures":[{"itemIdentifier":"$b"}]}`, page: partialPage, says: "make only the failed messages visible again", returned: "b", reason: reported},
	{name: "two failures", reply: `{"batchItemFailures":[{"itemIdentifier":"$c"},{"itemIdentifier":"$a"}]}`, page: partialPage, says: "make only the failed messages visible again", returned: "ac", reason: reported},
	{name: "all failed", reply: `{"batchItemFailures":[{"itemIdentifier":"$a"},{"itemIdentifier":"$b"},{"itemIdentifier":"$c"}]}`, page: partialPage, says: "make only the failed messages visible again", returned: "abc", reason: reported},
	{name: "spread over lines, with white space at the end", reply: "{\n  \"batchItemFailures\": [\n    {\"itemIdentifier\": \"$b\"}\n  ]\n}\r\n ", page: partialPage, says: "make only the failed messages visible again", returned: "b", reason: reported},
	{name: "a member's name with escapes", reply: `{"\u0062atchItemFailures":[{"item\u0049dentifier":"$b"}]}`, page: partialPage, says: "make only the failed messages visible again", returned: "b", reason: reported},
	{name: "the same failure twice", reply: `{"batchItemFailures":[{"itemIdentifier":"$b"},{"itemIdentifier":"$b"}]}`, returned: "b", reason: reported, note: neverLost},
	{name: "further members", reply: `{"statusCode":207,"batchItemFailures":[{"itemIdentifier":"$b","errorMessage":"no"}],"body":null}`, returned: "b", reason: reported, note: neverLost},
	{name: "the list twice, the last one empty", reply: `{"batchItemFailures":[{"itemIdentifier":"$b"}],"batchItemFailures":[]}`, note: lastCounts},
	{name: "the list twice, the first one empty", reply: `{"batchItemFailures":[],"batchItemFailures":[{"itemIdentifier":"$b"}]}`, returned: "b", reason: reported, note: lastCounts},
	{name: "an empty identifier", reply: `{"batchItemFailures":[{"itemIdentifier":""}]}`, page: conditionsPage, says: "An empty string `itemIdentifier`", returned: "abc", reason: unnamed},
	{name: "a null identifier", reply: `{"batchItemFailures":[{"itemIdentifier":null}]}`, page: conditionsPage, says: "A null `itemIdentifier`", returned: "abc", reason: unnamed},
	{name: "an entry without members", reply: `{"batchItemFailures":[{}]}`, page: conditionsPage, says: "A null `itemIdentifier`", returned: "abc", reason: unnamed},
	{name: "another name for the identifier", reply: `{"batchItemFailures":[{"messageId":"$b"}]}`, page: conditionsPage, says: "An `itemIdentifier` with a bad key name", returned: "abc", reason: unnamed},
	{name: "the identifier's name in upper case", reply: `{"batchItemFailures":[{"ItemIdentifier":"$b"}]}`, page: conditionsPage, says: "An `itemIdentifier` with a bad key name", returned: "abc", reason: unnamed},
	{name: "the identifier's name in lower case", reply: `{"batchItemFailures":[{"itemidentifier":"$b"}]}`, page: conditionsPage, says: "An `itemIdentifier` with a bad key name", returned: "abc", reason: unnamed},
	{name: "a good entry and an empty identifier", reply: `{"batchItemFailures":[{"itemIdentifier":"$b"},{"itemIdentifier":""}]}`, page: conditionsPage, says: "An empty string `itemIdentifier`", returned: "abc", reason: unnamed},
	{name: "an unknown identifier", reply: `{"batchItemFailures":[{"itemIdentifier":"nobody's"}]}`, page: conditionsPage, says: "An `itemIdentifier` value with a message ID that doesn't exist", returned: "abc", reason: `batchItemFailures of the handler's reply names the unknown message "nobody's"`},
	{name: "a known and an unknown identifier", reply: `{"batchItemFailures":[{"itemIdentifier":"$b"},{"itemIdentifier":"nobody's"}]}`, page: conditionsPage, says: "An `itemIdentifier` value with a message ID that doesn't exist", returned: "abc", reason: `names the unknown message "nobody's"`},
	{name: "an identifier with a space behind it", reply: `{"batchItemFailures":[{"itemIdentifier":"$b "}]}`, page: conditionsPage, says: "An `itemIdentifier` value with a message ID that doesn't exist", returned: "abc", reason: ` "`},
	{name: "an identifier in upper case", reply: `{"batchItemFailures":[{"itemIdentifier":"$B"}]}`, page: conditionsPage, says: "An `itemIdentifier` value with a message ID that doesn't exist", returned: "abc", reason: `"`},
	{name: "a body for an identifier", reply: `{"batchItemFailures":[{"itemIdentifier":"b"}]}`, page: conditionsPage, says: "An `itemIdentifier` value with a message ID that doesn't exist", returned: "abc", reason: `names the unknown message "b"`},
	{name: "a number for an identifier", reply: `{"batchItemFailures":[{"itemIdentifier":2}]}`, returned: "abc", reason: "has an itemIdentifier that is not a string", note: neverLost},
	{name: "an object for an identifier", reply: `{"batchItemFailures":[{"itemIdentifier":{"id":"$b"}}]}`, returned: "abc", reason: "has an itemIdentifier that is not a string", note: neverLost},
	{name: "identifiers without entries", reply: `{"batchItemFailures":["$b"]}`, returned: "abc", reason: noList, note: neverLost},
	{name: "null for an entry", reply: `{"batchItemFailures":[null]}`, returned: "abc", reason: unnamed, note: neverLost},
	{name: "an object for the list", reply: `{"batchItemFailures":{"itemIdentifier":"$b"}}`, returned: "abc", reason: noList, note: neverLost},
	{name: "a text for the list", reply: `{"batchItemFailures":"$b"}`, returned: "abc", reason: noList, note: neverLost},
	{name: "a number for the list", reply: `{"batchItemFailures":1}`, returned: "abc", reason: noList, note: neverLost},
	{name: "false for the list", reply: `{"batchItemFailures":false}`, returned: "abc", reason: noList, note: neverLost},
	{name: "a list of lists", reply: `{"batchItemFailures":[[{"itemIdentifier":"$b"}]]}`, returned: "abc", reason: noList, note: neverLost},
	{name: "the list only further down", reply: `{"body":{"batchItemFailures":[{"itemIdentifier":"$b"}]}}`, page: conditionsPage, says: "A null `batchItemFailures` list"},
	{name: "the reply in a list", reply: `[{"batchItemFailures":[{"itemIdentifier":"$b"}]}]`, note: allReplies},
	{name: "the reply as a text", reply: `"{\"batchItemFailures\":[{\"itemIdentifier\":\"$b\"}]}"`, note: "As any text: return the object, not its JSON as a text."},
	{
		name: "the list's name in upper case", reply: `{"BatchItemFailures":[{"ItemIdentifier":"$b"}]}`, returned: "abc", reason: misspelt,
		note: "Undocumented. AWS's own example had this spelling in 2021, and who tried both found that [only batchItemFailures works](https://github.com/awsdocs/aws-lambda-developer-guide/issues/320): messages reported so are deleted. Go and .NET write it unless told otherwise, so Muster fails the batch and says why.",
	},
	{name: "an empty list with its name in upper case", reply: `{"BatchItemFailures":[]}`, page: conditionsPage, says: "A null `batchItemFailures` list"},
	{name: "the list's name in lower case", reply: `{"batchitemfailures":[{"itemIdentifier":"$b"}]}`, note: "Undocumented; as AWS was seen to treat other spellings: a member that it does not know."},
	{
		name: "no JSON", reply: `done`, page: conditionsPage, says: "An invalid JSON response", returned: "abc", reason: "the handler's reply is not JSON", steps: &none,
		note: notJSON,
	},
	{
		name: "half an object", reply: `{"batchItemFailures":[`, page: conditionsPage, says: "An invalid JSON response", returned: "abc", reason: "the handler's reply is not JSON", steps: &none,
		note: notJSON,
	},
	{name: "a large reply that reports nothing", reply: `{"report":"` + strings.Repeat("x", 250<<10) + `"}`, page: conditionsPage, says: "A null `batchItemFailures` list"},
	{
		name: "a reply of over 256 KiB", reply: `{"report":"` + strings.Repeat("x", 300<<10) + `"}`, page: conditionsPage, says: "A null `batchItemFailures` list", steps: &all, reason: "its reply is over the 256 KiB that a state machine can take: reply with batchItemFailures only, or use the stream lane",
		note: "Step Functions takes [at most 256 KiB](https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html) of a result.",
	},
}

// What is returned in the steps lane alone.
var none, all = "", "abc"

const exception = "If your function throws an exception, the entire batch is considered a complete failure"

// failures are the cases of handlers that fail.
var failures = []conformanceCase{
	{
		name: "an error with a type", page: partialPage, says: exception, returned: "abc", reason: "OutOfStock: none is left",
		fails: func(context.Context) ([]byte, error) {
			return nil, messages.InvokeResponse_Error{Type: "OutOfStock", Message: "none is left"}
		},
	},
	{
		name: "an error without a type", page: partialPage, says: exception, returned: "abc", reason: "no",
		fails: func(context.Context) ([]byte, error) { return nil, messages.InvokeResponse_Error{Message: "no"} },
	},
	{
		name: "an error of Go", page: partialPage, says: exception, returned: "abc", reason: "errorString: the database is down",
		fails: func(context.Context) ([]byte, error) { return nil, errors.New("the database is down") },
	},
	{
		name: "a panic", page: partialPage, says: exception, returned: "abc", reason: "out of luck",
		fails: func(context.Context) ([]byte, error) { panic("out of luck") },
	},
	{
		name: "its time-out", page: backoffPage, says: "If your function code caused the error, Lambda will stop processing", returned: "abc", reason: "Task timed out after 10.00 seconds",
		fails: func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() },
	},
	{
		name: "an exit without a reply", page: backoffPage, says: "If your function code caused the error, Lambda will stop processing", returned: "abc", reason: "Runtime exited without providing a reason",
		fails: func(context.Context) ([]byte, error) { runtime.Goexit(); return nil, nil },
	},
	{
		name: "too much memory", page: backoffPage, says: "If your function code caused the error, Lambda will stop processing", returned: "abc", reason: "Runtime exited with error: signal: killed",
		fails: func(context.Context) ([]byte, error) { return nil, lambda.ErrOutOfMemory },
	},
	{
		name: "throttled once", throttling: true, page: backoffPage, says: "Lambda continues to retry the message until the message's timestamp exceeds your queue's visibility timeout",
		fault: times(1, throttled),
	},
	{
		name: "throttled three times", throttling: true, page: backoffPage, says: "Lambda continues to retry the message until the message's timestamp exceeds your queue's visibility timeout",
		fault: times(3, throttled),
	},
	{
		name: "throttled for five minutes", throttling: true, page: backoffPage, says: "at which point Lambda drops the message", returned: "abc", after: 30 * time.Second,
		fault: lasting(5*time.Minute, throttled),
		note:  "To drop is to let it become visible again. In Muster it is no failed attempt.",
	},
	{
		name: "an error of Lambda itself", returned: "abc", reason: "ServiceException",
		fault: times(1, &api.Error{Code: "ServiceException", Message: "The AWS Lambda service encountered an internal error.", Status: 500}),
		note:  "Undocumented for SQS. The handler may have run: in Muster the messages come back when it must have ended.",
	},
	{
		name: "no permission to call the function", returned: "abc", reason: "not authorized",
		fault: times(1, &api.Error{Code: "AccessDeniedException", Message: "not authorized", Status: 403}),
		note:  "Undocumented for SQS.",
	},
}

var throttled = &api.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429}

// times is a fault that strikes n calls.
func times(n int, err *api.Error) func() api.Fault {
	return func() api.Fault { return api.Fault{Error: err, Times: n} }
}

// lasting is a fault that strikes for a while from the first call on.
func lasting(d time.Duration, err *api.Error) func() api.Fault {
	return func() api.Fault {
		var first sync.Once
		var from time.Time
		return api.Fault{Error: err, Match: func(c api.Call) bool {
			if !invokesHandler(c) {
				return false
			}
			first.Do(func() { from = time.Now() })
			return time.Since(from) < d
		}}
	}
}

const extension = "Muster's own: an event source mapping does not know retryAfterSeconds."

// extensions are the cases of what a handler may say to Muster alone.
var extensions = []conformanceCase{
	{name: "at once", reply: `{"batchItemFailures":[{"itemIdentifier":"$b","retryAfterSeconds":0}]}`, returned: "b", reason: reported, note: extension},
	{name: "after ten minutes", reply: `{"batchItemFailures":[{"itemIdentifier":"$b","retryAfterSeconds":600}]}`, returned: "b", reason: reported, after: 10 * time.Minute, note: extension},
	{name: "after the longest time", reply: `{"batchItemFailures":[{"itemIdentifier":"$b","retryAfterSeconds":43200}]}`, returned: "b", reason: reported, after: 11*time.Hour + 59*time.Minute, note: extension + " SQS's 12 hours count from the receive."},
	{
		name: "of a transform handler", transform: true, returned: "b", reason: reported, after: 10 * time.Minute, note: extension,
		reply: `{"Records":[{"messageId":"$a"},{"messageId":"$c"}],"batchItemFailures":[{"itemIdentifier":"$b","retryAfterSeconds":600}]}`,
	},
	{name: "null, which is the fleet's backoff", reply: `{"batchItemFailures":[{"itemIdentifier":"$b","retryAfterSeconds":null}]}`, returned: "b", reason: reported, note: extension},
	{name: "of two entries the last", reply: `{"batchItemFailures":[{"itemIdentifier":"$b","retryAfterSeconds":3600},{"itemIdentifier":"$b","retryAfterSeconds":120}]}`, returned: "b", reason: reported, after: 2 * time.Minute, note: extension},
	{name: "a text", reply: `{"batchItemFailures":[{"itemIdentifier":"$b","retryAfterSeconds":"600"}]}`, returned: "b", reason: `with retryAfterSeconds "600", which is not whole seconds from 0 to 43200: the fleet's backoff applies`, note: extension},
	{name: "too long", reply: `{"batchItemFailures":[{"itemIdentifier":"$b","retryAfterSeconds":43201}]}`, returned: "b", reason: `with retryAfterSeconds 43201, which is not whole seconds from 0 to 43200: the fleet's backoff applies`, note: extension},
}

const (
	inOrder = "messages in the same group are delivered to Lambda in order"
	first   = "attempts all retries on the affected messages before Lambda receives additional messages from the same group"
	one     = "A mapping may give a handler several messages of a group at once. With Muster it gets one, for its reply says whether the next may start."
)

// fifo are the cases of FIFO queues.
var fifo = []conformanceCase{
	{name: "success", order: "abc", reply: `null`, page: fifoPage, says: inOrder, note: one},
	{name: "the head is reported", order: "aabc", reply: `{"batchItemFailures":[{"itemIdentifier":"$a"}]}`, page: fifoPage, says: first, returned: "a", reason: reported, note: one},
	{name: "the head fails", order: "aabc", page: fifoPage, says: first, returned: "a", reason: "no", note: one, fails: func(context.Context) ([]byte, error) { return nil, errors.New("no") }},
	{name: "the head times out", order: "aabc", page: fifoPage, says: first, returned: "a", reason: "Task timed out after 10.00 seconds", note: one, fails: func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }},
	{name: "the reply names nothing", order: "aabc", reply: `{"batchItemFailures":[{"itemIdentifier":""}]}`, page: fifoPage, says: first, returned: "a", reason: unnamed, note: one},
	{name: "the reply names another message", order: "aabc", reply: `{"batchItemFailures":[{"itemIdentifier":"$b"}]}`, page: fifoPage, says: first, returned: "a", reason: "names the unknown message \"$b\"", note: one},
	{name: "the head is to wait", order: "aabc", reply: `{"batchItemFailures":[{"itemIdentifier":"$a","retryAfterSeconds":600}]}`, page: fifoPage, says: first, returned: "a", reason: reported, after: 10 * time.Minute, note: one},
}
