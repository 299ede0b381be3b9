package sqs

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/musterq/muster/internal/local/api"
)

// Every error of SQS has two codes: the exception's name, which the JSON
// protocol carries in __type, and the older one of the query protocol, which
// SDKs still show.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
const queryPrefix = "AWS.SimpleQueueService."

var (
	errQueueDoesNotExist = &api.Error{
		Code: "QueueDoesNotExist", QueryCode: queryPrefix + "NonExistentQueue",
		Message: "The specified queue does not exist.",
	}
	errQueueDeletedRecently = &api.Error{
		Code: "QueueDeletedRecently", QueryCode: queryPrefix + "QueueDeletedRecently",
		Message: "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
	}
	errInvalidBatchEntryID = &api.Error{
		Code: "InvalidBatchEntryId", QueryCode: queryPrefix + "InvalidBatchEntryId",
		Message: "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
	}
	// errExpiredHandle is how an entry of a batch fails; a single call fails
	// with expired.
	errExpiredHandle = &api.Error{Code: "ReceiptHandleIsInvalid", Message: "The receipt handle has expired"}
	errOverLimit     = &api.Error{
		Code: "OverLimit", Status: http.StatusForbidden,
		Message: "Too many messages in flight.",
	}
	errClosed = &api.Error{
		Code: "ServiceUnavailable", Status: http.StatusServiceUnavailable,
		Message: "The embedded runtime has been closed.",
	}
)

func invalidParameter(format string, args ...any) *api.Error {
	return &api.Error{
		Code: "InvalidParameterValueException", QueryCode: "InvalidParameterValue",
		Message: fmt.Sprintf(format, args...),
	}
}

// invalidValue is how most wrong parameters are reported.
func invalidValue(value any, parameter, reason string) *api.Error {
	return invalidParameter("Value %v for parameter %s is invalid. Reason: %s", value, parameter, reason)
}

// notForThisType refuses a parameter of the other type of queue.
func notForThisType(value any, parameter string) *api.Error {
	return invalidValue(value, parameter, "The request include parameter that is not valid for this queue type.")
}

func missingParameter(name string) *api.Error {
	return &api.Error{
		Code: "MissingRequiredParameterException", QueryCode: "MissingParameter",
		Message: "The request must contain the parameter " + name + ".",
	}
}

func unknownAttribute(name string) *api.Error {
	return api.Errorf("InvalidAttributeName", "Unknown Attribute %s.", name)
}

func invalidAttributeValue(name string) *api.Error {
	return api.Errorf("InvalidAttributeValue", "Invalid value for the parameter %s.", name)
}

func refusedValue(name, reason string) *api.Error {
	return api.Errorf("InvalidAttributeValue", "Invalid value for the parameter %s. Reason: %s", name, reason)
}

func invalidHandle(handle string) *api.Error {
	return api.Errorf("ReceiptHandleIsInvalid", "The input receipt handle \"%s\" is not a valid receipt handle.", handle)
}

// unavailableHandle is what ChangeMessageVisibility answers to a handle whose
// message is gone or has been received again.
func unavailableHandle(handle string) *api.Error {
	return invalidValue(handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change.")
}

// expired words a single call's error for a handle that has expired.
func expired(handle string, err error) error {
	if errors.Is(err, errExpiredHandle) {
		return invalidValue(handle, "ReceiptHandle", "The receipt handle has expired.")
	}
	return err
}

func unsupported(message string) *api.Error {
	return &api.Error{Code: "UnsupportedOperation", QueryCode: queryPrefix + "UnsupportedOperation", Message: message}
}

func queueNameExists(attribute string) *api.Error {
	return &api.Error{
		Code: "QueueNameExists", QueryCode: "QueueAlreadyExists",
		Message: "A queue already exists with the same name and a different value for attribute " + attribute,
	}
}

func purgeInProgress(queue string) *api.Error {
	return &api.Error{
		Code: "PurgeQueueInProgress", QueryCode: queryPrefix + "PurgeQueueInProgress", Status: http.StatusForbidden,
		Message: "Only one PurgeQueue operation on " + queue + " is allowed every 60 seconds.",
	}
}

func batchError(code, format string, args ...any) *api.Error {
	return &api.Error{Code: code, QueryCode: queryPrefix + code, Message: fmt.Sprintf(format, args...)}
}
