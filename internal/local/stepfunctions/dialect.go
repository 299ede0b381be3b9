package stepfunctions

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// dialect is how an integration names the errors of a service. Optimised
// integrations name them as the AWS SDK for Java 1 does, SDK integrations as
// version 2: a modelled exception under its own name, any other under the
// service's base exception.
type dialect struct {
	// prefix of the error name: "DynamoDB".
	prefix string
	// base exception of the service's SDK: "AmazonDynamoDBException".
	base string
	// label of the service in causes: "AmazonDynamoDBv2".
	label string
	sdk2  bool
	// modelled are the codes that the service's API model has.
	modelled map[string]bool
}

func codes(names string) map[string]bool {
	// Not every model has it, yet every service answers it and AWS's own
	// examples match it by name.
	set := map[string]bool{"ThrottlingException": true}
	for name := range strings.FieldsSeq(names) {
		set[name] = true
	}
	return set
}

// The errors of each service's API model, from the AWS SDK.
var (
	sqsCodes = codes(`BatchEntryIdsNotDistinct BatchRequestTooLong EmptyBatchRequest InvalidAddress InvalidAttributeName
		InvalidAttributeValue InvalidBatchEntryId InvalidIdFormat InvalidMessageContents InvalidSecurity KmsAccessDenied
		KmsDisabled KmsInvalidKeyUsage KmsInvalidState KmsNotFound KmsOptInRequired KmsThrottled MessageNotInflight
		OverLimit PurgeQueueInProgress QueueDeletedRecently QueueDoesNotExist QueueNameExists ReceiptHandleIsInvalid
		RequestThrottled ResourceNotFoundException TooManyEntriesInBatchRequest UnsupportedOperation`)
	sfnCodes = codes(`ActivityDoesNotExist ConflictException ExecutionAlreadyExists ExecutionDoesNotExist
		ExecutionLimitExceeded ExecutionNotRedrivable InvalidArn InvalidDefinition InvalidExecutionInput
		InvalidLoggingConfiguration InvalidName InvalidOutput InvalidToken InvalidTracingConfiguration
		KmsAccessDeniedException KmsInvalidStateException KmsThrottlingException MissingRequiredParameter ResourceNotFound
		ServiceQuotaExceededException StateMachineAlreadyExists StateMachineDeleting StateMachineDoesNotExist
		StateMachineLimitExceeded StateMachineTypeNotSupported TaskDoesNotExist TaskTimedOut TooManyTags ValidationException`)
	dynamodbCodes = codes(`ConditionalCheckFailedException DuplicateItemException IdempotentParameterMismatchException
		InternalServerError ItemCollectionSizeLimitExceededException LimitExceededException
		ProvisionedThroughputExceededException ReplicatedWriteConflictException RequestLimitExceeded ResourceInUseException
		ResourceNotFoundException TableAlreadyExistsException TableInUseException TableNotFoundException
		TransactionCanceledException TransactionConflictException TransactionInProgressException`)
	lambdaCodes = codes(`EC2AccessDeniedException EC2ThrottledException EC2UnexpectedException EFSIOException
		EFSMountConnectivityException EFSMountFailureException EFSMountTimeoutException ENILimitReachedException
		InvalidParameterValueException InvalidRequestContentException InvalidRuntimeException InvalidSecurityGroupIDException
		InvalidSubnetIDException InvalidZipFileException KMSAccessDeniedException KMSDisabledException
		KMSInvalidStateException KMSNotFoundException RecursiveInvocationException RequestTooLargeException
		ResourceConflictException ResourceNotFoundException ResourceNotReadyException ServiceException SnapStartException
		SnapStartNotReadyException SnapStartTimeoutException SubnetIPAddressLimitReachedException TooManyRequestsException
		UnsupportedMediaTypeException`)
	s3Codes = codes(`BucketAlreadyExists BucketAlreadyOwnedByYou InvalidObjectState InvalidRequest NoSuchBucket NoSuchKey
		NoSuchUpload NotFound ObjectAlreadyInActiveTierError ObjectNotInActiveTierError TooManyParts`)
	eventsCodes = codes(`ConcurrentModificationException IllegalStatusException InternalException
		InvalidEventPatternException InvalidStateException LimitExceededException ManagedRuleException
		OperationDisabledException PolicyLengthExceededException ResourceAlreadyExistsException ResourceNotFoundException`)
	cloudwatchCodes = codes(`ConcurrentModificationException ConflictException DashboardInvalidInputError
		DashboardNotFoundError InternalServiceFault InvalidFormatFault InvalidNextToken InvalidParameterCombinationException
		InvalidParameterValueException LimitExceededException LimitExceededFault MissingRequiredParameterException
		ResourceNotFound ResourceNotFoundException`)
	ecsCodes = codes(`AccessDeniedException BlockedException ClientException ClusterNotFoundException ConflictException
		InvalidParameterException PlatformTaskDefinitionIncompatibilityException PlatformUnknownException ServerException
		UnsupportedFeatureException`)
	batchCodes     = codes(`ClientException ServerException`)
	codeBuildCodes = codes(`AccountLimitExceededException AccountSuspendedException InvalidInputException
		OAuthProviderException ResourceAlreadyExistsException ResourceNotFoundException`)
)

// Dialects of the optimised integrations.
var (
	lambdaDialect   = dialect{prefix: "Lambda", base: "AWSLambdaException", label: "AWSLambda", modelled: lambdaCodes}
	dynamodbDialect = dialect{prefix: "DynamoDB", base: "AmazonDynamoDBException", label: "AmazonDynamoDBv2", modelled: dynamodbCodes}
	sqsDialect      = dialect{prefix: "SQS", base: "AmazonSQSException", label: "AmazonSQS", modelled: sqsCodes}
	statesDialect   = dialect{prefix: "StepFunctions", base: "AWSStepFunctionsException", label: "AWSStepFunctions", modelled: sfnCodes}
	eventsDialect   = dialect{prefix: "EventBridge", base: "AmazonEventBridgeException", label: "AmazonEventBridge", modelled: eventsCodes}
)

// failure is the error of a call as the task reports it.
func (d *dialect) failure(err error, requestID string) *failure {
	if errors.Is(err, api.ErrReplyLost) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return failed(d.prefix+".SdkClientException", "Unable to execute HTTP request: %s", err)
	}
	e := api.AsError(err)
	name := d.base
	if d.modelled[e.Code] {
		name = strings.TrimSuffix(e.Code, "Exception") + "Exception"
	}
	return failed(d.prefix+"."+name, "%s", d.cause(e, requestID))
}

func (d *dialect) cause(e *api.Error, requestID string) string {
	if d.sdk2 {
		return fmt.Sprintf("%s (Service: %s, Status Code: %d, Request ID: %s) (SDK Attempt Count: 1)", e.Message, d.label, e.HTTPStatus(), requestID)
	}
	return fmt.Sprintf("%s (Service: %s; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)", e.Message, d.label, e.HTTPStatus(), e.Code, requestID)
}
