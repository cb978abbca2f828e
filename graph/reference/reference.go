// Package reference is the API's reference as a web page, made from the schema when the server starts: it cannot be out of date.
package reference

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// Path is where the page is. Its style sheet is beside it.
const Path = "/reference"

//go:embed page.html
var pageHTML string

//go:embed page.css
var style []byte

// chapter is one kind of definitions.
type chapter struct {
	Title   string
	Entries []entry
}

// entry is a type, or a field that operations begin with.
type entry struct {
	ID, Name, Description string
	Arguments             []field
	Type                  *ast.Type // of a root field
	Kinds                 []string  // the interfaces that it has, or the types that it may be
	Fields                []field
}

// field is a field, an argument or a value.
type field struct {
	Name, Description, Default string
	Deprecated                 *string
	Arguments                  []field
	Type                       *ast.Type // nil of a value
}

// New is the page of a schema, and its style sheet, to be mounted at Path and below. The page runs no script.
func New(schema *ast.Schema) (http.Handler, error) {
	var page bytes.Buffer
	t, err := template.New("reference").Funcs(template.FuncMap{"prose": prose, "kind": linked(schema)}).Parse(pageHTML)
	if err == nil {
		err = t.Execute(&page, chapters(schema))
	}
	if err != nil {
		return nil, fmt.Errorf("make the reference: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path, serve("text/html; charset=utf-8", page.Bytes()))
	mux.HandleFunc("GET "+Path+".css", serve("text/css; charset=utf-8", style))
	return mux, nil
}

func serve(kind string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		_, _ = w.Write(content)
	}
}

func chapters(schema *ast.Schema) []chapter {
	out := []chapter{
		{"Queries", roots(schema.Query)},
		{"Mutations", roots(schema.Mutation)},
		{"Subscriptions", roots(schema.Subscription)},
		{Title: "Objects"},
		{Title: "Interfaces and unions"},
		{Title: "Inputs"},
		{Title: "Enumerations"},
		{Title: "Scalars"},
	}
	of := map[ast.DefinitionKind]int{ast.Object: 3, ast.Interface: 4, ast.Union: 4, ast.InputObject: 5, ast.Enum: 6, ast.Scalar: 7}
	for _, def := range schema.Types {
		if strings.HasPrefix(def.Name, "__") || def == schema.Query || def == schema.Mutation || def == schema.Subscription {
			continue
		}
		c := &out[of[def.Kind]]
		c.Entries = append(c.Entries, entryOf(schema, def))
	}
	for _, c := range out {
		slices.SortFunc(c.Entries, func(a, b entry) int { return cmp.Compare(a.Name, b.Name) })
	}
	return out
}

// roots are the fields that operations of one kind begin with.
func roots(def *ast.Definition) []entry {
	if def == nil {
		return nil
	}
	var out []entry
	for _, f := range def.Fields {
		if !strings.HasPrefix(f.Name, "__") {
			out = append(out, entry{ID: def.Name + "." + f.Name, Name: f.Name, Description: f.Description, Arguments: arguments(f.Arguments), Type: f.Type})
		}
	}
	return out
}

func entryOf(schema *ast.Schema, def *ast.Definition) entry {
	e := entry{ID: def.Name, Name: def.Name, Description: def.Description, Kinds: slices.Clone(def.Interfaces)}
	if def.IsAbstractType() {
		for _, t := range schema.GetPossibleTypes(def) {
			e.Kinds = append(e.Kinds, t.Name)
		}
		slices.Sort(e.Kinds)
	}
	for _, f := range def.Fields {
		e.Fields = append(e.Fields, field{
			Name: f.Name, Description: f.Description, Default: value(f.DefaultValue), Deprecated: deprecated(f.Directives),
			Arguments: arguments(f.Arguments), Type: f.Type,
		})
	}
	for _, v := range def.EnumValues {
		e.Fields = append(e.Fields, field{Name: v.Name, Description: v.Description, Deprecated: deprecated(v.Directives)})
	}
	return e
}

func arguments(list ast.ArgumentDefinitionList) []field {
	var out []field
	for _, a := range list {
		out = append(out, field{Name: a.Name, Description: a.Description, Default: value(a.DefaultValue), Type: a.Type})
	}
	return out
}

func value(v *ast.Value) string {
	if v == nil {
		return ""
	}
	return v.String()
}

func deprecated(list ast.DirectiveList) *string {
	d := list.ForName("deprecated")
	if d == nil {
		return nil
	}
	reason := "No longer supported"
	if a := d.Arguments.ForName("reason"); a != nil {
		reason = a.Value.Raw
	}
	return &reason
}

// linked spells a type, or the name of one, with a link to where it is explained.
func linked(schema *ast.Schema) func(any) template.HTML {
	link := func(name string) string {
		if schema.Types[name] == nil {
			return template.HTMLEscapeString(name)
		}
		return fmt.Sprintf(`<a href="#%s">%s</a>`, template.HTMLEscapeString(name), template.HTMLEscapeString(name))
	}
	return func(of any) template.HTML {
		text := fmt.Sprint(of)
		if t, ok := of.(*ast.Type); ok {
			text = strings.Replace(template.HTMLEscapeString(t.String()), t.Name(), link(t.Name()), 1)
		} else {
			text = link(text)
		}
		return template.HTML(text) //nolint:gosec // names of the schema, escaped
	}
}

// prose is a description: paragraphs, and code between backquotes.
func prose(text string) template.HTML {
	var out strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		out.WriteString("<p>")
		for i, part := range strings.Split(paragraph, "`") {
			if part = template.HTMLEscapeString(part); i%2 == 1 {
				part = "<code>" + part + "</code>"
			}
			out.WriteString(part)
		}
		out.WriteString("</p>")
	}
	return template.HTML(out.String()) //nolint:gosec // escaped above
}
