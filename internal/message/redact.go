package message

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Redact puts a hash in place of a text that may quote what is in messages: equal
// texts can still be told to be equal, and nothing of them read.
func Redact(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "redacted (SHA-256 " + hex.EncodeToString(sum[:6]) + ")"
}

// Redacted are the failures without what their reasons quote of a handler's reply.
func (f Failures) Redacted() Failures {
	for id, failure := range f {
		f[id] = failure.Redacted()
	}
	return f
}

// Redacted is the failure without what its reason quotes of a handler's reply.
func (f Failure) Redacted() Failure {
	if f.quoted != "" {
		f.Reason = strings.ReplaceAll(f.Reason, f.quoted, Redact(f.quoted))
		f.quoted = ""
	}
	return f
}
