package dynamodb

import (
	"encoding/json"

	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// AppendJSON encodes the output to the end of b, as encoding/json would.
func (o *WriteOutput) AppendJSON(b []byte) ([]byte, error) {
	b = append(b, '{')
	if len(o.Attributes) > 0 {
		b = appendMember(b, "Attributes", o.Attributes)
	}
	return appendCapacity(b, o.ConsumedCapacity)
}

// AppendJSON encodes the output to the end of b, as encoding/json would.
func (o *GetItemOutput) AppendJSON(b []byte) ([]byte, error) {
	b = append(b, '{')
	if o.Item != nil {
		b = appendMember(b, "Item", o.Item)
	}
	return appendCapacity(b, o.ConsumedCapacity)
}

func appendMember(b []byte, name string, value attribute.Map) []byte {
	b = append(b, '"')
	b = append(b, name...)
	return value.AppendJSON(append(b, `":`...))
}

// appendCapacity ends an output with what it consumed.
func appendCapacity(b []byte, c *ConsumedCapacity) ([]byte, error) {
	if c == nil {
		return append(b, '}'), nil
	}
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	encoded, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	b = append(b, `"ConsumedCapacity":`...)
	return append(append(b, encoded...), '}'), nil
}
