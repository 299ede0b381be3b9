// Package sns is as much of Amazon SNS in the embedded AWS as the actions of
// alarms need: standard topics, subscriptions of SQS queues of the same account,
// and publishing. Notifications are not signed: there is no certificate of SNS's
// here to verify them with.
package sns

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/awsquery"
)

const serviceName = "sns"

// Service is SNS of one account and region.
type Service struct {
	account *api.Account
	router  *api.Router

	mu     sync.Mutex
	topics map[string]*topic
}

// New returns a service without topics.
func New(account *api.Account, router *api.Router) *Service {
	return &Service{account: account, router: router, topics: map[string]*topic{}}
}

// API describes the service to the router.
func (s *Service) API() api.Service {
	return api.Service{
		Name: serviceName,
		Operations: map[string]api.Operation{
			"CreateTopic":               api.Op(serviceName, "CreateTopic", s.createTopic),
			"DeleteTopic":               api.Op(serviceName, "DeleteTopic", s.deleteTopic),
			"ListTopics":                api.Op(serviceName, "ListTopics", s.listTopics),
			"GetTopicAttributes":        api.Op(serviceName, "GetTopicAttributes", s.getTopicAttributes),
			"SetTopicAttributes":        api.Op(serviceName, "SetTopicAttributes", s.setTopicAttributes),
			"Subscribe":                 api.Op(serviceName, "Subscribe", s.subscribe),
			"Unsubscribe":               api.Op(serviceName, "Unsubscribe", s.unsubscribe),
			"ListSubscriptionsByTopic":  api.Op(serviceName, "ListSubscriptionsByTopic", s.listSubscriptionsByTopic),
			"GetSubscriptionAttributes": api.Op(serviceName, "GetSubscriptionAttributes", s.getSubscriptionAttributes),
			"SetSubscriptionAttributes": api.Op(serviceName, "SetSubscriptionAttributes", s.setSubscriptionAttributes),
			"Publish":                   api.Op(serviceName, "Publish", s.publish),
			"ListTagsForResource":       api.Op(serviceName, "ListTagsForResource", s.listTagsForResource),
		},
		Query: awsquery.Codec{Namespace: "http://sns.amazonaws.com/doc/2010-03-31/", Booleans: []string{"ReturnSubscriptionArn"}},
	}
}

// Empty is an output without members.
type Empty struct{}

// invalid is the error of a parameter's value.
func invalid(format string, args ...any) error {
	return &api.Error{Code: "InvalidParameter", Message: "Invalid parameter: " + fmt.Sprintf(format, args...)}
}

func notFound(what string) error {
	return &api.Error{Code: "NotFound", Message: what + " does not exist", Status: http.StatusNotFound}
}
