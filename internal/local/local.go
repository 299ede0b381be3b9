// Package local is an AWS account in one process: SQS, DynamoDB, Step
// Functions, Lambda, S3, EventBridge, CloudWatch alarms, SNS and CloudFormation, and
// of ECS, Batch and CodeBuild what state machines run jobs with, strict where
// AWS is strict. It speaks AWS's wire protocols on one port of 127.0.0.1, or in
// memory only, and runs what a template names.
package local

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/musterq/muster/internal/local/access"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/cloudformation"
	"github.com/musterq/muster/internal/local/cloudwatch"
	"github.com/musterq/muster/internal/local/dynamodb"
	"github.com/musterq/muster/internal/local/endpoint"
	"github.com/musterq/muster/internal/local/eventbridge"
	"github.com/musterq/muster/internal/local/iam"
	"github.com/musterq/muster/internal/local/jobs"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/local/logs"
	"github.com/musterq/muster/internal/local/meter"
	"github.com/musterq/muster/internal/local/s3"
	"github.com/musterq/muster/internal/local/sns"
	"github.com/musterq/muster/internal/local/sqs"
	"github.com/musterq/muster/internal/local/stepfunctions"
)

// Credentials that any client may use. They are not secret: signatures are not
// verified.
const (
	AccessKeyID     = "test"
	SecretAccessKey = "test"
)

// Options of a runtime. The zero value serves in memory only.
type Options struct {
	// Listen is a loopback address to serve on, such as "127.0.0.1:4100" or
	// "127.0.0.1:0". Defaults to none.
	Listen string
	// Seed drives IDs, jitter and faults, so that a run can be replayed.
	Seed uint64
	// Account that the runtime is. Defaults to 123456789012 in us-east-1.
	Account api.Account
	// File reads a file that a template names, by its path in the template.
	File func(path string) ([]byte, error)
	// Lambda tunes the functions; its Resolve finds their code.
	Lambda lambda.Options
	// DynamoDB tunes the tables.
	DynamoDB dynamodb.Options
	// StepFunctions tunes the state machines and their quotas.
	StepFunctions stepfunctions.Options
	// CloudWatch tunes the alarms.
	CloudWatch cloudwatch.Options
	// Jobs has the commands that run as ECS tasks, Batch jobs and CodeBuild builds.
	Jobs jobs.Options
	// IAM tunes the enforcement of policies.
	IAM access.Options
}

// Runtime is a running account.
type Runtime struct {
	Account        *api.Account
	Router         *api.Router
	SQS            *sqs.Service
	DynamoDB       *dynamodb.Service
	StepFunctions  *stepfunctions.Service
	Lambda         *lambda.Service
	Jobs           *jobs.Service
	S3             *s3.Service
	Events         *eventbridge.Service
	CloudWatch     *cloudwatch.Service
	CloudFormation *cloudformation.Service
	IAM            *iam.Service
	Logs           *logs.Service
	SNS            *sns.Service
	Meter          *meter.Meter

	options Options
	access  *access.Authorizer
	handler http.Handler
	stop    context.CancelFunc
	served  chan error
}

