// Package dynamodb is the embedded DynamoDB: tables, items, expressions,
// transactions and TTL, in memory, as strict as AWS. It has no secondary
// indexes, no streams, no backups, and of the legacy parameters that expressions
// replaced KeyConditions alone: requests that name the others are refused.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/Welcome.html
package dynamodb

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/expression"
)

// Options are the switches of the service.
type Options struct {
	// Seed of the probability of Conflicts and of table IDs.
	Seed uint64
	// StaleReads is how far behind eventually consistent reads are: they return
	// what was current that long ago. Defaults to 0: they are exact.
	StaleReads time.Duration
	// TTLDelay is how long an item stays and is returned after it expired, as
	// on AWS, which promises "within a few days". Defaults to 48 hours; one
	// nanosecond makes the reaper prompt.
	TTLDelay time.Duration
	// Conflicts is the probability, from 0 to 1, that a transaction is found
	// under way for an item: PutItem, UpdateItem and DeleteItem then fail with
	// TransactionConflictException, transactions are cancelled with the reason
	// TransactionConflict. Defaults to 0.
	Conflicts float64
}

// defaultTTLDelay is what AWS calls typical.
const defaultTTLDelay = 48 * time.Hour

// Service is the embedded DynamoDB.
type Service struct {
	account *api.Account
	router  *api.Router
	options Options
	parser  expression.Parser
	tokens  tokens
	meter   meter

	random struct {
		sync.Mutex
		*rand.Rand
	}

	mu     sync.RWMutex
	tables map[string]*table
}

// New returns a service without tables. Account.Endpoint may be filled in later.
func New(account *api.Account, router *api.Router, options Options) *Service {
	if options.TTLDelay == 0 {
		options.TTLDelay = defaultTTLDelay
	}
	s := &Service{account: account, router: router, options: options, tables: map[string]*table{}}
	s.random.Rand = rand.New(rand.NewPCG(options.Seed, 0x64796e616d6f))
	return s
}

// API is the service as the router takes it.
func (s *Service) API() api.Service {
	const name = "dynamodb"
	return api.Service{
		Name:   name,
		Target: "DynamoDB_20120810",
		Operations: map[string]api.Operation{
			"BatchGetItem":       api.Op(name, "BatchGetItem", s.batchGetItem),
			"BatchWriteItem":     api.Op(name, "BatchWriteItem", s.batchWriteItem),
			"CreateTable":        api.Op(name, "CreateTable", s.createTable),
			"DeleteItem":         api.Op(name, "DeleteItem", s.deleteItem),
			"DeleteTable":        api.Op(name, "DeleteTable", s.deleteTable),
			"DescribeTable":      api.Op(name, "DescribeTable", s.describeTable),
			"DescribeTimeToLive": api.Op(name, "DescribeTimeToLive", s.describeTimeToLive),
			"GetItem":            api.Op(name, "GetItem", s.getItem),
			"ListTables":         api.Op(name, "ListTables", s.listTables),
			"ListTagsOfResource": api.Op(name, "ListTagsOfResource", s.listTagsOfResource),
			"PutItem":            api.Op(name, "PutItem", s.putItem),
			"Query":              api.Op(name, "Query", s.query),
			"Scan":               api.Op(name, "Scan", s.scan),
			"TagResource":        api.Op(name, "TagResource", s.tagResource),
			"TransactGetItems":   api.Op(name, "TransactGetItems", s.transactGetItems),
			"TransactWriteItems": api.Op(name, "TransactWriteItems", s.transactWriteItems),
			"UntagResource":      api.Op(name, "UntagResource", s.untagResource),
			"UpdateItem":         api.Op(name, "UpdateItem", s.updateItem),
			"UpdateTimeToLive":   api.Op(name, "UpdateTimeToLive", s.updateTimeToLive),
		},
	}
}

// readTime is the moment whose state an eventually consistent read sees. Zero
// is now.
func (s *Service) readTime(consistent bool, now time.Time) time.Time {
	if consistent || s.options.StaleReads == 0 {
		return time.Time{}
	}
	return now.Add(-s.options.StaleReads)
}

// conflicts draws whether a transaction is under way for an item.
func (s *Service) conflicts() bool {
	if s.options.Conflicts == 0 {
		return false
	}
	s.random.Lock()
	defer s.random.Unlock()
	return s.random.Float64() < s.options.Conflicts
}
