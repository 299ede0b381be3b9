package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"
	"github.com/spf13/pflag"

	"github.com/musterq/muster/internal/httpclient"
	"github.com/musterq/muster/internal/local"
)

const (
	// localAddress is where `muster up` listens unless told otherwise.
	localAddress = "127.0.0.1:4100"
	localRegion  = "us-east-1"
)

// target is the account and region that a command works on: by the standard
// AWS configuration chain, or the embedded runtime of `muster up`.
type target struct {
	local bool
}

func (t *target) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&t.local, "local", false, "work on the 'muster up' at http://"+localAddress)
}

// config for SDK clients.
func (t *target) config(ctx context.Context) (aws.Config, error) { return t.configIn(ctx, "") }

// configIn is config for another region than the one that is configured.
func (t *target) configIn(ctx context.Context, region string) (aws.Config, error) {
	if t.local {
		return aws.Config{
			HTTPClient:   httpclient.New(),
			Region:       localRegion,
			BaseEndpoint: aws.String("http://" + localAddress),
			Credentials:  credentials.NewStaticCredentialsProvider(local.AccessKeyID, local.SecretAccessKey, ""),
		}, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	if err != nil {
		return cfg, fmt.Errorf("load the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return cfg, &exitError{
			status: exitUsage, err: errors.New("no AWS region is configured"),
			hint: "Set AWS_REGION, or work on a running 'muster up' with --local.",
		}
	}
	// Only an endpoint without TLS is quick enough to need it, and the client
	// that was loaded may have certificates of its own (AWS_CA_BUNDLE).
	if strings.HasPrefix(aws.ToString(cfg.BaseEndpoint), "http://") {
		cfg.HTTPClient = httpclient.New()
	}
	return cfg, nil
}

// outputs of a fleet's stack, by name.
func (t *target) outputs(ctx context.Context, cfg aws.Config, fleet string) (map[string]string, error) {
	out, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &fleet})
	if err != nil {
		var answer smithy.APIError
		if errors.As(err, &answer) && answer.ErrorCode() == "ValidationError" && strings.Contains(answer.ErrorMessage(), "does not exist") {
			return nil, &exitError{
				status: exitUsage, err: fmt.Errorf("there is no fleet %q in %s: %s", fleet, where(cfg), answer.ErrorMessage()),
				hint: "Name the fleet's stack, or start one here with 'muster up'.",
			}
		}
		return nil, &exitError{status: exitUnfinished, err: fmt.Errorf("find the fleet %q in %s: %w", fleet, where(cfg), err), hint: t.hint()}
	}
	outputs := map[string]string{}
	for _, stack := range out.Stacks {
		for _, o := range stack.Outputs {
			outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
		}
	}
	return outputs, nil
}

func (t *target) hint() string {
	if t.local {
		return "Is 'muster up' running?"
	}
	return ""
}

// where a configuration leads.
func where(cfg aws.Config) string {
	if cfg.BaseEndpoint != nil {
		return *cfg.BaseEndpoint
	}
	return cfg.Region
}

// output is one output that every fleet's stack has.
func output(outputs map[string]string, fleet, name string) (string, error) {
	value := outputs[name]
	if value == "" {
		return "", usage(fmt.Errorf("the stack %q has no output %s: it is no Muster fleet", fleet, name))
	}
	return value, nil
}
