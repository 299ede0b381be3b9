package stepfunctions

import (
	"encoding/base64"
	"strconv"

	"github.com/musterq/muster/internal/local/api"
)

const (
	defaultResults = 100
	maxResults     = 1000
)

// limitOf is how many results a page has.
func limitOf(max int) (int, error) {
	if max < 0 || max > maxResults {
		return 0, api.Errorf("ValidationException", "1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to %d", max, maxResults)
	}
	if max == 0 {
		return defaultResults, nil
	}
	return max, nil
}

// page is the range of a list that a request asks for, and the token of the next.
func page(max int, token string, length int) (from, to int, next string, err error) {
	limit, err := limitOf(max)
	if err != nil {
		return 0, 0, "", err
	}
	at, err := position(token)
	if err != nil {
		return 0, 0, "", err
	}
	from = min(int(at), length)
	to = min(from+limit, length)
	if to < length {
		next = tokenOf(int64(to))
	}
	return from, to, next, nil
}

func tokenOf(position int64) string {
	return base64.StdEncoding.EncodeToString(strconv.AppendInt([]byte("page "), position, 10))
}

// position reads a token of a page. An empty one is 0.
func position(token string) (int64, error) {
	if token == "" {
		return 0, nil
	}
	text, err := base64.StdEncoding.DecodeString(token)
	if err == nil && len(text) > len("page ") {
		if n, err := strconv.ParseInt(string(text[len("page "):]), 10, 64); err == nil && n >= 0 {
			return n, nil
		}
	}
	return 0, api.Errorf("InvalidToken", "Invalid Token: 'Invalid token'")
}
