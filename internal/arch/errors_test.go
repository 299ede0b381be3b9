package arch

// Where the names of errors in Retry and Catch come from.
const (
	reservedNames = "https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"
	lambdaNames   = "https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception"
	lambdaAPI     = "https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"
	updateItemAPI = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html"
	startAPI      = "https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"
	stepsErrors   = "https://docs.aws.amazon.com/step-functions/latest/apireference/CommonErrors.html"
	runTaskAPI    = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html"
	batchErrors   = "https://docs.aws.amazon.com/batch/latest/APIReference/CommonErrors.html"
	// Batch's model has no exception for too many requests.
	batchTooMany  = "https://repost.aws/knowledge-center/aws-batch-requests-error"
	startBuildAPI = "https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html"
	buildErrors   = "https://docs.aws.amazon.com/codebuild/latest/APIReference/CommonErrors.html"
	lambdaCrashes = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"
	dynamoErrors  = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/CommonErrors.html"
)

// errorSources are the errors that Retry and Catch may name, and where each
// name comes from.
//
// The optimised integrations put "DynamoDB." and "StepFunctions." before an
// exception's name, the SDK integrations "DynamoDb." and "Sfn.".
// https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
var errorSources = map[string]string{
	"States.ALL":               reservedNames,
	"States.DataLimitExceeded": reservedNames,
	"States.HeartbeatTimeout":  reservedNames,
	"States.TaskFailed":        reservedNames,
	"States.Timeout":           reservedNames,

	"Lambda.ClientExecutionTimeoutException": lambdaNames,
	"Lambda.ServiceException":                lambdaNames,
	"Lambda.AWSLambdaException":              lambdaNames,
	"Lambda.SdkClientException":              lambdaNames,
	"Lambda.TooManyRequestsException":        lambdaAPI,
	// A function that ran into its time-out or died.
	"Lambda.Unknown":    lambdaNames,
	"Sandbox.Timedout":  reservedNames,
	"Runtime.ExitError": lambdaCrashes, "Runtime.OutOfMemory": lambdaCrashes,

	"ECS.ThrottlingException":                 runTaskAPI,
	"ECS.SdkClientException":                  lambdaNames,
	"Batch.ThrottlingException":               batchErrors,
	"Batch.AWSBatchException":                 batchTooMany,
	"Batch.BatchException":                    batchTooMany,
	"Batch.SdkClientException":                lambdaNames,
	"CodeBuild.AccountLimitExceededException": startBuildAPI,
	"CodeBuild.ThrottlingException":           buildErrors,
	"CodeBuild.SdkClientException":            lambdaNames,

	"DynamoDB.ConditionalCheckFailedException":        updateItemAPI,
	"DynamoDB.InternalServerError":                    updateItemAPI,
	"DynamoDB.ProvisionedThroughputExceededException": updateItemAPI,
	"DynamoDB.TransactionConflictException":           updateItemAPI,
	"DynamoDB.ThrottlingException":                    dynamoErrors,
	"DynamoDB.SdkClientException":                     lambdaNames,
	"DynamoDb.ConditionalCheckFailedException":        updateItemAPI,
	// Without a prefix, as some emulators name it.
	"ConditionalCheckFailedException": updateItemAPI,

	// Recordings have the names with "Exception", the guide's examples without.
	"StepFunctions.ExecutionAlreadyExists":            startAPI,
	"StepFunctions.ExecutionAlreadyExistsException":   startAPI,
	"StepFunctions.ExecutionLimitExceeded":            startAPI,
	"StepFunctions.ExecutionLimitExceededException":   startAPI,
	"StepFunctions.StateMachineDeleting":              startAPI,
	"StepFunctions.StateMachineDeletingException":     startAPI,
	"StepFunctions.StateMachineDoesNotExist":          startAPI,
	"StepFunctions.StateMachineDoesNotExistException": startAPI,
	"StepFunctions.AccessDeniedException":             stepsErrors,
	"StepFunctions.InternalFailure":                   stepsErrors,
	"StepFunctions.ServiceUnavailable":                stepsErrors,
	"StepFunctions.ThrottlingException":               stepsErrors,
	"StepFunctions.SdkClientException":                lambdaNames,
	"Sfn.ExecutionAlreadyExists":                      startAPI,
	"Sfn.ExecutionAlreadyExistsException":             startAPI,
	"Sfn.InternalFailure":                             stepsErrors,
	"Sfn.ServiceUnavailable":                          stepsErrors,
	"Sfn.ThrottlingException":                         stepsErrors,
	"Sfn.SdkClientException":                          lambdaNames,
}
