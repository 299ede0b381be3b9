package message

import (
	"crypto/sha256"
	"encoding/hex"
)

// Redact puts a hash in place of a text that may quote what is in messages: equal
// texts can still be told to be equal, and nothing of them read.
func Redact(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "redacted (SHA-256 " + hex.EncodeToString(sum[:6]) + ")"
}
