package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// refusal is an error as the pay API answers it.
type refusal struct {
	status  int
	Code    string `json:"code"`
	Message string `json:"message"`
	Detail  object `json:"detail,omitempty"`
}

// object is a JSON object that is made by hand.
type object map[string]any

// refuse makes an error of the pay API without detail.
func refuse(status int, code, message string) *refusal {
	return &refusal{status: status, Code: code, Message: message}
}

// paramError says which field of the body is wrong, and why.
func paramError(field string, value any, issue string) *refusal {
	return &refusal{
		status: 400, Code: "PARAM_ERROR",
		Message: fmt.Sprintf("输入源“/body%s”映射到值字段“%s”规则校验失败，%s", field, field[strings.LastIndexByte(field, '/')+1:], issue),
		Detail:  object{"field": field, "value": value, "issue": issue, "location": "body"},
	}
}

// decode reads a JSON body into a struct whose fields say their rules in the tag `rule`: nothing unknown, nothing twice, nothing
// null, everything in its length. The rules of a field: required, min=, max= (bytes of text, a number's value, or items of a list), chars
// (text is measured in characters), set=order|share, enum=A|B, and time (RFC 3339 without fractions). Text has at least one byte
// wherever it is given.
func decode(body []byte, into any) *refusal {
	tree, err := parse(body)
	if err != nil {
		return &refusal{status: 400, Code: "PARAM_ERROR", Message: "请求体不是合法的JSON: " + err.Error(), Detail: object{"location": "body"}}
	}
	return fill("", tree, reflect.ValueOf(into).Elem(), nil)
}

// parse reads one JSON value, refusing names that occur twice and anything after the end.
func parse(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	v, err := parseValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return v, nil
}

func parseValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		out := map[string]any{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			key, _ := name.(string)
			if _, twice := out[key]; twice {
				return nil, fmt.Errorf("%q occurs twice", key)
			}
			if out[key], err = parseValue(d); err != nil {
				return nil, err
			}
		}
		_, err := d.Token()
		return out, err
	case json.Delim('['):
		out := []any{}
		for d.More() {
			v, err := parseValue(d)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		_, err := d.Token()
		return out, err
	}
	return token, nil
}

// rules are what a field's tag says.
type rules map[string]string

func rulesOf(tag string) rules {
	out := rules{}
	for part := range strings.SplitSeq(tag, ",") {
		name, value, _ := strings.Cut(part, "=")
		out[name] = value
	}
	return out
}

func (r rules) bound(name string, missing int64) int64 {
	if v, err := strconv.ParseInt(r[name], 10, 64); err == nil {
		return v
	}
	return missing
}

// fill puts a parsed value into a Go value, or says which rule it breaks.
func fill(path string, v any, into reflect.Value, r rules) *refusal {
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		return fill(path, v, into.Elem(), r)
	case reflect.Struct:
		m, ok := v.(map[string]any)
		if !ok {
			return paramError(path, v, "必须是对象")
		}
		return fillObject(path, m, into)
	case reflect.Slice:
		return fillList(path, v, into, r)
	case reflect.String:
		return fillText(path, v, into, r)
	case reflect.Int64:
		return fillNumber(path, v, into, r)
	case reflect.Bool:
		b, ok := v.(bool)
		if !ok {
			return paramError(path, v, "必须是布尔值")
		}
		into.SetBool(b)
		return nil
	default:
		return paramError(path, v, "不支持的类型")
	}
}

func fillObject(path string, m map[string]any, into reflect.Value) *refusal {
	known := map[string]bool{}
	for _, field := range reflect.VisibleFields(into.Type()) {
		if field.Anonymous { // its fields are the object's own
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		r := rulesOf(field.Tag.Get("rule"))
		known[name] = true
		v, given := m[name]
		if _, required := r["required"]; !given && required {
			return paramError(path+"/"+name, nil, "缺少必填字段")
		}
		if !given {
			continue
		}
		if bad := fill(path+"/"+name, v, into.FieldByIndex(field.Index), r); bad != nil {
			return bad
		}
	}
	for name, v := range m {
		if !known[name] {
			return paramError(path+"/"+name, v, "未知字段")
		}
	}
	return nil
}

func fillList(path string, v any, into reflect.Value, r rules) *refusal {
	items, ok := v.([]any)
	if !ok {
		return paramError(path, v, "必须是数组")
	}
	if n := int64(len(items)); n < r.bound("min", 1) || n > r.bound("max", 1000) {
		return paramError(path, n, "数组元素个数超出范围")
	}
	list := reflect.MakeSlice(into.Type(), len(items), len(items))
	for i, item := range items {
		each := r
		if list.Index(i).Kind() == reflect.String {
			each = rules{"enum": r["enum"]}
		}
		if bad := fill(path+"/"+strconv.Itoa(i), item, list.Index(i), each); bad != nil {
			return bad
		}
	}
	into.Set(list)
	return nil
}

// fillText measures in bytes, as WeChat does, except where the rule says characters.
func fillText(path string, v any, into reflect.Value, r rules) *refusal {
	text, ok := v.(string)
	if !ok {
		return paramError(path, v, "必须是字符串")
	}
	n, unit := len(text), "字节数"
	if _, chars := r["chars"]; chars {
		n, unit = utf8.RuneCountInString(text), "字符数"
	}
	if least := r.bound("min", 1); int64(n) < least {
		return paramError(path, n, fmt.Sprintf("%s %d，小于最小值 %d", unit, n, least))
	}
	if most := r.bound("max", 1<<20); int64(n) > most {
		return paramError(path, n, fmt.Sprintf("%s %d，大于最大值 %d", unit, n, most))
	}
	if set := charset(r["set"]); set != nil && !set.MatchString(text) {
		return paramError(path, text, "字符串必须匹配正则表达式“"+set.String()+"”")
	}
	if list := r["enum"]; list != "" && !containsPart(list, text) {
		return paramError(path, text, "取值必须是 "+list+" 之一")
	}
	if _, timed := r["time"]; timed && !plainTime(text) {
		return paramError(path, text, "时间格式必须为 yyyy-MM-DDTHH:mm:ss+TIMEZONE")
	}
	into.SetString(text)
	return nil
}

func fillNumber(path string, v any, into reflect.Value, r rules) *refusal {
	number, ok := v.(json.Number)
	if !ok {
		return paramError(path, v, "必须是整数")
	}
	n, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil {
		return paramError(path, number, "必须是整数")
	}
	if n < r.bound("min", 0) || n > r.bound("max", 100_000_000_000) {
		return paramError(path, n, "数值超出范围")
	}
	into.SetInt(n)
	return nil
}

func containsPart(list, text string) bool {
	return slices.Contains(strings.Split(list, "|"), text)
}

// plainTime tells whether a text is RFC 3339 in whole seconds, the only form that the documentation shows.
func plainTime(text string) bool {
	t, err := time.Parse(time.RFC3339, text)
	return err == nil && t.Nanosecond() == 0 && !strings.ContainsAny(text, ".,")
}

func charset(name string) *regexp.Regexp {
	switch name {
	case "order":
		return orderChars
	case "share":
		return shareChars
	default:
		return nil
	}
}

var (
	orderChars = regexp.MustCompile(`^[0-9a-zA-Z_\-|*]+$`)
	shareChars = regexp.MustCompile(`^[0-9a-zA-Z_\-|*@]+$`)
)
