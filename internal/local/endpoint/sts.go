package endpoint

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

type getCallerIdentityInput struct{}

type callerIdentity struct {
	Arn     string
	UserID  string `json:"UserId" xml:"UserId"`
	Account string
}

// newSTS is the part of the Security Token Service that says who calls.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func newSTS(account *api.Account) api.Service {
	identity := func(_ context.Context, caller api.Caller, _ *getCallerIdentityInput) (*callerIdentity, error) {
		if caller.RoleARN == "" {
			return &callerIdentity{Arn: "arn:" + account.Partition + ":iam::" + account.ID + ":root", UserID: account.ID, Account: account.ID}, nil
		}
		role, session := lastPart(caller.RoleARN, "/"), sessionName(caller)
		return &callerIdentity{
			Arn:     "arn:" + account.Partition + ":sts::" + account.ID + ":assumed-role/" + role + "/" + session,
			UserID:  caller.AccessKeyID + ":" + session,
			Account: account.ID,
		}, nil
	}
	return api.Service{
		Name:       "sts",
		Operations: map[string]api.Operation{"GetCallerIdentity": api.Op("sts", "GetCallerIdentity", identity)},
		Query:      stsCodec{},
	}
}

// sessionName is the role session's name as Lambda and Step Functions choose it.
func sessionName(caller api.Caller) string {
	if caller.Function != "" {
		return caller.Function
	}
	return lastPart(caller.Execution, ":")
}

func lastPart(s, separator string) string { return s[strings.LastIndex(s, separator)+1:] }

type stsCodec struct{}

func (stsCodec) Decode(form map[string][]string) (operation string, input []byte, err error) {
	members := map[string]string{}
	for name, values := range form {
		switch {
		case len(values) == 0 || name == "Version":
		case name == "Action":
			operation = values[0]
		default:
			members[name] = values[0]
		}
	}
	input, err = json.Marshal(members)
	return operation, input, err
}

func (stsCodec) Encode(operation string, output any, requestID string) ([]byte, error) {
	return xml.Marshal(struct {
		XMLName   xml.Name
		Namespace string `xml:"xmlns,attr"`
		Result    any    `xml:"GetCallerIdentityResult"`
		RequestID string `xml:"ResponseMetadata>RequestId"`
	}{XMLName: xml.Name{Local: operation + "Response"}, Namespace: stsNamespace, Result: output, RequestID: requestID})
}

func (stsCodec) EncodeError(e *api.Error, requestID string) []byte { return queryError(e, requestID) }
