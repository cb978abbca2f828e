package sim

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Message is a subscribe message that was delivered.
type Message struct {
	OpenID, Template, Page string
	Values                 map[string]string
}

// Accept is a user's "allow" on a template: one more message may be sent. An empty template is one more of each.
func (s *Sim) Accept(appID, openID, template string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[appID]
	if a == nil {
		return
	}
	for id := range a.Templates {
		if template == "" || template == id {
			a.accepted[openID+" "+id]++
		}
	}
}

// Messages are those that users of a mini-program got.
func (s *Sim) Messages(appID string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.apps[appID]; a != nil {
		return slices.Clone(a.messages)
	}
	return nil
}

// allMessages are those of all mini-programs, each one's in the order in which they came.
func (s *Sim) allMessages() []Message {
	var out []Message
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.apps)) {
		out = append(out, s.apps[id].messages...)
	}
	return out
}

func (s *Sim) subscribeSend(c *miniCall) (object, *miniError) {
	tree, err := parse(c.body)
	top, ok := tree.(map[string]any)
	if err != nil || !ok {
		return nil, &miniError{47001, "data format error"}
	}
	data, ok := top["data"].(map[string]any)
	if !ok {
		return nil, &miniError{47001, "data format error: data"}
	}
	text := map[string]string{}
	for name, v := range top {
		if name == "data" {
			continue
		}
		if text[name], ok = v.(string); !ok || !slices.Contains([]string{"touser", "template_id", "page", "miniprogram_state", "lang"}, name) {
			return nil, &miniError{47001, "data format error: " + name}
		}
	}
	keys, known := c.app.Templates[text["template_id"]]
	path, _, _ := strings.Cut(text["page"], "?")
	right := text["touser"] + " " + text["template_id"]
	switch {
	case !c.app.openIDs[text["touser"]]:
		return nil, &miniError{40003, "invalid openid"}
	case !known:
		return nil, &miniError{40037, "invalid template_id"}
	case path != "" && len(c.app.Pages) > 0 && !slices.Contains(c.app.Pages, path):
		return nil, &miniError{41030, "invalid page"}
	case !oneOf(text["miniprogram_state"], "", "developer", "trial", "formal") || !oneOf(text["lang"], "", "zh_CN", "en_US", "zh_HK", "zh_TW"):
		return nil, &miniError{47001, "data format error: miniprogram_state or lang"}
	}
	values, bad := templateValues(keys, data)
	if bad != nil {
		return nil, bad
	}
	if c.app.accepted[right] == 0 {
		return nil, &miniError{43101, "user refuse to accept the msg"}
	}
	c.app.accepted[right]--
	c.app.messages = append(c.app.messages, Message{OpenID: text["touser"], Template: text["template_id"], Page: text["page"], Values: values})
	s.effects["message"]++
	return object{"msgid": s.last}, nil
}

func oneOf(text string, of ...string) bool { return slices.Contains(of, text) }

// templateValues are the values of a template's keys: all of them and no other.
func templateValues(keys []string, data map[string]any) (map[string]string, *miniError) {
	values := map[string]string{}
	for _, key := range keys {
		field, _ := data[key].(map[string]any)
		value, ok := field["value"].(string)
		if !ok || value == "" || !validValue(key, value) {
			return nil, &miniError{47003, fmt.Sprintf("argument invalid! data.%s.value invalid", key)}
		}
		values[key] = value
	}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if _, known := values[key]; !known {
			return nil, &miniError{47003, fmt.Sprintf("argument invalid! data.%s invalid", key)}
		}
	}
	return values, nil
}

// valueForms are what each type of keyword takes. Those from amount on are as people report them.
var valueForms = map[string]*regexp.Regexp{ //nolint:gochecknoglobals // compiled once
	"thing":            regexp.MustCompile(`^[^\n\r]{1,20}$`),
	"number":           regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`),
	"letter":           regexp.MustCompile(`^[A-Za-z]{1,32}$`),
	"symbol":           regexp.MustCompile(`^[^\pL\pN]{1,5}$`),
	"character_string": regexp.MustCompile(`^[!-~]{1,32}$`),
	"time":             regexp.MustCompile(`^([0-9]{4}(年|-|/)[0-9]{1,2}(月|-|/)[0-9]{1,2}日? ?)?[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?$`),
	"date":             regexp.MustCompile(`^[0-9]{4}(年|-|/)[0-9]{1,2}(月|-|/)[0-9]{1,2}日?( [0-9]{1,2}:[0-9]{2}(:[0-9]{2})?)?$`),
	"amount":           regexp.MustCompile(`^[¥￥$€£]?[0-9]{1,10}(\.[0-9]{1,2})?元?$`),
	"phone_number":     regexp.MustCompile(`^[0-9+\- ]{1,17}$`),
	"car_number":       regexp.MustCompile(`^[\pL\pN]{1,8}$`),
	"name":             regexp.MustCompile(`^(\p{Han}{1,10}|[A-Za-z .]{1,20})$`),
	"phrase":           regexp.MustCompile(`^\p{Han}{1,5}$`),
}

func validValue(key, value string) bool {
	kind := strings.TrimRight(key, "0123456789")
	form := valueForms[kind]
	if form == nil || !form.MatchString(value) {
		return false
	}
	return kind != "number" || utf8.RuneCountInString(value) <= 32
}
