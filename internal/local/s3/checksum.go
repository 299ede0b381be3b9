package s3

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// fullObject is the type of the checksums of objects that were put whole.
const fullObject = "FULL_OBJECT"

// nvme is the polynomial of CRC-64/NVME, bit-reversed.
const nvme = 0x9a6c9329ac4bc9b5

// Checksums hold at most one checksum, in base64.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
type Checksums struct {
	ChecksumCRC32     string `json:",omitempty"`
	ChecksumCRC32C    string `json:",omitempty"`
	ChecksumCRC64NVME string `json:",omitempty"`
	ChecksumSHA1      string `json:",omitempty"`
	ChecksumSHA256    string `json:",omitempty"`
}

// checksum is the checksum that is kept with an object.
type checksum struct {
	algorithm string
	value     string
}

// defaultAlgorithm is what S3 computes for an object that came without any.
const defaultAlgorithm = "CRC64NVME"

var hashes = map[string]func() hash.Hash{
	"CRC32":     func() hash.Hash { return crc32.NewIEEE() },
	"CRC32C":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"CRC64NVME": func() hash.Hash { return crc64.New(crc64.MakeTable(nvme)) },
	"SHA1":      sha1.New,
	"SHA256":    sha256.New,
}

// field is the member of an algorithm. Nil for one that S3 does not have.
func (c *Checksums) field(algorithm string) *string {
	switch algorithm {
	case "CRC32":
		return &c.ChecksumCRC32
	case "CRC32C":
		return &c.ChecksumCRC32C
	case "CRC64NVME":
		return &c.ChecksumCRC64NVME
	case "SHA1":
		return &c.ChecksumSHA1
	case "SHA256":
		return &c.ChecksumSHA256
	}
	return nil
}

// given lists the algorithms that have a value.
func (c *Checksums) given() []string {
	var names []string
	for _, name := range []string{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"} {
		if *c.field(name) != "" {
			names = append(names, name)
		}
	}
	return names
}

// verify compares the given checksum with the body's. Without one it computes
// the checksum of the named algorithm, or S3's default.
func (c *Checksums) verify(body []byte, algorithm string) (checksum, error) {
	given := c.given()
	if len(given) > 1 {
		return checksum{}, api.Errorf("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
	}
	algorithm = strings.ToUpper(algorithm)
	switch {
	case len(given) == 1 && algorithm != "" && algorithm != given[0]:
		return checksum{}, api.Errorf("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
	case len(given) == 1:
		algorithm = given[0]
	case algorithm == "":
		algorithm = defaultAlgorithm
	}
	newHash := hashes[algorithm]
	if newHash == nil {
		return checksum{}, notImplemented("the checksum algorithm " + algorithm)
	}
	h := newHash()
	// A hash never fails.
	_, _ = h.Write(body)
	sum := checksum{algorithm: algorithm, value: base64.StdEncoding.EncodeToString(h.Sum(nil))}
	if len(given) == 1 && *c.field(algorithm) != sum.value {
		return checksum{}, api.Errorf("BadDigest", "The %s you specified did not match the calculated checksum.", algorithm)
	}
	return sum, nil
}

// output shows the checksum as a member of an answer.
func (c checksum) output() Checksums {
	var out Checksums
	*out.field(c.algorithm) = c.value
	return out
}
