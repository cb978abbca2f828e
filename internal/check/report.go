package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteText writes the report for people: a line for each invariant, below it the rows that break it, and what it took.
func (r Report) WriteText(w io.Writer, took time.Duration) error {
	var out strings.Builder
	for _, res := range r.Results {
		verdict := "ok"
		if res.Broken > 0 {
			verdict = "BROKEN"
		}
		fmt.Fprintf(&out, "%-2s  %-6s  %9d rows  %s\n", res.Number, verdict, res.Looked, res.Words)
		for _, row := range res.Rows {
			fmt.Fprintf(&out, "      %s\n", row)
		}
		if more := res.Broken - int64(len(res.Rows)); more > 0 {
			fmt.Fprintf(&out, "      and %d more\n", more)
		}
	}
	verdict := fmt.Sprintf("All %d invariants hold", len(r.Results))
	if n := r.Broken(); n > 0 {
		verdict = fmt.Sprintf("%d of %d invariants are BROKEN", n, len(r.Results))
	}
	fmt.Fprintf(&out, "%s. Looked at %d rows in %v.\n", verdict, r.Looked(), took.Round(time.Millisecond))
	_, err := io.WriteString(w, out.String())
	return err
}

// String is the values of a row; an id says itself what it is of.
func (r Row) String() string {
	var parts []string
	for _, f := range r {
		text := "none"
		if f.Value != nil {
			text = fmt.Sprint(f.Value)
		}
		if nouns[f.Name] == nil || f.Value == nil {
			text = f.Name + " " + text
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// WriteJSON writes the report for programs, as one object.
func (r Report) WriteJSON(w io.Writer, took time.Duration) error {
	type result struct {
		Number string `json:"number"`
		Words  string `json:"words"`
		OK     bool   `json:"ok"`
		Looked int64  `json:"looked"`
		Broken int64  `json:"broken"`
		Rows   []Row  `json:"rows"`
	}
	out := struct {
		OK         bool     `json:"ok"`
		Broken     int      `json:"broken"`
		Looked     int64    `json:"looked"`
		Seconds    float64  `json:"seconds"`
		Invariants []result `json:"invariants"`
	}{OK: r.Broken() == 0, Broken: r.Broken(), Looked: r.Looked(), Seconds: took.Seconds(), Invariants: []result{}}
	for _, res := range r.Results {
		rows := res.Rows
		if rows == nil {
			rows = []Row{}
		}
		out.Invariants = append(out.Invariants, result{res.Number, res.Words, res.Broken == 0, res.Looked, res.Broken, rows})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // the words have <=
	e.SetIndent("", "  ")
	return e.Encode(out)
}

// MarshalJSON writes the row as an object, in the order of its fields.
func (r Row) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, f := range r {
		if i > 0 {
			out.WriteByte(',')
		}
		name, err := json.Marshal(f.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.Value)
		if err != nil {
			return nil, err
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
