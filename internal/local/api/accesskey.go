package api

import (
	"net/http"
	"strings"
)

// AccessKey is the access key ID that signed a request, by its Authorization
// header or, for a presigned URL, by its query. Empty for an unsigned request.
// The signature itself is not verified.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html
func AccessKey(r *http.Request) string {
	key, _ := Credential(r)
	return key
}

// Credential is the access key ID that signed a request and the service that
// it was signed for, as the credential scope spells it: "sqs", "monitoring".
// Both are empty for an unsigned request.
func Credential(r *http.Request) (accessKey, service string) {
	scope := ""
	if header := r.Header.Get("Authorization"); header != "" {
		_, scope, _ = strings.Cut(header, "Credential=")
		scope, _, _ = strings.Cut(scope, ",")
	} else if strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		scope = r.URL.Query().Get("X-Amz-Credential")
	}
	// <key>/<date>/<region>/<service>/aws4_request; SigV4A has no region.
	scope, signed := strings.CutSuffix(strings.TrimSpace(scope), "/aws4_request")
	if !signed || strings.Count(scope, "/") < 2 {
		return "", ""
	}
	accessKey, _, _ = strings.Cut(scope, "/")
	return accessKey, scope[strings.LastIndexByte(scope, '/')+1:]
}
