package stepfunctions

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/musterq/muster/internal/local/api"
)

// maxName is the length of a state machine's or an execution's name.
const maxName = 80

// checkName refuses the characters that names must not have.
// See https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html.
func checkName(name string) error {
	if n := utf8.RuneCountInString(name); n > maxName {
		return api.Errorf("ValidationException", "1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must have length less than or equal to %d", name, maxName)
	}
	invalid := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError || r == '\ufffe' || r == '\uffff' || r == unicode.MaxRune ||
			strings.ContainsRune("<>{}[]?*\"#%\\^|~`$&,;:/", r)
	}
	if name == "" || strings.ContainsFunc(name, invalid) {
		return api.Errorf("InvalidName", "Invalid Name: '%s'", name)
	}
	return nil
}

// checkARN refuses what is no ARN of this service, or of another kind.
func (s *Service) checkARN(arn, kind string) error {
	part := strings.Split(arn, ":")
	if len(part) < 7 || part[0] != "arn" || part[2] != "states" {
		return api.Errorf("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: %s'", arn)
	}
	if part[5] != kind {
		return api.Errorf("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: %s'", part[5])
	}
	return nil
}

// timestamp is a time in JSON: seconds since the epoch with milliseconds.
type timestamp time.Time

// MarshalJSON writes a number with three decimals.
func (t timestamp) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(time.Time(t).UnixMilli())/1000, 'f', 3, 64), nil
}

func stampOf(t time.Time) *timestamp {
	if t.IsZero() {
		return nil
	}
	stamp := timestamp(t)
	return &stamp
}
