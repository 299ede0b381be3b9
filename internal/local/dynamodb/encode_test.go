package dynamodb

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

func TestAppendJSON(t *testing.T) {
	item := attribute.Map{"Fleet": attribute.String("jobs"), "M": attribute.Map{"<": attribute.String("a\n<é>\u2028\xff"), "N": attribute.Number("1")}}
	consumed := &ConsumedCapacity{TableName: "t", Capacity: Capacity{CapacityUnits: 1.5}, Table: &Capacity{CapacityUnits: 1.5}}
	for name, c := range map[string]struct {
		output interface {
			AppendJSON(b []byte) ([]byte, error)
		}
		want string
	}{
		"nothing written":   {&WriteOutput{}, `{}`},
		"no attributes":     {&WriteOutput{Attributes: attribute.Map{}}, `{}`},
		"attributes":        {&WriteOutput{Attributes: attribute.Map{"N": attribute.Number("1")}}, `{"Attributes":{"N":{"N":"1"}}}`},
		"a write consumed":  {&WriteOutput{ConsumedCapacity: consumed}, `{"ConsumedCapacity":{"TableName":"t","CapacityUnits":1.5,"Table":{"CapacityUnits":1.5}}}`},
		"all of a write":    {&WriteOutput{Attributes: item, ConsumedCapacity: consumed}, ""},
		"no item":           {&GetItemOutput{}, `{}`},
		"an item of none":   {&GetItemOutput{Item: attribute.Map{}}, `{"Item":{}}`},
		"all of a get":      {&GetItemOutput{Item: item, ConsumedCapacity: consumed}, ""},
		"escapes in a name": {&GetItemOutput{Item: attribute.Map{"a\"b": attribute.Bool(true)}}, `{"Item":{"a\"b":{"BOOL":true}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.output.AppendJSON([]byte("before "))
			require.NoError(t, err)
			encoded, isAfter := strings.CutPrefix(string(got), "before ")
			assert.True(t, isAfter)
			want, err := json.Marshal(c.output)
			require.NoError(t, err)
			assert.JSONEq(t, string(want), encoded)
			if c.want != "" {
				assert.Equal(t, c.want, encoded)
			}
		})
	}
}
