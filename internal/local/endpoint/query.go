package endpoint

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// signingNames are the services whose credential scope differs from the prefix
// of their IAM actions.
var signingNames = map[string]string{"monitoring": "cloudwatch"}

// queryVersions tell a service by the Version parameter of the query protocol.
var queryVersions = map[string]string{
	"2010-05-15": "cloudformation",
	"2010-03-31": "sns",
	"2010-08-01": "cloudwatch",
	"2011-06-15": "sts",
	"2012-11-05": "sqs",
}

// serveQuery serves the older query protocol: a form in, XML out.
//
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
func (h *handler) serveQuery(w http.ResponseWriter, r *http.Request, requestID string) {
	w.Header().Set("Content-Type", "text/xml")
	codec, output, operation, err := h.callQuery(r)
	if lost(r.Context(), err) {
		abort()
	}
	if err == nil {
		var body []byte
		if body, err = codec.Encode(operation, output, requestID); err == nil {
			write(w, http.StatusOK, body)
			return
		}
	}
	e := api.AsError(err)
	if codec == nil {
		write(w, e.HTTPStatus(), queryError(e, requestID))
		return
	}
	write(w, e.HTTPStatus(), codec.EncodeError(e, requestID))
}

func (h *handler) callQuery(r *http.Request) (codec api.QueryCodec, output any, operation string, err error) {
	body, err := readBody(r)
	if err != nil {
		return nil, nil, "", err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, nil, "", api.Errorf("MalformedQueryString", "%s", err)
	}
	service, ok := h.queryService(r, form)
	if !ok {
		return nil, nil, "", api.Errorf("InvalidAction", "The embedded runtime does not know the action %s of version %s.", form.Get("Action"), form.Get("Version"))
	}
	caller, err := h.caller(r)
	if err != nil {
		return service.Query, nil, "", err
	}
	operation, input, err := service.Query.Decode(form)
	if err != nil {
		return service.Query, nil, "", err
	}
	output, err = h.router.Call(r.Context(), service.Name, operation, caller, input)
	return service.Query, output, operation, err
}

// queryService is the service that a request is signed for or, unsigned, the
// one whose API has the request's version.
func (h *handler) queryService(r *http.Request, form url.Values) (api.Service, bool) {
	_, name := api.Credential(r)
	if name == "" {
		name = queryVersions[form.Get("Version")]
	}
	if other, ok := signingNames[name]; ok {
		name = other
	}
	service, ok := h.router.Service(name)
	return service, ok && service.Query != nil
}

// queryError is an error of a request that names no service.
func queryError(e *api.Error, requestID string) []byte {
	code := e.QueryCode
	if code == "" {
		code = e.Code
	}
	var b strings.Builder
	b.WriteString("<ErrorResponse><Error><Type>Sender</Type><Code>" + code + "</Code><Message>")
	// A strings.Builder never fails.
	_ = xml.EscapeText(&b, []byte(e.Message))
	b.WriteString("</Message></Error><RequestId>" + requestID + "</RequestId></ErrorResponse>")
	return []byte(b.String())
}
