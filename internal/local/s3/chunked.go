package s3

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// readBody reads a request's content and, of the aws-chunked encoding, its
// trailers. The digest in x-amz-content-sha256 is verified.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
func readBody(r *http.Request) (body []byte, trailers http.Header, err error) {
	if r.ContentLength > maxObject+maxFraming {
		return nil, nil, api.Errorf("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxObject+maxFraming))
	if err != nil {
		return nil, nil, incompleteBody()
	}
	digest := r.Header.Get("X-Amz-Content-Sha256")
	if strings.HasPrefix(digest, "STREAMING-") {
		return unchunk(raw, r.Header.Get("X-Amz-Decoded-Content-Length"))
	}
	if sum := sha256.Sum256(raw); len(digest) == hex.EncodedLen(len(sum)) && digest != hex.EncodeToString(sum[:]) {
		return nil, nil, api.Errorf("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	return raw, nil, nil
}

// maxFraming is room for what chunks add to the largest object: a line for each
// of the smallest chunks, 8 KiB.
const maxFraming = maxObject / (8 << 10) * 128

func incompleteBody() error {
	return api.Errorf("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
}

// unchunk decodes aws-chunked: a size in hexadecimal and perhaps a signature,
// the bytes, and so on to a chunk of size 0 and the trailers.
func unchunk(raw []byte, decodedLength string) (body []byte, trailers http.Header, err error) {
	want, err := strconv.Atoi(decodedLength)
	if err != nil || want < 0 {
		return nil, nil, &api.Error{Code: "MissingContentLength", Message: "You must provide the Content-Length HTTP header.", Status: http.StatusLengthRequired}
	}
	body = make([]byte, 0, min(want, len(raw)))
	for {
		line, rest, ok := bytes.Cut(raw, []byte("\r\n"))
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(size), 16, 62)
		if !ok || err != nil {
			return nil, nil, incompleteBody()
		}
		if n == 0 {
			if len(body) != want {
				return nil, nil, incompleteBody()
			}
			return body, readTrailers(rest), nil
		}
		if uint64(len(rest)) < n+2 || string(rest[n:n+2]) != "\r\n" {
			return nil, nil, incompleteBody()
		}
		body, raw = append(body, rest[:n]...), rest[n+2:]
	}
}

func readTrailers(raw []byte) http.Header {
	trailers := http.Header{}
	for line := range strings.SplitSeq(string(raw), "\n") {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\r"), ":"); ok {
			trailers.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	return trailers
}
