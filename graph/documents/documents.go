// Package documents is the registry of trusted documents: the operations that a client's build has written down, by their ids.
package documents

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"holdfast/graph/guard"
	"holdfast/graph/transport"
)

// Registry finds documents. It does not change once it is made.
type Registry struct {
	texts map[string]string // by id and by hash
	count int
}

// Find is the document of an id, or of the SHA-256 of its text in lower-case hexadecimal, with or without "sha256:" before it.
func (r *Registry) Find(id string) (text string, ok bool) {
	text, ok = r.texts[strings.TrimPrefix(id, "sha256:")]
	return text, ok
}

// Len is how many documents there are.
func (r *Registry) Len() int { return r.count }

// Load reads the documents at path and validates each against the schema, with the limits that requests have. Path is a file
// with a JSON object of texts by their ids, as graphql-codegen and Relay write it; or a folder of .graphql files, each named
// by the SHA-256 of its text or by any other id, such as the name of its operation. The error names every document that is
// wrong, and why.
func Load(path string, schema *ast.Schema) (*Registry, error) {
	texts, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("read documents: %w", err)
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("read documents: there are none in %s", path)
	}
	r := &Registry{texts: make(map[string]string, 2*len(texts)), count: len(texts)}
	var wrong []error
	ids := make([]string, 0, len(texts))
	for id := range texts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := check(id, texts[id], schema); err != nil {
			wrong = append(wrong, fmt.Errorf("document %s: %w", id, err))
		}
		r.texts[hashOf(texts[id])] = texts[id]
	}
	for id, text := range texts { // after the hashes: an id counts for more
		r.texts[strings.TrimPrefix(id, "sha256:")] = text
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return r, nil
}

// check tells what is wrong with a document.
func check(id, text string, schema *ast.Schema) error {
	if id == "" {
		return errors.New("its id is empty")
	}
	if hash := strings.TrimPrefix(id, "sha256:"); isHash(hash) && hash != hashOf(text) {
		return errors.New("its id is the SHA-256 of another text")
	}
	if _, errs := guard.Parse(schema, text, transport.Rules()); len(errs) > 0 {
		return errs
	}
	return nil
}

// isHash tells whether an id looks like a SHA-256.
func isHash(id string) bool {
	sum, err := hex.DecodeString(id)
	return err == nil && len(sum) == sha256.Size && id == strings.ToLower(id)
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// read is the texts by their ids, as they are.
func read(path string) (map[string]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the path
	}
	if info.IsDir() {
		return readFolder(path)
	}
	content, err := os.ReadFile(path) //nolint:gosec // the operator has said which
	if err != nil {
		return nil, err //nolint:wrapcheck // likewise
	}
	var texts map[string]string
	if err := json.Unmarshal(content, &texts); err != nil {
		return nil, fmt.Errorf("%s is no JSON object of texts by their ids: %w", path, err)
	}
	return texts, nil
}

func readFolder(path string) (map[string]string, error) {
	texts := make(map[string]string)
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".graphql" {
			return err
		}
		content, err := os.ReadFile(name) //nolint:gosec // the operator has said which
		if err != nil {
			return err
		}
		id := strings.TrimSuffix(d.Name(), ".graphql")
		if _, ok := texts[id]; ok {
			return fmt.Errorf("%s has the name of another document", name)
		}
		texts[id] = string(content)
		return nil
	})
	return texts, err
}
