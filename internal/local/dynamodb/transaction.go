package dynamodb

import (
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// Limits of transactions.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
const (
	maxActions          = 100
	maxTransactionBytes = 4 << 20
	tokenLife           = 10 * time.Minute
	maxToken            = 36
)

// CancellationReason says why one action kept a transaction from happening.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancellationReason.html
type CancellationReason struct {
	Code    string
	Message string        `json:",omitempty"`
	Item    attribute.Map `json:",omitempty"`
}

// reasons of a transaction, one for each action.
type reasons []CancellationReason

func newReasons(actions int) reasons {
	r := make(reasons, actions)
	for i := range r {
		r[i].Code = "None"
	}
	return r
}

func (r reasons) set(i int, err error) {
	e := api.AsError(err)
	switch e.Code {
	case "ConditionalCheckFailedException":
		r[i] = CancellationReason{Code: "ConditionalCheckFailed", Message: e.Message}
		if item, ok := e.Fields["Item"].(attribute.Map); ok {
			r[i].Item = item
		}
	default:
		r[i] = CancellationReason{Code: "ValidationError", Message: e.Message}
	}
}

// cancelled is the error of the transaction, nil when no action has a reason.
func (r reasons) cancelled() error {
	codes := make([]string, len(r))
	failed := false
	for i, reason := range r {
		codes[i] = reason.Code
		failed = failed || reason.Code != "None"
	}
	if !failed {
		return nil
	}
	e := api.Errorf("TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", "))
	e.Fields = map[string]any{"CancellationReasons": []CancellationReason(r)}
	return e
}

// conflict cancels a transaction for one of its actions if the switch
// Options.Conflicts says so.
func (s *Service) conflict(actions int) error {
	if !s.conflicts() {
		return nil
	}
	s.random.Lock()
	i := s.random.IntN(actions)
	s.random.Unlock()
	r := newReasons(actions)
	r[i] = CancellationReason{Code: "TransactionConflict", Message: "Transaction is ongoing for the item"}
	return r.cancelled()
}

func checkActions(n int) error {
	switch {
	case n == 0:
		return constraint("'[]'", "transactItems", "Member must have length greater than or equal to 1")
	case n > maxActions:
		return constraint("'["+strconv.Itoa(n)+" items]'", "transactItems", "Member must have length less than or equal to 100")
	}
	return nil
}

func twiceTargeted() error {
	return invalid("Transaction request cannot include multiple operations on one item")
}

// tokens remember transactions by their ClientRequestToken.
type tokens struct {
	mu   sync.Mutex
	uses map[string]*use
	// ended has the tokens of finished transactions, oldest first.
	ended []endedToken
}

type use struct {
	items   []TransactWriteItem
	running bool
}

type endedToken struct {
	token string
	at    time.Time
}

// begin claims a token. Done says that the same transaction has been done.
func (t *tokens) begin(token string, items []TransactWriteItem, now time.Time) (done bool, err error) {
	if token == "" {
		return false, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.ended) > 0 && now.Sub(t.ended[0].at) >= tokenLife {
		delete(t.uses, t.ended[0].token)
		t.ended = t.ended[1:]
	}
	switch u := t.uses[token]; {
	case u == nil:
		if t.uses == nil {
			t.uses = map[string]*use{}
		}
		t.uses[token] = &use{items: items, running: true}
		return false, nil
	case !reflect.DeepEqual(u.items, items):
		return false, api.Errorf("IdempotentParameterMismatchException", "Request parameters do not match the parameters of the transaction with the same ClientRequestToken")
	case u.running:
		return false, api.Errorf("TransactionInProgressException", "The transaction with the given request token is already in progress.")
	}
	return true, nil
}

// end remembers a transaction that was done, and frees the token of another.
func (t *tokens) end(token string, done bool, now time.Time) {
	if token == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !done {
		delete(t.uses, token)
		return
	}
	t.uses[token].running = false
	t.ended = append(t.ended, endedToken{token, now})
}
