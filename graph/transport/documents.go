package transport

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"holdfast/graph/guard"
)

// Documents are those that requests may name instead of sending them. The zero Documents are none, beside which any other
// runs.
type Documents struct {
	// Find is the document of an id, or of the SHA-256 of its text in lower-case hexadecimal; nil when there are none.
	Find func(id string) (text string, ok bool)
	// Only refuses every document that Find does not know, introspection too.
	Only bool
}

func (d Documents) find(id string) (string, bool) {
	if d.Find == nil {
		return "", false
	}
	return d.Find(id)
}

// envelope is a request as it was sent.
type envelope struct {
	graphql.RawParams

	documentID string
}

// resolve puts the document that is named into the place of the query, and refuses what may not run. It is what every
// transport asks before the executor, and so its cache, gets to see the query.
func (e *envelope) resolve(from Documents) *refusal {
	hash, refused := e.hash()
	if refused != nil {
		return refused
	}
	id := e.documentID
	if id == "" {
		id = hash
	}
	if id == "" {
		return e.unnamed(from)
	}
	text, ok := from.find(id)
	switch {
	case ok && e.Query != "" && e.Query != text:
		return badRequest("query is not the document that is named: send one of them")
	case ok:
		e.Query = text
		return nil
	case e.Query != "" && e.documentID == "" && !from.Only:
		// A client that names and sends at once, for a cache that is not here.
		if hash != hashOf(e.Query) {
			return badRequest("sha256Hash is not the SHA-256 of query")
		}
		return checkQuery(e.Query)
	case e.Query != "" && from.Only:
		return onlyRegistered()
	default:
		return badRequest("no document is registered under this id")
	}
}

func (e *envelope) unnamed(from Documents) *refusal {
	refused := checkQuery(e.Query)
	if refused != nil || !from.Only {
		return refused
	}
	if text, ok := from.find(hashOf(e.Query)); !ok || text != e.Query {
		return onlyRegistered()
	}
	return nil
}

func onlyRegistered() *refusal { return badRequest("only registered documents run here") }

// hash is what the persisted queries of Apollo and others name a document by.
func (e *envelope) hash() (string, *refusal) {
	value, ok := e.Extensions["persistedQuery"]
	if !ok || value == nil {
		return "", nil
	}
	object, _ := value.(map[string]any)
	hash, ok := object["sha256Hash"].(string)
	if !ok || hash == "" {
		return "", badRequest("extensions.persistedQuery must have a sha256Hash")
	}
	return strings.ToLower(hash), nil
}

// names tells whether the request names a document, so that it need not have one.
func (e *envelope) names() bool { return e.documentID != "" || e.Extensions["persistedQuery"] != nil }

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// checkQuery is what is asked of the text of a document that is sent.
func checkQuery(query string) *refusal {
	switch {
	case query == "":
		return badRequest("query is missing")
	case len(query) > guard.MaxQuery:
		return tooLong()
	default:
		return nil
	}
}

func tooLong() *refusal { return costly("query must have no more bytes than", guard.MaxQuery) }
