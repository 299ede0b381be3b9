package registry

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/guregu/dynamo/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/items.json anew")

// ours are the items of this release, and theirs those of the release before it.
const (
	ours   = "testdata/items.json"
	theirs = "../upgrade/testdata/items.json"
)

// kinds are all kinds of items.
func kinds() map[string]any {
	return map[string]any{
		"worker": &Worker{}, "control": &Control{}, "controls": &Controls{}, "tally": &Tally{}, "turn": &turn{},
		"tick": &Tick{}, "failure": &Failure{}, "hold": &Hold{}, "seen": &Seen{},
	}
}

// items are one of each kind as DynamoDB has it, every attribute set.
func items(t *testing.T) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for kind, item := range kinds() {
		n := 0
		fill(t, reflect.ValueOf(item).Elem(), kind, &n)
		all[kind] = written(t, item)
	}
	return all
}

// fill sets all that a value holds.
func fill(t *testing.T, v reflect.Value, name string, n *int) {
	t.Helper()
	*n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(1_800_000_000+int64(*n), 0).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), v.Type().Field(i).Name, n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), name, n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0), name, n)
	case reflect.String:
		v.SetString(fmt.Sprint(name, " ", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.5)
	case reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("%s is a %s: say how one is filled", name, v.Type())
	}
}

// written is an item as it is written, in DynamoDB's JSON.
func written(t *testing.T, item any) map[string]any {
	t.Helper()
	attributes, err := dynamo.MarshalItem(item)
	require.NoError(t, err)
	return plain(t, &types.AttributeValueMemberM{Value: attributes})["M"].(map[string]any)
}

// plain is an attribute in DynamoDB's JSON: {"S": "text"}.
func plain(t *testing.T, value types.AttributeValue) map[string]any {
	t.Helper()
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return map[string]any{"S": v.Value}
	case *types.AttributeValueMemberN:
		return map[string]any{"N": v.Value}
	case *types.AttributeValueMemberBOOL:
		return map[string]any{"BOOL": v.Value}
	case *types.AttributeValueMemberL:
		list := []any{}
		for _, one := range v.Value {
			list = append(list, plain(t, one))
		}
		return map[string]any{"L": list}
	case *types.AttributeValueMemberM:
		m := map[string]any{}
		for name, one := range v.Value {
			m[name] = plain(t, one)
		}
		return map[string]any{"M": m}
	}
	t.Fatalf("an item has a %T: say how it is written", value)
	return nil
}

// attribute is the way back.
func attribute(t *testing.T, in map[string]any) types.AttributeValue {
	t.Helper()
	for kind, value := range in {
		switch kind {
		case "S":
			return &types.AttributeValueMemberS{Value: value.(string)}
		case "N":
			return &types.AttributeValueMemberN{Value: value.(string)}
		case "BOOL":
			return &types.AttributeValueMemberBOOL{Value: value.(bool)}
		case "L":
			list := &types.AttributeValueMemberL{}
			for _, one := range value.([]any) {
				list.Value = append(list.Value, attribute(t, one.(map[string]any)))
			}
			return list
		case "M":
			return &types.AttributeValueMemberM{Value: attributes(t, value.(map[string]any))}
		}
	}
	t.Fatalf("no attribute: %v", in)
	return nil
}

func attributes(t *testing.T, in map[string]any) map[string]types.AttributeValue {
	t.Helper()
	all := map[string]types.AttributeValue{}
	for name, one := range in {
		all[name] = attribute(t, one.(map[string]any))
	}
	return all
}

func readItems(t *testing.T, file string) map[string]map[string]any {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var all map[string]map[string]any
	require.NoError(t, json.Unmarshal(text, &all))
	return all
}

// What this release writes is on record, for the next one to be held against.
func TestItemsAreOnRecord(t *testing.T) {
	text, err := json.MarshalIndent(items(t), "", "  ")
	require.NoError(t, err)
	text = append(text, '\n')
	if *update {
		require.NoError(t, os.WriteFile(ours, text, 0o644))
	}
	recorded, err := os.ReadFile(ours)
	require.NoError(t, err)
	assert.Equal(t, string(recorded), string(text), "go test ./internal/registry -run TestItemsAreOnRecord -update")
}

// What the release before has written is read here, and nothing of it is dropped.
func TestItemsOfTheReleaseBeforeAreRead(t *testing.T) {
	into := kinds()
	for kind, item := range readItems(t, theirs) {
		require.Contains(t, into, kind)
		require.NoError(t, dynamo.UnmarshalItem(attributes(t, item), into[kind]), kind)
		assertHas(t, kind, written(t, into[kind]), item, func(now, then any) bool { return assert.ObjectsAreEqual(then, now) })
	}
}

// What this release writes is what the release before reads: every attribute that
// it knows, as what it knows it. Of others it takes no notice.
func TestItemsAreThoseOfTheReleaseBefore(t *testing.T) {
	now := items(t)
	for kind, item := range readItems(t, theirs) {
		assertHas(t, kind, now[kind], item, func(now, then any) bool { return reflect.TypeOf(now) == reflect.TypeOf(then) })
	}
}

// assertHas asserts that an item has all attributes of another, and that these
// are the same, by a comparison of their values. Attributes are {"S": "text"}.
func assertHas(t *testing.T, path string, item, other map[string]any, same func(a, b any) bool) {
	t.Helper()
	for name, b := range other {
		at := path + "." + name
		a, ok := item[name]
		if !assert.True(t, ok, "%s is gone", at) {
			continue
		}
		below, ok := b.(map[string]any)
		if !ok {
			assert.True(t, same(a, b), "%s is %v, and was %v", at, a, b)
			continue
		}
		if inner, ok := a.(map[string]any); assert.True(t, ok, at) {
			assertHas(t, at, inner, below, same)
		}
	}
}
