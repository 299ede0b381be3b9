package cloudwatch

import (
	"fmt"
	"net/http"

	"github.com/musterq/muster/internal/local/api"
)

func missingParameter(name string) error {
	return &api.Error{
		Code: "MissingRequiredParameterException", QueryCode: "MissingParameter",
		Message: "The parameter " + name + " is required.",
	}
}

func invalidValue(message string) error {
	return &api.Error{Code: "InvalidParameterValueException", QueryCode: "InvalidParameterValue", Message: message}
}

// validation is an error of a constraint in the API's model.
func validation(format string, args ...any) error {
	return &api.Error{Code: "ValidationError", Message: fmt.Sprintf(format, args...)}
}

func noSuchAlarm() error {
	return &api.Error{Code: "ResourceNotFound", Message: "The named resource does not exist.", Status: http.StatusNotFound}
}
