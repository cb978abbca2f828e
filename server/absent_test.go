package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/graph"
	"holdfast/internal/typeid"
)

// asking is one root field, asked for as everybody.
type asking struct {
	name        string
	row         rootRow
	cast        *cast
	here, there string // the objects of those who are refused, once they are made
	twisted     bool   // see twists
}

// object is that of a side. Those who are refused share one.
func (p *asking) object(t *testing.T, s *side) string {
	t.Helper()
	kept := &p.here
	if s == &p.cast.there {
		kept = &p.there
	}
	if *kept == "" && p.row.object != nil {
		*kept = p.row.object(t, p.cast, s)
	}
	return *kept
}

// shows asks as an actor who may, for an object that was made for that. The first takes that of those who were refused.
func (p *asking) shows(t *testing.T, actor string) {
	t.Helper()
	id := p.object(t, &p.cast.here)
	p.here = ""
	who := p.cast.clients[actor]
	r := p.row.request(t, p.name, &p.cast.here, id)
	if got := who.send(t, r.query, r.vars); got.outcome(t) != shown {
		t.Errorf("%s: %s, want it shown: %s", actor, got.outcome(t), got.Body)
	}
}

// refuses asks as the n-th actor, who may not, for the object of a side and for one that is not there: all answers are the
// same, byte for byte, so that nobody learns what exists.
func (p *asking) refuses(t *testing.T, n int, actor, want, letter string, s *side) {
	t.Helper()
	who, id := p.cast.clients[actor], p.object(t, s)
	send := func(id string) answer {
		r := p.row.request(t, p.name, s, id)
		return who.send(t, r.query, r.vars)
	}
	foreign := send(id)
	if got := foreign.outcome(t); got != want {
		t.Errorf("%s: %s, want %s: %s", actor, got, want, foreign.Body)
		return
	}
	if p.row.object == nil || letter == "n" || letter == "S" {
		return
	}
	if absent := absentLike(id); letter == "f" {
		if got := send(absent).outcome(t); got != notFound {
			t.Errorf("%s: %s for what is absent, want %s", actor, got, notFound)
		}
		return
	}
	odd := oddIDs(id)
	others := []string{odd[n%len(odd)], absentLike(id)}
	if letter == "U" || letter == "F" {
		if others = others[n%2 : n%2+1]; !p.cast.whole {
			return // they are refused before anything is looked for
		}
	}
	for _, other := range others {
		p.same(t, actor, id, foreign, other, send(other))
	}
	if letter == "N" && !p.twisted && p.cast.whole {
		p.twisted = true // for one of them
		p.twists(t, actor, s, id)
	}
}

// twists spoil one part of the request at a time: what else is wrong with it does not tell a foreign object from an absent one.
func (p *asking) twists(t *testing.T, actor string, s *side, id string) {
	t.Helper()
	r, absent := p.row.request(t, p.name, s, id), absentLike(id)
	text, err := json.Marshal(r.vars)
	must(t, err)
	var plain map[string]any
	must(t, json.Unmarshal(text, &plain))
	who := p.cast.clients[actor]
	for _, spoilt := range append(twistsOf(plain, id, s), additions(p.name, plain)...) {
		text, err := json.Marshal(map[string]any{"query": r.query, "variables": spoilt})
		must(t, err)
		p.same(t, fmt.Sprint(actor, " with ", spoilt), id, who.post(t, text),
			absent, who.post(t, bytes.ReplaceAll(text, []byte(id), []byte(absent))))
	}
}

// twistsOf are all ways to spoil one part of v that is not the id.
func twistsOf(v any, id string, s *side) []any {
	var out []any
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			for _, spoilt := range twistsOf(v[name], id, s) {
				out = append(out, with(v, name, spoilt))
			}
		}
	case []any:
		for i := range v {
			for _, spoilt := range twistsOf(v[i], id, s) {
				list := slices.Clone(v)
				list[i] = spoilt
				out = append(out, list)
			}
		}
	case float64:
		out = []any{-1}
	case string:
		switch {
		case v == id:
		case v == "CNY":
			out = []any{"HKD"}
		case strings.HasPrefix(v, "SKU"):
			out = []any{"", s.sku}
		default:
			out = []any{""}
		}
	}
	return out
}

// additions give the root field's input one thing more that cannot be good.
func additions(root string, args map[string]any) []any {
	var out []any
	root, _, _ = strings.Cut(root, " ")
	in, ok := args["input"].(map[string]any)
	if !ok {
		return nil
	}
	schema := graph.Schema()
	field := schema.Types["Mutation"].Fields.ForName(strings.TrimPrefix(root, "Mutation."))
	for _, f := range schema.Types[field.Arguments.ForName("input").Type.Name()].Fields {
		bad, ok := map[string]any{"Int": -1, "Int64": 0, "String": "", "ID": "x"}[f.Type.NamedType]
		if _, has := in[f.Name]; ok && !has {
			out = append(out, with(args, "input", with(in, f.Name, bad)))
		}
	}
	return out
}

func with(v map[string]any, name string, inner any) map[string]any {
	out := maps.Clone(v)
	out[name] = inner
	return out
}

// same fails unless the answers to requests that differ in an id alone are the same, but for the ids where they are echoed.
func (p *asking) same(t *testing.T, what, foreign string, a answer, absent string, b answer) {
	t.Helper()
	if diff := cmp.Diff(fingerprint(a, foreign), fingerprint(b, absent)); diff != "" {
		t.Errorf("%s: %.60q is told from a foreign one (-foreign +absent):\n%s", what, absent, diff)
	}
}

// absentLike is an id of the same noun that is of nothing.
func absentLike(id string) string {
	noun, _, _ := strings.Cut(id, "_")
	_, suffix, _ := strings.Cut(typeid.New[typeid.Order](time.Now()).String(), "_")
	return noun + "_" + suffix
}

// oddIDs are no good ids, in as many ways as there are; each actor tries one.
func oddIDs(id string) []string {
	_, suffix, _ := strings.Cut(id, "_")
	return []string{"nonsense", "", strings.Repeat("x", 5000), id + "0", strings.ToUpper(id), "shipm_" + suffix, "xyz_" + suffix, id[:len(id)-1], " " + id}
}

// fingerprint is all of an answer but what differs from request to request, and the id that the client has sent.
func fingerprint(a answer, sent string) string {
	h := a.Header.Clone()
	h.Del("Date")
	h.Del("X-Request-Id")
	body := string(a.Body)
	if sent != "" && strings.Contains(body, sent) {
		h.Del("Content-Length") // of another length where the id is
		body = strings.ReplaceAll(body, sent, "(the id)")
	}
	var out bytes.Buffer
	_ = h.Write(&out) // a buffer takes everything
	return fmt.Sprint(a.Status, "\n", out.String(), "\n", body)
}
