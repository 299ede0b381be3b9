package endpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/smithy-go/encoding/cbor"

	"github.com/musterq/muster/internal/local/api"
)

// timestampTag marks seconds since 1970 in CBOR.
const timestampTag = 1

// serveCBOR serves the RPC v2 CBOR protocol, which current SDKs speak with
// CloudWatch, by way of the same operations' JSON.
//
// https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
func (h *handler) serveCBOR(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	output, err := h.callCBOR(r)
	if lost(r.Context(), err) {
		abort()
	}
	var value cbor.Value
	if err == nil {
		value, err = toCBOR(output)
	}
	if err != nil {
		e := api.AsError(err)
		if e.QueryCode != "" {
			w.Header().Set("X-Amzn-Query-Error", e.QueryCode+";Sender")
		}
		write(w, e.HTTPStatus(), cbor.Encode(cbor.Map{"__type": cbor.String(e.Code), "message": cbor.String(e.Message)}))
		return
	}
	write(w, http.StatusOK, cbor.Encode(value))
}

func (h *handler) callCBOR(r *http.Request) (any, error) {
	caller, err := h.caller(r)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(r.URL.Path, "/")
	if len(parts) != 5 || parts[1] != "service" || parts[3] != "operation" {
		return nil, &api.Error{Code: "UnknownOperationException", Message: "The embedded runtime does not know the path " + r.URL.Path + ".", Status: http.StatusNotFound}
	}
	service, ok := h.router.ServiceByTarget(parts[2])
	if !ok {
		return nil, &api.Error{Code: "UnknownOperationException", Message: "The embedded runtime does not know the target " + parts[2] + ".", Status: http.StatusNotFound}
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	var input []byte
	if len(body) > 0 {
		value, err := cbor.Decode(body)
		if err != nil {
			return nil, api.Errorf("SerializationException", "%s", err)
		}
		plain, err := fromCBOR(value)
		if err != nil {
			return nil, err
		}
		if input, err = json.Marshal(plain); err != nil {
			return nil, api.Errorf("SerializationException", "%s", err)
		}
	}
	return h.router.Call(r.Context(), service.Name, parts[4], caller, input)
}

// fromCBOR turns a value into one that encodes to the JSON of the same shape.
// Tagged timestamps become numbers, byte strings base64.
func fromCBOR(v cbor.Value) (any, error) {
	switch v := v.(type) {
	case cbor.Uint:
		return uint64(v), nil
	case cbor.NegInt:
		return cbor.AsInt64(v)
	case cbor.Slice:
		return []byte(v), nil
	case cbor.String:
		return string(v), nil
	case cbor.Bool:
		return bool(v), nil
	case cbor.Float32:
		return float64(v), nil
	case cbor.Float64:
		return float64(v), nil
	case *cbor.Nil, *cbor.Undefined:
		return nil, nil
	case *cbor.Tag:
		return fromCBOR(v.Value)
	case cbor.List:
		list := make([]any, len(v))
		for i, element := range v {
			plain, err := fromCBOR(element)
			if err != nil {
				return nil, err
			}
			list[i] = plain
		}
		return list, nil
	case cbor.Map:
		members := make(map[string]any, len(v))
		for name, member := range v {
			plain, err := fromCBOR(member)
			if err != nil {
				return nil, err
			}
			members[name] = plain
		}
		return members, nil
	}
	return nil, api.Errorf("SerializationException", "The embedded runtime does not know the CBOR value %T.", v)
}

// toCBOR turns an output into CBOR by way of its JSON. JSON does not tell a
// timestamp from a number, so its member's name must.
func toCBOR(output any) (cbor.Value, error) {
	encoded, err := json.Marshal(output)
	if err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	var plain any
	if err := decoder.Decode(&plain); err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	if plain == nil {
		return cbor.Map{}, nil
	}
	return plainToCBOR("", plain)
}

func plainToCBOR(name string, v any) (cbor.Value, error) {
	switch v := v.(type) {
	case nil:
		return &cbor.Nil{}, nil
	case bool:
		return cbor.Bool(v), nil
	case string:
		return cbor.String(v), nil
	case json.Number:
		return numberToCBOR(name, v)
	case []any:
		list := make(cbor.List, len(v))
		for i, element := range v {
			value, err := plainToCBOR(name, element)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	case map[string]any:
		members := make(cbor.Map, len(v))
		for name, member := range v {
			value, err := plainToCBOR(name, member)
			if err != nil {
				return nil, err
			}
			members[name] = value
		}
		return members, nil
	}
	return nil, fmt.Errorf("encode the answer: unexpected %T", v)
}

func numberToCBOR(name string, n json.Number) (cbor.Value, error) {
	f, err := n.Float64()
	if err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	switch {
	case isTimestamp(name):
		return &cbor.Tag{ID: timestampTag, Value: cbor.Float64(f)}, nil
	case f != math.Trunc(f) || math.Abs(f) > 1<<53:
		return cbor.Float64(f), nil
	case f < 0:
		return cbor.NegInt(uint64(-f)), nil
	}
	return cbor.Uint(uint64(f)), nil
}

// isTimestamp goes by the names that CloudWatch gives its timestamps.
func isTimestamp(name string) bool {
	return strings.HasSuffix(name, "Timestamp") || slices.Contains([]string{"Timestamps", "StartTime", "EndTime", "LastModified"}, name)
}
