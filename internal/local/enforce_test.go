package local_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/access"
	"github.com/musterq/muster/internal/local/api"
)

// An operation that nobody said what it asks of IAM is denied to every role: one
// that may do everything finds it.
func TestEveryOperationAsksSomethingOfIAM(t *testing.T) {
	var denials []string
	runtime, err := local.Start(local.Options{IAM: access.Options{Denied: func(d access.Denial) { denials = append(denials, d.String()) }}})
	require.NoError(t, err)
	defer func() { require.NoError(t, runtime.Close()) }()
	caller := api.Caller{RoleARN: runtime.IAM.Put("all", []string{"lambda.amazonaws.com"}, "*"), Function: "f"}
	services := []string{"batch", "cloudformation", "cloudwatch", "codebuild", "dynamodb", "ecs", "events", "lambda", "logs", "s3", "sns", "sqs", "states", "sts"}
	for _, name := range services {
		service, ok := runtime.Router.Service(name)
		require.True(t, ok, name)
		for _, operation := range slices.Sorted(maps.Keys(service.Operations)) {
			assert.NoError(t, runtime.Router.Permitted(t.Context(), name, operation, caller, []byte(`{}`)), "%s:%s", name, operation)
		}
	}
	assert.Empty(t, denials)
}
