package bundle

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"fmt"
	"io"
	"time"
)

// handlerName is the file that Lambda's provided runtimes execute.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
const handlerName = "bootstrap"

// written is when every zip's file was last changed, it says: the first moment
// that the format can tell.
var written = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// Zip makes a deployment package of a function's executable. The same bytes make
// the same package, on every machine and at any time.
func Zip(executable []byte) ([]byte, error) {
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.DefaultCompression)
	})
	header := &zip.FileHeader{Name: handlerName, Method: zip.Deflate, Modified: written}
	header.SetMode(0o755)
	file, err := w.CreateHeader(header)
	if err != nil {
		return nil, fmt.Errorf("zip %s: %w", handlerName, err)
	}
	if _, err := file.Write(executable); err != nil {
		return nil, fmt.Errorf("zip %s: %w", handlerName, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("zip %s: %w", handlerName, err)
	}
	return buffer.Bytes(), nil
}

// digest names content: the first 64 bits of its SHA-256, which tell a team's
// few files apart.
func digest(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data))[:16] }
