package dynamodb

import (
	"strconv"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
	"github.com/musterq/muster/internal/local/dynamodb/expression"
)

// maxPage is how many bytes a page of a query or scan reads, before the filter.
const maxPage = 1 << 20

// Paging are the members that Query and Scan share.
type Paging struct {
	ConsistentRead            bool
	ExclusiveStartKey         attribute.Document
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues attribute.Document
	FilterExpression          *string
	IndexName                 *string
	Limit                     *int
	ProjectionExpression      *string
	ReturnConsumedCapacity    string
	Select                    string
}

// PageOutput is the output of Query and Scan. Items is missing for Select COUNT.
type PageOutput struct {
	Items            []attribute.Map `json:",omitzero"`
	Count            int
	ScannedCount     int
	LastEvaluatedKey attribute.Map     `json:",omitzero"`
	ConsumedCapacity *ConsumedCapacity `json:",omitempty"`
}

func (p Paging) check() error {
	if err := checkReturnConsumedCapacity(p.ReturnConsumedCapacity); err != nil {
		return err
	}
	if err := oneOf(p.Select, "select", "SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"); err != nil {
		return err
	}
	switch {
	case p.IndexName != nil:
		return invalid("The table does not have the specified index: %s", *p.IndexName)
	case p.Limit != nil && *p.Limit < 1:
		return constraint("'"+strconv.Itoa(*p.Limit)+"'", "limit", "Member must have value greater than or equal to 1")
	case p.Select == "ALL_PROJECTED_ATTRIBUTES":
		return invalidParameter("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	case p.ProjectionExpression != nil && p.Select != "" && p.Select != "SPECIFIC_ATTRIBUTES":
		return invalid("Cannot specify the ProjectionExpression when choosing to get %s", p.Select)
	case p.ProjectionExpression == nil && p.Select == "SPECIFIC_ATTRIBUTES":
		return invalid("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
	}
	if err := p.ExclusiveStartKey.Err(); err != nil {
		return invalid("The provided starting key is invalid: %s", p.ExclusiveStartKey.Invalid.Reason)
	}
	return nil
}

// startKey is the ExclusiveStartKey, and whether there is one.
func (p Paging) startKey(s schema) (key, bool, error) {
	if p.ExclusiveStartKey.Map == nil {
		return key{}, false, nil
	}
	k, err := s.key(p.ExclusiveStartKey, "exclusiveStartKey")
	if err != nil {
		return k, false, invalid("The provided starting key is invalid: The provided key element does not match the schema")
	}
	return k, true, nil
}

// page collects what a query or scan walks over, until it is full.
type page struct {
	paging Paging
	parsed *expression.Parsed
	paths  []expression.Path
	moment time.Time

	out  PageOutput
	size int
	last key
}

func (s *Service) newPage(t *table, p Paging, parsed *expression.Parsed, now time.Time) (*page, error) {
	paths, err := t.schema.projection(parsed)
	if err != nil {
		return nil, err
	}
	pg := &page{paging: p, parsed: parsed, paths: paths, moment: s.readTime(p.ConsistentRead, now)}
	if p.Select != "COUNT" {
		pg.out.Items = []attribute.Map{}
	}
	return pg, nil
}

// full says that the next row belongs to another page. Like AWS it then gives a
// key to go on from, even where no row is left.
func (p *page) full() bool {
	return p.size >= maxPage || p.paging.Limit != nil && p.out.ScannedCount >= *p.paging.Limit
}

// visit takes a row into the page.
func (p *page) visit(r *row) {
	item, size := r.at(p.moment)
	if item == nil {
		return
	}
	p.size += size
	p.last = r.key
	p.out.ScannedCount++
	if !p.parsed.Holds(p.parsed.Filter, item) {
		return
	}
	p.out.Count++
	if p.out.Items == nil {
		return
	}
	if p.paths != nil {
		item = expression.Project(item, p.paths)
	}
	p.out.Items = append(p.out.Items, item)
}

// finish makes the output, once the table is unlocked.
func (s *Service) finish(caller api.Caller, p *page, t *table) *PageOutput {
	if p.full() {
		p.out.LastEvaluatedKey = t.schema.fields(p.last)
	}
	u := readUnits(p.size, p.paging.ConsistentRead)
	s.count(caller, t, u)
	p.out.ConsumedCapacity = capacity(p.paging.ReturnConsumedCapacity, t.name, u)
	return &p.out
}
