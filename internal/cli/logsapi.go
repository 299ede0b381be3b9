package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/musterq/muster/internal/httpclient"
)

// logQuery asks for the events of a log group.
type logQuery struct {
	Group string `json:"logGroupName"`
	// Start in milliseconds since 1970.
	Start int64  `json:"startTime"`
	Token string `json:"nextToken,omitempty"`
}

// logEvent is a line of a log group.
type logEvent struct {
	ID        string `json:"eventId"`
	Message   string `json:"message"`
	Timestamp int64  `json:"timestamp"`
}

// logTries is how often a page is asked for that is refused because there were too
// many.
const logTries = 5

// filterLogs reads a page of a log group. It speaks to CloudWatch Logs itself: one
// operation is not worth a client library.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
func filterLogs(ctx context.Context, cfg aws.Config, q logQuery) (events []logEvent, next string, err error) {
	for try := 1; ; try++ {
		var page struct {
			Events    []logEvent `json:"events"`
			NextToken string     `json:"nextToken"`
			// Type and Message of a refusal.
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		status, err := callLogs(ctx, cfg, "FilterLogEvents", q, &page)
		if err != nil {
			return nil, "", fmt.Errorf("read the log group %s: %w", q.Group, err)
		}
		kind := page.Type[strings.LastIndex(page.Type, "#")+1:]
		switch {
		case status == http.StatusOK:
			return page.Events, page.NextToken, nil
		case kind == "ResourceNotFoundException":
			// Nothing was logged yet, or it was deleted since.
			return nil, "", nil
		case kind != "ThrottlingException" && status < http.StatusInternalServerError, try == logTries:
			return nil, "", fmt.Errorf("read the log group %s: %s: %s", q.Group, kind, page.Message)
		}
		timer := time.NewTimer(time.Duration(try) * time.Second)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, "", context.Cause(ctx)
		}
	}
}

func callLogs(ctx context.Context, cfg aws.Config, operation string, in, out any) (status int, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, logsEndpoint(cfg), bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Logs_20140328."+operation)
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return 0, err
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), "logs", cfg.Region, time.Now()); err != nil {
		return 0, err
	}
	client := cfg.HTTPClient
	if client == nil {
		client = httpclient.New()
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }() // only read
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return 0, fmt.Errorf("HTTP status %s: %w", answer.Status, err)
	}
	return answer.StatusCode, nil
}

func logsEndpoint(cfg aws.Config) string {
	if cfg.BaseEndpoint != nil {
		return *cfg.BaseEndpoint
	}
	suffix := "amazonaws.com"
	if strings.HasPrefix(cfg.Region, "cn-") {
		suffix += ".cn"
	}
	return "https://logs." + cfg.Region + "." + suffix + "/"
}
