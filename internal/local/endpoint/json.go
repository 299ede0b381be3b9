package endpoint

import (
	"bytes"
	"encoding/json"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

const defaultContentType = "application/x-amz-json-1.0"

// serveJSON serves the AWS JSON 1.0 and 1.1 protocols.
//
// https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
func (h *handler) serveJSON(w http.ResponseWriter, r *http.Request, target string) {
	prefix, operation, _ := strings.Cut(target, ".")
	service, ok := h.router.ServiceByTarget(prefix)
	if !ok {
		h.writeError(w, "", &api.Error{Code: "UnknownOperationException", Message: "The embedded runtime does not know the target " + target + "."})
		return
	}
	output, err := h.callJSON(r, service.Name, operation)
	if lost(r.Context(), err) {
		abort()
	}
	w.Header().Set("Content-Type", contentType(service))
	if err != nil {
		h.writeError(w, service.Name, api.AsError(err))
		return
	}
	h.writeJSON(w, service.Name, http.StatusOK, output)
}

func (h *handler) callJSON(r *http.Request, service, operation string) (any, error) {
	caller, err := h.caller(r)
	if err != nil {
		return nil, err
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	return h.router.Call(r.Context(), service, operation, caller, body)
}

// writeError answers an error in the JSON protocol. The header
// x-amzn-query-error keeps the older code for services that had one.
//
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#error-code-resolution
func (h *handler) writeError(w http.ResponseWriter, service string, e *api.Error) {
	if e.QueryCode != "" {
		fault := ";Sender"
		if e.HTTPStatus() >= http.StatusInternalServerError {
			fault = ";Receiver"
		}
		w.Header().Set("X-Amzn-Query-Error", e.QueryCode+fault)
	}
	w.Header().Set("X-Amzn-Errortype", e.Code)
	shape := make(map[string]any, len(e.Fields)+2)
	for name, value := range e.Fields {
		shape[name] = value
	}
	shape["__type"] = namespace(service, e.Code) + e.Code
	shape["message"] = e.Message
	h.writeJSON(w, service, e.HTTPStatus(), shape)
}

// namespace is what AWS puts before an error's name in __type. Errors of the
// protocol itself come from the framework under the service.
func namespace(service, code string) string {
	switch service {
	case "sqs", "dynamodb":
	default:
		return ""
	}
	switch code {
	case "UnknownOperationException", "SerializationException", "MissingAuthenticationTokenException", "AccessDeniedException", "InternalFailure":
		return "com.amazon.coral.service#"
	case "ValidationException":
		return "com.amazon.coral.validate#"
	}
	if service == "dynamodb" {
		return "com.amazonaws.dynamodb.v20120810#"
	}
	return "com.amazonaws.sqs#"
}

func (h *handler) writeJSON(w http.ResponseWriter, service string, status int, value any) {
	buffer := h.buffer()
	defer h.buffers.Put(buffer)
	if err := encode(buffer, value); err != nil {
		buffer.Reset()
		status = http.StatusInternalServerError
		h.encodingFailed(buffer, service, err)
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", defaultContentType)
	}
	if service == "dynamodb" {
		// SDKs check it, and Go's takes a missing one for a broken answer.
		w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(buffer.Bytes())), 10))
	}
	write(w, status, buffer.Bytes())
}

// appender is an output that encodes itself, where encoding/json would be slow.
type appender interface {
	AppendJSON(b []byte) ([]byte, error)
}

func encode(buffer *bytes.Buffer, value any) error {
	switch value := value.(type) {
	case nil:
		buffer.WriteString("{}")
	case appender:
		encoded, err := value.AppendJSON(buffer.AvailableBuffer())
		if err != nil {
			return err
		}
		buffer.Write(encoded)
	default:
		encoder := json.NewEncoder(buffer)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(value); err != nil {
			return err
		}
		buffer.Truncate(buffer.Len() - len("\n"))
	}
	return nil
}

// encodingFailed answers for an output that cannot be JSON. What it writes is
// made of two strings, which can.
func (h *handler) encodingFailed(buffer *bytes.Buffer, service string, err error) {
	message, _ := json.Marshal("The embedded runtime could not encode its answer: " + err.Error())
	buffer.WriteString(`{"__type":"` + namespace(service, "InternalFailure") + `InternalFailure","message":`)
	buffer.Write(message)
	buffer.WriteByte('}')
}

func (h *handler) buffer() *bytes.Buffer {
	buffer, _ := h.buffers.Get().(*bytes.Buffer)
	buffer.Reset()
	return buffer
}

// write sends a whole answer. An error here means that the caller has gone,
// and then there is nobody to tell.
func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func contentType(s api.Service) string {
	if s.ContentType == "" {
		return defaultContentType
	}
	return s.ContentType
}
