package graph

import (
	"context"
	"fmt"

	"golang.org/x/text/language"

	"holdfast/internal/fault"
)

type languageKey struct{}

// maxAccept bounds what an Accept-Language header may cost; nobody reads so many languages.
const maxAccept = 256

// wish is what language the client wants, read when there is something to say.
type wish struct {
	matcher language.Matcher
	accept  string
}

// newMatcher knows the languages that we speak; the first is for those who wish for none of them.
func newMatcher() language.Matcher {
	return language.NewMatcher([]language.Tag{language.English, language.SimplifiedChinese})
}

func withLanguage(ctx context.Context, m language.Matcher, accept string) context.Context {
	return context.WithValue(ctx, languageKey{}, wish{m, accept})
}

// Messages gives the text of an error in the language that an Accept-Language header asks for, for what is not GraphQL.
func Messages() func(accept string, e *fault.Error) string {
	m := newMatcher() // once: a file may have very many errors
	return func(accept string, e *fault.Error) string { return wish{m, accept}.say(e) }
}

// message is the text of e in the language that the client wants.
func message(ctx context.Context, e *fault.Error) string {
	return wishOf(ctx).say(e)
}

// wishOf is what language the request wishes for, if it says so.
func wishOf(ctx context.Context) wish {
	w, _ := ctx.Value(languageKey{}).(wish)
	return w
}

func (w wish) say(e *fault.Error) string {
	if w.wantsChinese() {
		if format, ok := chinese[e.Text]; ok {
			return fmt.Sprintf(format, e.Args...)
		}
	}
	return e.Error()
}

func (w wish) wantsChinese() bool {
	if w.matcher == nil || w.accept == "" || len(w.accept) > maxAccept {
		return false
	}
	tags, _, err := language.ParseAcceptLanguage(w.accept)
	if err != nil {
		return false
	}
	_, index, confidence := w.matcher.Match(tags...)
	return index == 1 && confidence > language.No
}
