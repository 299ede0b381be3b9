package stepfunctions

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// taskToken is the token of a task that waits for it. Once withdrawn, reports
// on it are answered with TaskTimedOut.
type taskToken struct {
	text     string
	reported chan ending
	beats    chan struct{}
}

// tokenBody is the length of a token without its seal: the prefix that AWS's
// tokens share, a number and noise.
const tokenBody = 4 + 8 + 36

// issue makes a token. A seal tells tokens that have been withdrawn from texts
// that never were tokens, so that no withdrawn token has to be remembered.
func (s *Service) issue() *taskToken {
	body := make([]byte, 0, tokenBody+sha256.Size)
	body = append(body, 0x01, 0x00, 0xa4, 0x00)
	body = binary.BigEndian.AppendUint64(body, s.issued.Add(1))
	body = append(body, s.random.UUID()...)
	t := &taskToken{
		text:     base64.StdEncoding.EncodeToString(s.seal(body)),
		reported: make(chan ending, 1),
		beats:    make(chan struct{}, 1),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[t.text] = t
	return t
}

func (s *Service) seal(body []byte) []byte {
	mac := hmac.New(sha256.New, s.tokenKey[:])
	mac.Write(body)
	return mac.Sum(body)
}

// withdraw makes the token unknown: its task has ended.
func (s *Service) withdraw(t *taskToken) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, t.text)
}

// isToken says whether the text was ever issued.
func (s *Service) isToken(text string) bool {
	token, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(token) != tokenBody+sha256.Size {
		return false
	}
	return hmac.Equal(token, s.seal(token[:tokenBody:tokenBody]))
}

// report ends the task of a token, if nobody has before.
func (s *Service) report(text string, e ending) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[text]
	if !ok {
		return false
	}
	delete(s.tokens, text)
	t.reported <- e
	return true
}

// beat tells the task of a token that its worker lives.
func (s *Service) beat(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[text]
	if !ok {
		return false
	}
	select {
	case t.beats <- struct{}{}:
	default:
		// A beat that nobody has seen yet says the same.
	}
	return true
}
