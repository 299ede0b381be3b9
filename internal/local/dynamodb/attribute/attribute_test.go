package attribute

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseNumber(t *testing.T) {
	for text, want := range map[string]Number{
		"0": "0", "-0": "0", "0.000": "0", "00": "0", "0e5": "0", "0e99999": "0",
		"1": "1", "+1": "1", "01": "1", "1.": "1", ".5": "0.5", "-.50": "-0.5", "1.10": "1.1",
		"1e3": "1000", "1E+3": "1000", "-1.5e-3": "-0.0015", "123.456e2": "12345.6", "100": "100", "0.0100": "0.01",
		"12345678901234567890123456789012345678":   "12345678901234567890123456789012345678",
		"0.12345678901234567890123456789012345678": "0.12345678901234567890123456789012345678",
		"9.9e125":  Number("99" + strings.Repeat("0", 124)),
		"1e-130":   Number("0." + strings.Repeat("0", 129) + "1"),
		"100e-132": Number("0." + strings.Repeat("0", 129) + "1"),
	} {
		got, err := ParseNumber(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", " ", "1 ", "x", "-", "+", ".", "e5", "1e", "1e+", "1e+-5", "1e5.5", "--1", "1.2.3", "0x1", "NaN", "Infinity", "1_000", "１",
		"1e126", "1e-131", "1e99999999999999999999", "1e-99999999999999999999", "123456789012345678901234567890123456789"} {
		_, err := ParseNumber(text)
		require.Error(t, err, text)
	}
}

func TestNumberArithmetic(t *testing.T) {
	for _, c := range []struct{ a, b, sum, difference Number }{
		{"1", "2", "3", "-1"},
		{"0.1", "0.2", "0.3", "-0.1"},
		{"-5", "-5", "-10", "0"},
		{"99999999999999999999999999999999999998", "1", "99999999999999999999999999999999999999", "99999999999999999999999999999999999997"},
		{"999999999999999999", "999999999999999999", "1999999999999999998", "0"},
		{"10.5", "0", "10.5", "10.5"},
		{"0", "10.50", "10.5", "-10.5"},
	} {
		b, err := ParseNumber(string(c.b))
		require.NoError(t, err)
		sum, err := c.a.Add(b)
		require.NoError(t, err)
		require.Equal(t, c.sum, sum)
		difference, err := c.a.Subtract(b)
		require.NoError(t, err)
		require.Equal(t, c.difference, difference)
	}
	_, err := Number("99999999999999999999999999999999999999").Add("0.1")
	require.EqualError(t, err, "ValidationException: Attempting to store more than 38 significant digits in a Number")
}

// Comparison and sums agree with exact rationals.
func TestNumberProperty(t *testing.T) {
	draw := rapid.StringMatching(`-?[0-9]{1,12}(\.[0-9]{1,12})?`)
	rapid.Check(t, func(t *rapid.T) {
		x, y := draw.Draw(t, "x"), draw.Draw(t, "y")
		a, err := ParseNumber(x)
		require.NoError(t, err)
		b, err := ParseNumber(y)
		require.NoError(t, err)
		p, _ := new(big.Rat).SetString(x)
		q, _ := new(big.Rat).SetString(y)
		order := a.Compare(b)
		require.Equal(t, p.Cmp(q), min(max(order, -1), 1))
		require.Equal(t, p.Cmp(q) == 0, a == b)
		sum, err := a.Add(b)
		require.NoError(t, err)
		r, _ := new(big.Rat).SetString(string(sum))
		require.Zero(t, r.Cmp(new(big.Rat).Add(p, q)))
	})
}

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		value Value
		size  int
	}{
		{String("é"), 2}, {Binary("abc"), 3}, {Bool(false), 1}, {Null{}, 1},
		{Number("0"), 1}, {Number("5"), 2}, {Number("12"), 2}, {Number("123"), 3}, {Number("1000"), 2}, {Number("120"), 3}, {Number("-5"), 3}, {Number("0.001"), 2}, {Number("1.2"), 3},
		{StringSet{"a", "bc"}, 3}, {NumberSet{"1", "2"}, 4}, {BinarySet{"a"}, 1},
		{List{}, 3}, {List{String("ab")}, 6}, {Map{}, 3}, {Map{"k": String("ab")}, 7},
	} {
		require.Equal(t, c.size, c.value.Size(), "%v", c.value)
	}
	// The guide's example: 11 + 1 + 10 + 1.
	require.Equal(t, 23, Map{"shirt-color": String("R"), "shirt-size": String("M")}.ItemSize())
}

func TestEqual(t *testing.T) {
	require.True(t, Equal(StringSet{"a", "b"}, StringSet{"b", "a"}))
	require.False(t, Equal(StringSet{"a", "b"}, StringSet{"b", "c"}))
	require.True(t, Equal(Map{"k": List{Null{}, Number("1")}}, Map{"k": List{Null{}, Number("1")}}))
	require.False(t, Equal(Map{"k": Null{}}, Map{"l": Null{}}))
	require.False(t, Equal(String("1"), Number("1")))
	require.False(t, Equal(Binary("1"), String("1")))
	require.False(t, Equal(String("x"), List{}))
	require.False(t, Equal(nil, nil))
}

func FuzzDocument(f *testing.F) {
	f.Add(`{"a": {"S": "x\u00e9\ud800"}, "b": {"N": "-1.50e3"}, "c": {"L": [{"M": {"k": {"SS": ["a", "b"]}}}, {"NULL": true}]}, "d": {"BS": ["AA=="]}}`)
	f.Add(`{"a": {"NS": ["1", "1.0"]}, "b": {}, "c": {"BOOL": false, "S": null}}`)
	f.Add(`{"a": 1}`)
	f.Fuzz(func(t *testing.T, text string) {
		var first Document
		if json.Unmarshal([]byte(text), &first) != nil || first.Invalid != nil {
			return
		}
		encoded, err := json.Marshal(first)
		require.NoError(t, err)
		var second Document
		require.NoError(t, json.Unmarshal(encoded, &second))
		require.Nil(t, second.Invalid)
		require.Len(t, second.Map, len(first.Map))
		for name, value := range first.Map {
			require.True(t, Equal(value, second.Map[name]), name)
		}
	})
}
