package sqs

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
)

// receipt says which receive of which message a receipt handle stands for.
type receipt struct {
	queue   uint64
	message uint64
	receive uint32
}

// A handle is a marker, the receipt, filler and a checksum. The filler makes it
// as long and as opaque as AWS's own, so that nothing downstream (a state, a
// log line) gets away with an estimate that is too small.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
const (
	handleSize    = 256
	handlePayload = 3 + 8 + 8 + 4
	handleSum     = handleSize - 4
)

// handleMarker makes handles start with "AQEB", as AWS's do.
var handleMarker = [3]byte{1, 1, 1}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode writes the receipt as a handle of 344 characters.
func (r receipt) encode(random *rand.ChaCha8) string {
	var b [handleSize]byte
	copy(b[:], handleMarker[:])
	binary.BigEndian.PutUint64(b[3:], r.queue)
	binary.BigEndian.PutUint64(b[11:], r.message)
	binary.BigEndian.PutUint32(b[19:], r.receive)
	for i := handlePayload; i < handleSum; i += 8 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], random.Uint64())
		copy(b[i:handleSum], word[:])
	}
	binary.BigEndian.PutUint32(b[handleSum:], crc32.Checksum(b[:handleSum], castagnoli))
	return base64.StdEncoding.EncodeToString(b[:])
}

// decodeReceipt reads a handle. It reports false for anything that encode did
// not write.
func decodeReceipt(handle string) (receipt, bool) {
	if base64.StdEncoding.DecodedLen(len(handle)) < handleSize || len(handle) > base64.StdEncoding.EncodedLen(handleSize) {
		return receipt{}, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(handle)
	if err != nil || len(b) != handleSize || [3]byte(b) != handleMarker {
		return receipt{}, false
	}
	if binary.BigEndian.Uint32(b[handleSum:]) != crc32.Checksum(b[:handleSum], castagnoli) {
		return receipt{}, false
	}
	return receipt{
		queue:   binary.BigEndian.Uint64(b[3:]),
		message: binary.BigEndian.Uint64(b[11:]),
		receive: binary.BigEndian.Uint32(b[19:]),
	}, true
}
