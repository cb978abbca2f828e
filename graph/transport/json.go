package transport

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"holdfast/graph/guard"
	"holdfast/internal/fault"
)

// reader reads JSON that json.Valid has found well-formed, and counts as it goes: what has more values than any request needs
// is refused before there is memory for them. Numbers are kept as they were written: doubles would round large amounts.
type reader struct {
	text    []byte
	at      int
	values  int
	refused *refusal
}

// halfOfACharacter refuses text that no encoding has. encoding/json would put another character in its place without a word.
const halfOfACharacter = "an escape in a string is half of a character"

// costly refuses what exceeds a limit of package guard.
func costly(message string, limit int) *refusal {
	refused := badRequest(message + " " + strconv.Itoa(limit))
	refused.code = fault.CostExceeded
	return refused
}

// members calls do with each member of the object that text is. Names are matched exactly, unlike by json.Unmarshal.
func members(text []byte, do func(name string, value []byte) *refusal) *refusal {
	r := reader{text: text}
	r.next('{')
	for r.peek() != '}' {
		name := r.string()
		r.next(':')
		r.peek()
		start := r.at
		r.skip()
		if r.refused != nil {
			return r.refused
		}
		if refused := do(name, text[start:r.at]); refused != nil {
			return refused
		}
		if r.peek() == ',' {
			r.at++
		}
	}
	return nil
}

// objectIn reads an object of input; null is no object at all, and false is for what is neither.
func objectIn(text []byte) (map[string]any, bool, *refusal) {
	r := reader{text: text}
	switch r.peek() {
	case 'n':
		return nil, true, nil
	case '{':
		object, _ := r.value(0).(map[string]any)
		return object, true, r.refused
	default:
		return nil, false, nil
	}
}

// peek is the next character that is no white space.
func (r *reader) peek() byte {
	for {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return c
		}
	}
}

func (r *reader) next(byte) {
	r.peek()
	r.at++
}

// skip passes over one value.
func (r *reader) skip() {
	depth := 0
	for {
		switch r.peek() {
		case '"':
			r.quoted()
		case '{', '[':
			depth++
			r.at++
		case '}', ']':
			depth--
			r.at++
		case ',', ':':
			r.at++
		default:
			r.word()
		}
		if depth == 0 {
			return
		}
	}
}

func (r *reader) value(depth int) any {
	r.values++
	switch {
	case depth > guard.MaxVariableDepth:
		r.refused = costly("variables may nest no deeper than", guard.MaxVariableDepth)
	case r.values > guard.MaxVariableValues:
		r.refused = costly("variables may not have more values than", guard.MaxVariableValues)
	}
	if r.refused != nil {
		return nil
	}
	switch r.peek() {
	case '{':
		return r.object(depth)
	case '[':
		return r.list(depth)
	case '"':
		return r.string()
	}
	switch word := r.word(); word[0] {
	case 'n':
		return nil
	case 't':
		return true
	case 'f':
		return false
	default:
		return number(word)
	}
}

// number keeps a number as it was written, but for a whole one with a fraction or an exponent, which is the same number: 7.0
// and 7 are one in JSON.
func number(word []byte) json.Number {
	if bytes.ContainsAny(word, ".eE") {
		if f, err := strconv.ParseFloat(string(word), 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return json.Number(strconv.FormatInt(int64(f), 10))
		}
	}
	return json.Number(string(word))
}

func (r *reader) object(depth int) map[string]any {
	object := make(map[string]any)
	for r.next('{'); r.refused == nil && r.peek() != '}'; {
		name := r.string()
		r.next(':')
		object[name] = r.value(depth + 1)
		if r.refused == nil && r.peek() == ',' {
			r.at++
		}
	}
	r.at++
	return object
}

func (r *reader) list(depth int) []any {
	list := []any{}
	for r.next('['); r.refused == nil && r.peek() != ']'; {
		if len(list) == guard.MaxList {
			r.refused = costly("a list may not have more items than", guard.MaxList)
			return nil
		}
		list = append(list, r.value(depth+1))
		if r.refused == nil && r.peek() == ',' {
			r.at++
		}
	}
	r.at++
	return list
}

// word is a number, true, false or null.
func (r *reader) word() []byte {
	start := r.at
	for ; r.at < len(r.text); r.at++ {
		switch r.text[r.at] {
		case ' ', '\t', '\r', '\n', ',', ']', '}':
			return r.text[start:r.at]
		}
	}
	return r.text[start:]
}

// quoted is the next string, with its quotes, and whether something in it is escaped.
func (r *reader) quoted() (raw []byte, escapes bool) {
	r.peek()
	start := r.at
	for r.at++; r.text[r.at] != '"'; r.at++ {
		if r.text[r.at] == '\\' {
			r.at++
			escapes = true
		}
	}
	r.at++
	return r.text[start:r.at], escapes
}

func (r *reader) string() string {
	raw, escapes := r.quoted()
	if !escapes {
		return string(raw[1 : len(raw)-1])
	}
	if halfCharacter(raw) {
		r.refused = badRequest(halfOfACharacter)
		return ""
	}
	var text string
	_ = json.Unmarshal(raw, &text) // it is valid
	return text
}

// halfCharacter tells whether one half of a surrogate pair is escaped without the other.
func halfCharacter(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if i++; raw[i] != 'u' {
			continue
		}
		first := codeUnit(raw[i-1:])
		i += 4
		if !utf16.IsSurrogate(first) {
			continue
		}
		if utf16.DecodeRune(first, codeUnit(raw[i+1:])) == utf8.RuneError {
			return true
		}
		i += 6
	}
	return false
}

// codeUnit is what an escape such as \u4f60 stands for; 0 where there is none.
func codeUnit(raw []byte) rune {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0
	}
	var unit [2]byte
	_, _ = hex.Decode(unit[:], raw[2:6]) // it is valid, or zero will do
	return rune(unit[0])<<8 | rune(unit[1])
}
