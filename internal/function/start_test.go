package function

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/pump"
)

// certificates is a file with a certificate.
func certificates(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return file
}

// TestStart holds what a function's clients are made of. That it could not be
// wired ends it.
func TestStart(t *testing.T) {
	for name, c := range map[string]struct {
		endpoint string
		// own is whether the client is the SDK's own, which has the certificates.
		own bool
	}{
		"on AWS":                  {"", true},
		"at an endpoint with TLS": {"https://localhost:4100", true},
		"at an endpoint without":  {"http://127.0.0.1:4100", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_CA_BUNDLE", certificates(t))
			t.Setenv("AWS_REGION", "eu-central-1")
			t.Setenv("AWS_ENDPOINT_URL", c.endpoint)
			broken := errors.New("broken")
			err := Start(in(values), func(cfg aws.Config, l Lookup) (func(context.Context, pump.Input) (pump.Output, error), error) {
				assert.Equal(t, "eu-central-1", cfg.Region)
				_, own := cfg.HTTPClient.(*http.BuildableClient)
				assert.Equal(t, c.own, own)
				fleet, _ := l("FLEET")
				assert.Equal(t, "jobs", fleet)
				return nil, broken
			})
			assert.Equal(t, broken, err)
		})
	}
}
