package cloudwatch

import (
	"fmt"
	"strconv"
	"time"
)

// Timestamp is seconds since 1970 in JSON, and ISO 8601 in XML.
type Timestamp struct{ time.Time }

// UnmarshalJSON reads a number or, of the query protocol, ISO 8601 in a string.
func (t *Timestamp) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return t.Time.UnmarshalJSON(data)
	}
	seconds, err := strconv.ParseFloat(string(data), 64)
	if err != nil {
		return fmt.Errorf("timestamp %s: %w", data, err)
	}
	t.Time = time.UnixMilli(int64(seconds * 1000)).UTC()
	return nil
}

// MarshalJSON writes seconds with milliseconds.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(t.UnixMilli())/1000, 'f', 3, 64), nil
}

// MarshalText writes ISO 8601 with milliseconds.
func (t Timestamp) MarshalText() ([]byte, error) {
	return []byte(t.UTC().Format("2006-01-02T15:04:05.000Z")), nil
}