// Start starts an account. Close ends it and everything that runs in it.
func Start(o Options) (*Runtime, error) {
	if o.Account.ID == "" {
		o.Account.ID = "123456789012"
	}
	if o.Account.Region == "" {
		o.Account.Region = "us-east-1"
	}
	if o.Account.Partition == "" {
		o.Account.Partition = "aws"
	}
	account := &o.Account
	account.Endpoint = "http://127.0.0.1"
	var listener net.Listener
	if o.Listen != "" {
		var err error
		if listener, err = endpoint.Listen(o.Listen); err != nil {
			return nil, err
		}
		account.Endpoint = "http://" + listener.Addr().String()
	}
	router := api.NewRouter(o.Seed)
	if o.Jobs.Seed == 0 {
		o.Jobs.Seed = o.Seed
	}
	r := &Runtime{}
	logGroups := logs.New(account, router, r.embedded)
	o.Lambda.Logged, o.Lambda.Record, o.Lambda.Metric = logGroups.Ingest, logGroups.Write, r.functionMetric
	o.Lambda.Object = objects(router)
	*r = Runtime{
		Account:  account,
		Router:   router,
		SQS:      sqs.New(account, router, o.Seed),
		DynamoDB: dynamodb.New(account, router, o.DynamoDB),
		Lambda:   lambda.New(account, router, o.Lambda),
		Jobs:     jobs.New(account, o.Jobs),
		S3:       s3.New(account, router),
		Events:   eventbridge.New(account, router, o.Seed),
		IAM:      iam.New(account, router),
		Logs:     logGroups,
		SNS:      sns.New(account, router),
		Meter:    meter.New(),
		options:  o,
		served:   make(chan error, 1),
	}
	router.Meter(r.Meter.Bill)
	r.StepFunctions = stepfunctions.New(account, router, r.stepFunctionsOptions())
	r.CloudWatch = cloudwatch.New(account, router, r.Events.Publish, o.CloudWatch)
	r.CloudWatch.AddSource("AWS/SQS", r.queueMetric)
	r.CloudFormation = cloudformation.New(account, cloudformation.Backend{Providers: r.providers(), Object: o.Lambda.Object})
	for _, s := range append(r.Jobs.APIs(),
		r.SQS.API(), r.DynamoDB.API(), r.StepFunctions.API(), r.Lambda.API(), r.S3.API(),
		r.Events.API(), r.CloudWatch.API(), r.CloudFormation.API(), r.SNS.API(), r.Logs.API(),
	) {
		router.Add(s)
	}
	r.enforce()
	r.handler = endpoint.New(account, router)
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	if listener == nil {
		r.served <- nil
		return r, nil
	}
	go func() { r.served <- endpoint.Serve(ctx, listener, r.handler) }()
	return r, nil
}

// Bill is what the account has cost until now.
func (r *Runtime) Bill() meter.Bill {
	r.Lambda.BillRunning()
	r.DynamoDB.BillStorage()
	r.S3.BillStorage()
	return r.Meter.Lines()
}

// Close ends the runtime: its port, its executions, the processes of its
// functions and jobs.
func (r *Runtime) Close() error {
	r.CloudFormation.Close()
	r.CloudWatch.Close()
	r.Events.Close()
	r.StepFunctions.Close()
	r.Jobs.Close()
	r.Lambda.Close()
	r.SQS.Close()
	r.stop()
	return <-r.served
}

// Config configures SDK clients in this process: they reach the runtime in
// memory.
func (r *Runtime) Config() aws.Config {
	return r.ConfigAs(AccessKeyID, SecretAccessKey, "")
}

// ConfigAs is Config with the credentials of somebody else, such as a function.
func (r *Runtime) ConfigAs(accessKeyID, secret, session string) aws.Config {
	return aws.Config{
		Region:       r.Account.Region,
		BaseEndpoint: aws.String(r.Account.Endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(accessKeyID, secret, session),
		HTTPClient:   &http.Client{Transport: endpoint.Transport(r.handler)},
	}
}

// Deploy makes a stack of a template, whose code and definitions may be local
// files.
func (r *Runtime) Deploy(ctx context.Context, t *cloudformation.Template, stack string, parameters map[string]string) (*cloudformation.Stack, error) {
	return r.CloudFormation.Deploy(ctx, t, cloudformation.Options{StackName: stack, Parameters: parameters, Resolve: r.file})
}

// Update brings a stack that Deploy made to another template or other parameters.
func (r *Runtime) Update(ctx context.Context, t *cloudformation.Template, stack string, parameters map[string]string) (*cloudformation.Stack, error) {
	return r.CloudFormation.Update(ctx, t, cloudformation.Options{StackName: stack, Parameters: parameters, Resolve: r.file})
}

func (r *Runtime) file(path string) ([]byte, error) {
	if r.options.File == nil {
		return nil, fmt.Errorf("the template names the file %s, and this runtime was given none", path)
	}
	return r.options.File(path)
}

func (r *Runtime) providers() map[string]api.Provider {
	all := map[string]api.Provider{}
	for _, p := range []map[string]api.Provider{
		r.SQS.Providers(), r.DynamoDB.Providers(), r.StepFunctions.Providers(), r.Lambda.Providers(), r.S3.Providers(),
		r.Events.Providers(), r.CloudWatch.Providers(), r.IAM.Providers(), r.Logs.Providers(), r.SNS.Providers(),
	} {
		maps.Copy(all, p)
	}
	all["AWS::Lambda::Function"] = r.functionsRole(all["AWS::Lambda::Function"])
	return r.Meter.Providers(all)
}
