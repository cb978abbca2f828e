package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"holdfast/graph/guard"
)

// readPost reads a JSON body. Nothing of it is kept by the transport once the answer is written.
func readPost(w http.ResponseWriter, r *http.Request) (*envelope, *refusal) {
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
	if r.ContentLength > guard.MaxBody {
		return nil, tooLarge
	}
	var body bytes.Buffer // which takes less memory in all than io.ReadAll
	_, err = body.ReadFrom(http.MaxBytesReader(w, r.Body, guard.MaxBody))
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
	return decode(body.Bytes())
}

// readGet reads the parameters of the URL. An empty one counts as absent, and of a repeated one the first counts.
func readGet(r *http.Request) (*envelope, *refusal) {
	if len(r.URL.RawQuery) > guard.MaxBody {
		return nil, refuse(http.StatusRequestURITooLong, "the URL is too long: send the query by POST")
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("the URL's parameters are not well-formed")
	}
	for _, name := range []string{"query", "operationName", "variables", "extensions", "documentId"} {
		if !utf8.ValidString(values.Get(name)) {
			return nil, badRequest("the URL's parameters must be UTF-8")
		}
	}
	e := &envelope{documentID: values.Get("documentId")}
	e.Query, e.OperationName = values.Get("query"), values.Get("operationName")
	for _, name := range []string{"variables", "extensions"} {
		text := []byte(values.Get(name))
		if len(text) == 0 {
			continue
		}
		if !json.Valid(text) {
			return nil, badRequest(name + " must be a JSON object")
		}
		if refused := e.member(name, bytes.TrimLeft(text, " \t\r\n")); refused != nil {
			return nil, refused
		}
	}
	return e, nil
}

// decode reads the JSON envelope member by member: members we do not know are passed over, and of a repeated one the last
// counts.
func decode(body []byte) (*envelope, *refusal) {
	start := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case !utf8.Valid(body):
		return nil, badRequest("the body must be UTF-8")
	case len(start) == 0:
		return nil, badRequest("the body is empty: send a JSON object with a query")
	case start[0] == '[':
		return nil, badRequest("batches are not served: send one JSON object a request")
	case !json.Valid(body):
		return nil, badRequest("the body is not well-formed JSON")
	case start[0] != '{':
		return nil, badRequest("the body must be a JSON object")
	}
	e := new(envelope)
	if refused := members(start, e.member); refused != nil {
		return nil, refused
	}
	return e, nil
}

// maxEscaped is how many bytes JSON may need for one of text.
const maxEscaped = len(`\u000a`)

func (e *envelope) member(name string, value []byte) *refusal {
	switch name {
	case "query":
		if len(value) > maxEscaped*guard.MaxQuery {
			return tooLong()
		}
		return e.stringMember(name, value, &e.Query)
	case "operationName":
		return e.stringMember(name, value, &e.OperationName)
	case "documentId":
		return e.stringMember(name, value, &e.documentID)
	case "variables":
		return e.objectMember(name, value, &e.Variables)
	case "extensions":
		return e.objectMember(name, value, &e.Extensions)
	default:
		return nil
	}
}

// stringMember reads a string; null is none.
func (*envelope) stringMember(name string, value []byte, into *string) *refusal {
	*into = ""
	if value[0] == 'n' {
		return nil
	}
	if value[0] != '"' {
		return badRequest(name + " must be a string")
	}
	r := reader{text: value}
	*into = r.string()
	return r.refused
}

func (*envelope) objectMember(name string, value []byte, into *map[string]any) *refusal {
	object, ok, refused := objectIn(value)
	if !ok {
		return badRequest(name + " must be a JSON object")
	}
	*into = object
	return refused
}
