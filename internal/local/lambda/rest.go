package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"

	"github.com/musterq/muster/internal/local/api"
)

// route is one operation of the REST protocol.
type route struct {
	pattern, operation string
	// status of a success.
	status int
}

// https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
var routes = []route{
	{"POST /2015-03-31/functions", "CreateFunction", 201},
	{"GET /2015-03-31/functions", "ListFunctions", 200},
	{"GET /2015-03-31/functions/{FunctionName}", "GetFunction", 200},
	{"DELETE /2015-03-31/functions/{FunctionName}", "DeleteFunction", 204},
	{"GET /2015-03-31/functions/{FunctionName}/configuration", "GetFunctionConfiguration", 200},
	{"PUT /2015-03-31/functions/{FunctionName}/configuration", "UpdateFunctionConfiguration", 200},
	{"PUT /2015-03-31/functions/{FunctionName}/code", "UpdateFunctionCode", 200},
	{"POST /2015-03-31/functions/{FunctionName}/versions", "PublishVersion", 201},
	{"GET /2015-03-31/functions/{FunctionName}/versions", "ListVersionsByFunction", 200},
	{"POST /2015-03-31/functions/{FunctionName}/aliases", "CreateAlias", 201},
	{"GET /2015-03-31/functions/{FunctionName}/aliases", "ListAliases", 200},
	{"GET /2015-03-31/functions/{FunctionName}/aliases/{Name}", "GetAlias", 200},
	{"PUT /2015-03-31/functions/{FunctionName}/aliases/{Name}", "UpdateAlias", 200},
	{"DELETE /2015-03-31/functions/{FunctionName}/aliases/{Name}", "DeleteAlias", 204},
	{"PUT /2017-10-31/functions/{FunctionName}/concurrency", "PutFunctionConcurrency", 200},
	{"DELETE /2017-10-31/functions/{FunctionName}/concurrency", "DeleteFunctionConcurrency", 204},
	{"GET /2019-09-30/functions/{FunctionName}/concurrency", "GetFunctionConcurrency", 200},
	{"PUT /2019-09-25/functions/{FunctionName}/event-invoke-config", "PutFunctionEventInvokeConfig", 200},
	{"POST /2019-09-25/functions/{FunctionName}/event-invoke-config", "UpdateFunctionEventInvokeConfig", 200},
	{"GET /2019-09-25/functions/{FunctionName}/event-invoke-config", "GetFunctionEventInvokeConfig", 200},
	{"DELETE /2019-09-25/functions/{FunctionName}/event-invoke-config", "DeleteFunctionEventInvokeConfig", 204},
	{"GET /2016-08-19/account-settings", "GetAccountSettings", 200},
	{"POST /2015-03-31/event-source-mappings", "CreateEventSourceMapping", 202},
	{"GET /2015-03-31/event-source-mappings", "ListEventSourceMappings", 200},
	{"GET /2015-03-31/event-source-mappings/{UUID}", "GetEventSourceMapping", 200},
	{"PUT /2015-03-31/event-source-mappings/{UUID}", "UpdateEventSourceMapping", 202},
	{"DELETE /2015-03-31/event-source-mappings/{UUID}", "DeleteEventSourceMapping", 202},
}

// maxBody is the largest request but for Invoke: CreateFunction with a package
// of 50 MB in base64.
const maxBody = 69905067

// rest serves Lambda's REST protocol.
func (s *Service) rest() http.Handler {
	mux := http.NewServeMux()
	for _, route := range routes {
		mux.HandleFunc(route.pattern, s.authenticated(func(w http.ResponseWriter, r *http.Request, caller api.Caller) error {
			return s.serve(w, r, route, caller)
		}))
		// Lambda takes a path with or without a slash at its end.
		mux.HandleFunc(route.pattern+"/{$}", s.authenticated(func(w http.ResponseWriter, r *http.Request, caller api.Caller) error {
			return s.serve(w, r, route, caller)
		}))
	}
	mux.HandleFunc("POST /2015-03-31/functions/{FunctionName}/invocations", s.authenticated(s.serveInvoke))
	mux.HandleFunc("/", s.authenticated(func(_ http.ResponseWriter, r *http.Request, _ api.Caller) error {
		return &api.Error{Code: "UnknownOperationException", Message: "The embedded runtime does not know the Lambda operation " + r.Method + " " + r.URL.Path + ".", Status: 404}
	}))
	return mux
}

