package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"strconv"

	"github.com/musterq/muster/internal/local/api"
)

func serveListBuckets(s *Service, w http.ResponseWriter, r *request) error {
	out, err := do(r.Context(), s, r.caller, "ListBuckets", &Empty{}, s.listBuckets)
	if err != nil {
		return err
	}
	return writeXML(w, "ListAllMyBucketsResult", out)
}

func serveCreateBucket(s *Service, w http.ResponseWriter, r *request) error {
	var body struct {
		LocationConstraint string
		Rest               []unknown `xml:",any"`
	}
	if _, err := readXML(r, &body); err != nil {
		return err
	}
	if len(body.Rest) > 0 {
		return notImplemented("the element " + body.Rest[0].XMLName.Local + " of CreateBucket")
	}
	in := &CreateBucketInput{Bucket: r.bucket}
	in.CreateBucketConfiguration.LocationConstraint = body.LocationConstraint
	out, err := do(r.Context(), s, r.caller, "CreateBucket", in, s.createBucket)
	if err != nil {
		return err
	}
	w.Header().Set("Location", out.Location)
	w.WriteHeader(http.StatusOK)
	return nil
}

// readXML decodes a body, if there is one. It tells whether a checksum or
// Content-MD5 came with it; both are verified.
func readXML(r *request, into any) (verified bool, err error) {
	body, trailers, err := readBody(r.Request)
	if err != nil {
		return false, err
	}
	checksums, algorithm := checksumHeaders(r.Header, trailers)
	if _, err := checksums.verify(body, algorithm); err != nil {
		return false, err
	}
	given := r.Header.Get("Content-Md5")
	if sum := md5.Sum(body); given != "" && given != base64.StdEncoding.EncodeToString(sum[:]) {
		return false, api.Errorf("BadDigest", "The Content-MD5 you specified did not match what we received.")
	}
	if len(body) > 0 {
		if err := xml.Unmarshal(body, into); err != nil {
			return false, malformedXML()
		}
	}
	return given != "" || len(checksums.given()) > 0, nil
}

func bucketInput(r *request) *BucketInput {
	return &BucketInput{Bucket: r.bucket, ExpectedBucketOwner: r.Header.Get("X-Amz-Expected-Bucket-Owner")}
}

func serveDeleteBucket(s *Service, w http.ResponseWriter, r *request) error {
	if _, err := do(r.Context(), s, r.caller, "DeleteBucket", bucketInput(r), s.deleteBucket); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func serveHeadBucket(s *Service, w http.ResponseWriter, r *request) error {
	out, err := do(r.Context(), s, r.caller, "HeadBucket", bucketInput(r), s.headBucket)
	if err != nil {
		return err
	}
	w.Header().Set("X-Amz-Bucket-Region", out.BucketRegion)
	w.WriteHeader(http.StatusOK)
	return nil
}

func serveListObjectsV2(s *Service, w http.ResponseWriter, r *request) error {
	query := r.URL.Query()
	in := &ListObjectsV2Input{
		Bucket: r.bucket, Prefix: query.Get("prefix"), Delimiter: query.Get("delimiter"),
		StartAfter: query.Get("start-after"), ContinuationToken: query.Get("continuation-token"), EncodingType: query.Get("encoding-type"),
		ExpectedBucketOwner: r.Header.Get("X-Amz-Expected-Bucket-Owner"),
	}
	if text := query.Get("max-keys"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return api.Errorf("InvalidArgument", "Provided max-keys not an integer or within integer range")
		}
		in.MaxKeys = &n
	}
	out, err := do(r.Context(), s, r.caller, "ListObjectsV2", in, s.listObjectsV2)
	if err != nil {
		return err
	}
	return writeXML(w, "ListBucketResult", out)
}
