package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCredential(t *testing.T) {
	for name, c := range map[string]struct {
		authorization, url, key, service string
	}{
		"header": {
			authorization: "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260901/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=ab",
			url:           "/", key: "AKIDEXAMPLE", service: "sqs",
		},
		"header without spaces": {
			authorization: "AWS4-HMAC-SHA256 Credential=AKID/20260901/eu-west-1/monitoring/aws4_request,SignedHeaders=host,Signature=ab",
			url:           "/", key: "AKID", service: "monitoring",
		},
		"sigv4a has no region": {
			authorization: "AWS4-ECDSA-P256-SHA256 Credential=AKID/20260901/s3/aws4_request, SignedHeaders=host, Signature=ab",
			url:           "/", key: "AKID", service: "s3",
		},
		"presigned": {
			url: "/bucket/key?X-Amz-Credential=AKID%2F20260901%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=ab",
			key: "AKID", service: "s3",
		},
		"unsigned":       {url: "/"},
		"another scheme": {authorization: "Bearer abc", url: "/"},
		"not a scope":    {authorization: "AWS4-HMAC-SHA256 Credential=AKID", url: "/"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, c.url, nil)
			if c.authorization != "" {
				r.Header.Set("Authorization", c.authorization)
			}
			key, service := Credential(r)
			assert.Equal(t, c.key, key)
			assert.Equal(t, c.service, service)
			assert.Equal(t, c.key, AccessKey(r))
		})
	}
}