// authenticated finds out who calls and writes the error of a call that failed.
func (s *Service) authenticated(serve func(http.ResponseWriter, *http.Request, api.Caller) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := api.AccessKey(r)
		err := error(&api.Error{Code: "MissingAuthenticationTokenException", Message: "Missing Authentication Token", Status: 403})
		if key != "" {
			err = serve(w, r, s.router.Caller(key))
		}
		switch {
		case err == nil:
		case errors.Is(err, api.ErrReplyLost) || r.Context().Err() != nil:
			// This is how net/http breaks a connection without an answer.
			panic(http.ErrAbortHandler)
		default:
			writeError(w, api.AsError(err))
		}
	}
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request, route route, caller api.Caller) error {
	body, err := readBody(r, maxBody, route.operation)
	if err != nil {
		return err
	}
	input, err := restInput(r, body)
	if err != nil {
		return err
	}
	out, err := s.router.Call(context.WithoutCancel(r.Context()), "lambda", route.operation, caller, input)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(out)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(route.status)
	if route.status != http.StatusNoContent {
		// A client that has hung up cannot be told.
		_, _ = w.Write(encoded)
	}
	return nil
}

// restInput joins a body's members with those of the path and the query.
func restInput(r *http.Request, body []byte) ([]byte, error) {
	members := map[string]json.RawMessage{}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &members); err != nil {
			return nil, api.Errorf("SerializationException", "%s", err)
		}
	}
	add := func(name string, value any) {
		// Strings and numbers always encode.
		members[name], _ = json.Marshal(value)
	}
	for name, values := range r.URL.Query() {
		if n, err := strconv.Atoi(values[0]); err == nil && name == "MaxItems" {
			add(name, n)
		} else {
			add(name, values[0])
		}
	}
	for _, name := range []string{"FunctionName", "Name", "UUID"} {
		if value := r.PathValue(name); value != "" {
			add(name, value)
		}
	}
	return json.Marshal(members)
}

// serveInvoke serves Invoke, whose payload is the body itself.
func (s *Service) serveInvoke(w http.ResponseWriter, r *http.Request, caller api.Caller) error {
	for _, header := range []string{"X-Amz-Durable-Execution-Name", "X-Amz-Tenant-Id"} {
		if r.Header.Get(header) != "" {
			return invalid("The embedded runtime does not know the header " + header + ".")
		}
	}
	body, err := readBody(r, maxRequest, "InvokeFunction")
	if err != nil {
		return err
	}
	out, err := s.Invoke(r.Context(), caller, &InvokeInput{
		FunctionName:   r.PathValue("FunctionName"),
		Qualifier:      r.URL.Query().Get("Qualifier"),
		InvocationType: r.Header.Get("X-Amz-Invocation-Type"),
		LogType:        r.Header.Get("X-Amz-Log-Type"),
		ClientContext:  r.Header.Get("X-Amz-Client-Context"),
		Payload:        body,
	})
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	for name, value := range map[string]string{
		"X-Amzn-Requestid":       out.RequestID,
		"X-Amz-Executed-Version": out.ExecutedVersion,
		"X-Amz-Function-Error":   out.FunctionError,
		"X-Amz-Log-Result":       out.LogResult,
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
	w.WriteHeader(out.StatusCode)
	if out.StatusCode == http.StatusOK {
		// A client that has hung up cannot be told.
		_, _ = w.Write(out.Payload)
	}
	return nil
}

func readBody(r *http.Request, limit int64, operation string) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, tooLarge("Request must be smaller than " + strconv.FormatInt(limit, 10) + " bytes for the " + operation + " operation")
	}
	return body, nil
}

// writeError answers an error. Lambda's model spells the message's name in two
// ways.
func writeError(w http.ResponseWriter, e *api.Error) {
	body := map[string]any{"Type": "User"}
	if e.HTTPStatus() >= 500 {
		body["Type"] = "Service"
	}
	maps.Copy(body, e.Fields)
	switch e.Code {
	case "ResourceNotFoundException", "ServiceException":
		body["Message"] = e.Message
	default:
		body["message"] = e.Message
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", e.Code)
	w.WriteHeader(e.HTTPStatus())
	// A client that has hung up cannot be told.
	_, _ = w.Write(encoded)
}
