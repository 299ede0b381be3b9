package s3

import (
	"context"
	"net/http"

	"github.com/musterq/muster/internal/local/api"
)

// Settings of a bucket that can be made over the API are those that every bucket
// has here: nothing public, everything encrypted by S3's own keys. Others are
// refused.

type accessBlockXML struct {
	BlockPublicAcls, BlockPublicPolicy, IgnorePublicAcls, RestrictPublicBuckets bool

	Rest []unknown `xml:",any"`
}

type encryptionXML struct {
	Rule []struct {
		BucketKeyEnabled                   bool
		ApplyServerSideEncryptionByDefault struct {
			SSEAlgorithm string
			Rest         []unknown `xml:",any"`
		}
		Rest []unknown `xml:",any"`
	}
	Rest []unknown `xml:",any"`
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutPublicAccessBlock.html
func servePutPublicAccessBlock(s *Service, w http.ResponseWriter, r *request) error {
	var body accessBlockXML
	if _, err := readXML(r, &body); err != nil {
		return err
	}
	if len(body.Rest) > 0 {
		return notImplemented("the element " + body.Rest[0].XMLName.Local + " of PutPublicAccessBlock")
	}
	if !body.BlockPublicAcls || !body.BlockPublicPolicy || !body.IgnorePublicAcls || !body.RestrictPublicBuckets {
		return notImplemented("public access to a bucket")
	}
	return s.set(w, r, "PutPublicAccessBlock")
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketEncryption.html
func servePutBucketEncryption(s *Service, w http.ResponseWriter, r *request) error {
	var body encryptionXML
	if _, err := readXML(r, &body); err != nil {
		return err
	}
	if len(body.Rule) != 1 || len(body.Rest) > 0 {
		return malformedXML()
	}
	rule := body.Rule[0]
	if len(rule.Rest) > 0 {
		return notImplemented("the element " + rule.Rest[0].XMLName.Local + " of PutBucketEncryption")
	}
	if by := rule.ApplyServerSideEncryptionByDefault; by.SSEAlgorithm != "AES256" || len(by.Rest) > 0 {
		return notImplemented("encryption of a bucket by " + by.SSEAlgorithm)
	}
	return s.set(w, r, "PutBucketEncryption")
}

func (s *Service) set(w http.ResponseWriter, r *request, operation string) error {
	_, err := do(r.Context(), s, r.caller, operation, bucketInput(r), func(ctx context.Context, caller api.Caller, in *BucketInput) (*Empty, error) {
		_, err := s.headBucket(ctx, caller, in)
		return &Empty{}, err
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}
