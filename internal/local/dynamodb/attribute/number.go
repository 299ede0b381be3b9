package attribute

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// Number is an exact decimal (N) in the form in which DynamoDB returns it: no
// exponent, no plus sign, no needless zeros. So equal numbers are equal strings.
type Number string

// Limits of a number.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-data-types-numbers
const (
	maxDigits   = 38
	maxExponent = 125
	minExponent = -130
)

// ParseNumber normalises a number: "1.0", "1e0" and "1" are the same. It
// refuses what is not a number, or has more than 38 significant digits, or is
// out of range, with a ValidationException.
func ParseNumber(text string) (Number, error) {
	if isPlainInteger(text) {
		return Number(text), nil
	}
	if text == "" {
		return "", api.Errorf("ValidationException", "The parameter cannot be converted to a numeric value")
	}
	mantissa, negative := strings.CutPrefix(text, "-")
	if !negative {
		mantissa = strings.TrimPrefix(mantissa, "+")
	}
	exponent := 0
	if i := strings.IndexAny(mantissa, "eE"); i >= 0 {
		e, ok := parseExponent(mantissa[i+1:])
		if !ok {
			return "", notNumeric(text)
		}
		mantissa, exponent = mantissa[:i], e
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", notNumeric(text)
	}
	return compose(negative, digits, len(whole)+exponent)
}

func isPlainInteger(text string) bool {
	if text == "" || len(text) > maxDigits || text[0] == '0' && len(text) > 1 {
		return false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

func notNumeric(text string) error {
	return api.Errorf("ValidationException", "The parameter cannot be converted to a numeric value: %s", text)
}

// parseExponent reads the digits after the E. What is far out of range is cut
// to 10,000, which still is out of range.
func parseExponent(text string) (int, bool) {
	digits := strings.TrimPrefix(strings.TrimPrefix(text, "+"), "-")
	if digits == "" || len(text)-len(digits) > 1 || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	digits = strings.TrimLeft(digits, "0")
	if len(digits) > 4 {
		digits = "10000"
	}
	n, err := strconv.Atoi("0" + digits)
	if text[0] == '-' {
		n = -n
	}
	return n, err == nil
}

// compose makes the number 0.DIGITS times ten to the power of point.
func compose(negative bool, digits string, point int) (Number, error) {
	significant := strings.TrimLeft(digits, "0")
	point -= len(digits) - len(significant)
	significant = strings.TrimRight(significant, "0")
	switch n := len(significant); {
	case n == 0:
		return "0", nil
	case point-1 > maxExponent:
		return "", api.Errorf("ValidationException", "Number overflow. Attempting to store a number with magnitude larger than supported range")
	case point-1 < minExponent:
		return "", api.Errorf("ValidationException", "Number underflow. Attempting to store a number with magnitude smaller than supported range")
	case n > maxDigits:
		return "", api.Errorf("ValidationException", "Attempting to store more than 38 significant digits in a Number")
	}
	var b strings.Builder
	if negative {
		b.WriteByte('-')
	}
	switch n := len(significant); {
	case point <= 0:
		b.WriteString("0.")
		b.WriteString(strings.Repeat("0", -point))
		b.WriteString(significant)
	case point >= n:
		b.WriteString(significant)
		b.WriteString(strings.Repeat("0", point-n))
	default:
		b.WriteString(significant[:point])
		b.WriteByte('.')
		b.WriteString(significant[point:])
	}
	return Number(b.String()), nil
}

// Int is the number without its fraction, and whether that fits an int64.
func (n Number) Int() (int64, bool) {
	whole, _, _ := strings.Cut(string(n), ".")
	i, err := strconv.ParseInt(whole, 10, 64)
	return i, err == nil
}

// Compare orders two numbers by value.
func (n Number) Compare(m Number) int {
	a, aNegative := strings.CutPrefix(string(n), "-")
	b, bNegative := strings.CutPrefix(string(m), "-")
	switch {
	case aNegative && bNegative:
		return compareMagnitude(b, a)
	case aNegative:
		return -1
	case bNegative:
		return 1
	}
	return compareMagnitude(a, b)
}

func compareMagnitude(a, b string) int {
	aWhole, aFraction, _ := strings.Cut(a, ".")
	bWhole, bFraction, _ := strings.Cut(b, ".")
	if len(aWhole) != len(bWhole) {
		return len(aWhole) - len(bWhole)
	}
	if c := compareText(aWhole, bWhole); c != 0 {
		return c
	}
	return compareText(aFraction, bFraction)
}

// Add is the exact sum. It fails as [ParseNumber] does when that is no number
// that DynamoDB can store.
func (n Number) Add(m Number) (Number, error) {
	const safe = 18 // digits of which two numbers can be added in an int64
	if len(n) <= safe && len(m) <= safe {
		a, errA := strconv.ParseInt(string(n), 10, 64)
		b, errB := strconv.ParseInt(string(m), 10, 64)
		if errA == nil && errB == nil {
			return Number(strconv.FormatInt(a+b, 10)), nil
		}
	}
	scale := max(n.scale(), m.scale())
	sum := new(big.Int).Add(n.scaled(scale), m.scaled(scale))
	digits := new(big.Int).Abs(sum).String()
	return compose(sum.Sign() < 0, digits, len(digits)-scale)
}

// Subtract is the exact difference. It fails as [Number.Add] does.
func (n Number) Subtract(m Number) (Number, error) {
	if positive, ok := strings.CutPrefix(string(m), "-"); ok {
		return n.Add(Number(positive))
	}
	if m == "0" {
		return n, nil
	}
	return n.Add("-" + m)
}

// scale is the number of digits behind the point.
func (n Number) scale() int {
	_, fraction, _ := strings.Cut(string(n), ".")
	return len(fraction)
}

// scaled is the number times ten to the power of scale, a whole number.
func (n Number) scaled(scale int) *big.Int {
	whole, fraction, _ := strings.Cut(string(n), ".")
	i, _ := new(big.Int).SetString(whole+fraction+strings.Repeat("0", scale-len(fraction)), 10)
	return i
}

// Size of a number: a byte for two significant digits, one for the exponent and
// one for a minus sign.
func (n Number) Size() int {
	text, negative := strings.CutPrefix(string(n), "-")
	if text == "0" {
		return 1
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if whole == "0" {
		whole = ""
	}
	// Digits are stored in pairs that start at the decimal point, so a pair may
	// hold one significant digit only at either end.
	left, right := len(whole), len(fraction)
	skipped := 0
	if left == 0 {
		skipped = right - len(strings.TrimLeft(fraction, "0"))
	}
	trailing := 0
	if right == 0 {
		trailing = left - len(strings.TrimRight(whole, "0"))
	}
	pairs := (left+1)/2 - trailing/2 + (right+1)/2 - skipped/2
	if negative {
		pairs++
	}
	return 1 + pairs
}
