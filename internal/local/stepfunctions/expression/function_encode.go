package expression

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"unicode/utf8"
)

func base64Encode(_ *Scope, arguments []any) (any, error) {
	s, err := textArgument(arguments, 0)
	if err == nil {
		err = checkLength(s)
	}
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.EncodeToString([]byte(s)), nil
}

func base64Decode(_ *Scope, arguments []any) (any, error) {
	s, err := textArgument(arguments, 0)
	if err == nil {
		err = checkLength(s)
	}
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("the first argument is not valid Base64: %w", err)
	}
	if !utf8.Valid(b) {
		return nil, errors.New("the first argument does not decode to UTF-8 text")
	}
	return string(b), nil
}

// hashes by the name that States.Hash knows them by.
var hashes = map[string]func() hash.Hash{
	"MD5": md5.New, "SHA-1": sha1.New, "SHA-256": sha256.New, "SHA-384": sha512.New384, "SHA-512": sha512.New,
}

// hashText hashes text as it is and any other value as its JSON.
func hashText(_ *Scope, arguments []any) (any, error) {
	s, ok := arguments[0].(string)
	if !ok {
		b, err := Marshal(arguments[0])
		if err != nil {
			return nil, err
		}
		s = string(b)
	}
	if err := checkLength(s); err != nil {
		return nil, err
	}
	algorithm, err := textArgument(arguments, 1)
	if err != nil {
		return nil, err
	}
	newHash, ok := hashes[algorithm]
	if !ok {
		return nil, fmt.Errorf("the second argument must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512, but is %s", text(algorithm))
	}
	h := newHash()
	h.Write([]byte(s))
	return hex.EncodeToString(h.Sum(nil)), nil
}
