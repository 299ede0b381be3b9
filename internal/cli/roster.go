package cli

import (
	"strings"
	"sync"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// roster follows the slots of a fleet by what is written to its table: an item
// "worker#..." is put when a worker is reserved, and deleted when it goes home
// or is freed.
type roster struct {
	table string
	// changed gets a value after every change.
	changed chan struct{}

	mu      sync.Mutex
	workers map[string]bool
	most    int
}

func newRoster(table string) *roster {
	return &roster{table: table, changed: make(chan struct{}, 1), workers: map[string]bool{}}
}

// count is how many slots are taken now, and the most that ever were.
func (r *roster) count() (now, most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.workers), r.most
}

// observe is told of every call to the runtime.
func (r *roster) observe(e api.Event) {
	if e.Err != nil {
		return
	}
	switch in := e.Input.(type) {
	case *dynamodb.DeleteItemInput:
		if in.TableName == r.table {
			r.change(nil, []attribute.Map{in.Key.Map})
		}
	case *dynamodb.TransactWriteItemsInput:
		var put, removed []attribute.Map
		for _, item := range in.TransactItems {
			if p := item.Put; p != nil && p.TableName == r.table {
				put = append(put, p.Item.Map)
			}
			if d := item.Delete; d != nil && d.TableName == r.table {
				removed = append(removed, d.Key.Map)
			}
		}
		r.change(put, removed)
	}
}

func (r *roster) change(put, removed []attribute.Map) {
	if len(put)+len(removed) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, item := range removed {
		delete(r.workers, workerItem(item))
	}
	for _, item := range put {
		if name := workerItem(item); name != "" {
			r.workers[name] = true
		}
	}
	r.most = max(r.most, len(r.workers))
	notify(r.changed)
}

// workerItem is the sort key of a worker's item, empty for any other.
func workerItem(item attribute.Map) string {
	name, _ := item["Item"].(attribute.String)
	if !strings.HasPrefix(string(name), "worker#") {
		return ""
	}
	return string(name)
}

// notify wakes who waits on the channel, once however often it is called.
func notify(changed chan struct{}) {
	select {
	case changed <- struct{}{}:
	default:
	}
}
