package conformance

import (
	"archive/zip"
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/stretchr/testify/require"
)

// AWS is the endpoint that means AWS itself, with the credentials of the
// standard chain.
const AWS = "aws"

// Endpoint is a target reached over HTTP, in real time: one base URL for all
// services, or [AWS].
func Endpoint(url, region, roleARN string) Target {
	return Target{Open: func(t *testing.T) Account {
		options := []func(*config.LoadOptions) error{config.WithRegion(region)}
		if url != AWS {
			options = append(options, config.WithBaseEndpoint(url), config.WithHTTPClient(oneShot()),
				config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", "test", "")))
		}
		loaded, err := config.LoadDefaultConfig(t.Context(), options...)
		require.NoError(t, err)
		account := Account{Config: loaded, RoleARN: roleARN}
		account.Deploy = func(t *testing.T, f Function) string { return upload(t, loaded, roleARN, f) }
		return account
	}}
}

// oneShot is a client that opens a connection for each call, which spares the
// simpler servers the races of connections kept alive.
func oneShot() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.DisableKeepAlives = true })
}

// upload makes a function of a zip with the fixture's bootstrap.
func upload(t *testing.T, config aws.Config, roleARN string, f Function) string {
	t.Helper()
	client := lambda.NewFromConfig(config)
	code, err := bootstrap()
	require.NoError(t, err)
	out, err := client.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &f.Name, Role: &roleARN, Timeout: &f.Timeout, MemorySize: &f.Memory,
		Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Architectures: []lambdatypes.Architecture{lambdatypes.ArchitectureX8664},
		Code:          &lambdatypes.FunctionCode{ZipFile: code},
	})
	require.NoError(t, err)
	cleanUp(t, func(ctx context.Context) error {
		_, err := client.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &f.Name})
		return err
	})
	waiter := lambda.NewFunctionActiveV2Waiter(client)
	require.NoError(t, waiter.Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: &f.Name}, time.Minute))
	return *out.FunctionArn
}

// bootstrap builds the fixture for Lambda, once, and zips it.
var bootstrap = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "bootstrap")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "github.com/musterq/muster/internal/conformance/fixture/bootstrap")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, err
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	archive := zip.NewWriter(&b)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	header.SetMode(0o755)
	w, err := archive.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
})
