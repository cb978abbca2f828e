package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"

	"holdfast/internal/fault"
)

// readPost reads a JSON body. Nothing of it is kept by the transport once the answer is written.
func readPost(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *refusal) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != mediaJSON || !isUTF8(params["charset"]) {
		return nil, refuse(http.StatusUnsupportedMediaType, "the Content-Type must be application/json in UTF-8").
			with("Accept-Post", mediaJSON)
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, refuse(http.StatusUnsupportedMediaType, "the body must not be compressed").
			with("Accept-Encoding", "identity")
	}
	tooLarge := refuse(http.StatusRequestEntityTooLarge, "the body must be 256 KiB or less")
	if r.ContentLength > MaxBody {
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var overrun *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &overrun):
		return nil, tooLarge
	case errors.As(err, &network) && network.Timeout():
		return nil, refuse(http.StatusRequestTimeout, "the body did not arrive in time").with("Connection", "close")
	case err != nil:
		return nil, badRequest("the body did not arrive whole")
	}
	return decode(body)
}

// readGet reads the parameters of the URL. An empty one counts as absent, and of a repeated one the first counts.
func readGet(r *http.Request) (*graphql.RawParams, *refusal) {
	if len(r.URL.RawQuery) > MaxBody {
		return nil, refuse(http.StatusRequestURITooLong, "the URL is too long: send the query by POST")
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("the URL's parameters are not well-formed")
	}
	for _, name := range []string{"query", "operationName", "variables", "extensions"} {
		if !utf8.ValidString(values.Get(name)) {
			return nil, badRequest("the URL's parameters must be UTF-8")
		}
	}
	params := &graphql.RawParams{Query: values.Get("query"), OperationName: values.Get("operationName")}
	var ok bool
	if params.Variables, ok = decodeObject(values.Get("variables")); !ok {
		return nil, badRequest("variables must be a JSON object")
	}
	if params.Extensions, ok = decodeObject(values.Get("extensions")); !ok {
		return nil, badRequest("extensions must be a JSON object")
	}
	return params, checkQuery(params.Query)
}

// decodeObject reads a parameter of a URL; empty and null are no object at all, which is fine.
func decodeObject(text string) (map[string]any, bool) {
	if text == "" {
		return nil, true
	}
	dec := newDecoder([]byte(text))
	object, err := decodeValue[map[string]any](dec)
	return object, err == nil && atEnd(dec)
}

// decode reads the JSON envelope member by member: names are matched exactly, unlike by json.Unmarshal, members we do
// not know are passed over, and of a repeated one the last counts.
func decode(body []byte) (*graphql.RawParams, *refusal) {
	if !utf8.Valid(body) {
		return nil, badRequest("the body must be UTF-8")
	}
	dec := newDecoder(body)
	open, err := dec.Token()
	switch {
	case errors.Is(err, io.EOF):
		return nil, badRequest("the body is empty: send a JSON object with a query")
	case err != nil:
		return nil, notJSON()
	case open == json.Delim('['):
		return nil, badRequest("batches are not served: send one JSON object a request")
	case open != json.Delim('{'):
		return nil, badRequest("the body must be a JSON object")
	}
	var params graphql.RawParams
	for dec.More() {
		token, err := dec.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return nil, notJSON()
		}
		if refused := decodeMember(dec, name, &params); refused != nil {
			return nil, refused
		}
	}
	if _, err := dec.Token(); err != nil || !atEnd(dec) {
		return nil, notJSON()
	}
	return &params, checkQuery(params.Query)
}

func decodeMember(dec *json.Decoder, name string, params *graphql.RawParams) *refusal {
	var err error
	want := "a string"
	switch name {
	case "query":
		params.Query, err = decodeValue[string](dec)
	case "operationName":
		params.OperationName, err = decodeValue[string](dec)
	case "variables":
		want = "an object"
		params.Variables, err = decodeValue[map[string]any](dec)
	case "extensions":
		want = "an object"
		params.Extensions, err = decodeValue[map[string]any](dec)
	default:
		_, err = decodeValue[json.RawMessage](dec)
	}
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType):
		// Only the four names above have a type, so nothing of the body is repeated here.
		return badRequest(name + " must be " + want)
	case err != nil:
		return notJSON()
	default:
		return nil
	}
}

// decodeValue reads the next value; null is the zero value.
func decodeValue[T any](dec *json.Decoder) (T, error) {
	var value T
	err := dec.Decode(&value)
	return value, err
}

// checkQuery is what every transport asks of a query's text before the executor, and so its cache, gets to see it.
func checkQuery(query string) *refusal {
	switch {
	case query == "":
		return badRequest("query is missing")
	case len(query) > MaxQuery:
		return &refusal{status: http.StatusBadRequest, code: fault.CostExceeded, message: "query must be 16 KiB or less"}
	default:
		return nil
	}
}

// newDecoder keeps numbers as they were written: doubles would round large amounts.
func newDecoder(text []byte) *json.Decoder {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return dec
}

func atEnd(dec *json.Decoder) bool {
	_, err := dec.Token()
	return errors.Is(err, io.EOF)
}
