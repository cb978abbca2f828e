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

func wantsChinese(ctx context.Context) bool {
	w, ok := ctx.Value(languageKey{}).(wish)
	if !ok || w.accept == "" || len(w.accept) > maxAccept {
		return false
	}
	tags, _, err := language.ParseAcceptLanguage(w.accept)
	if err != nil {
		return false
	}
	_, index, confidence := w.matcher.Match(tags...)
	return index == 1 && confidence > language.No
}

// message is the text of e in the language that the client wants.
func message(ctx context.Context, e *fault.Error) string {
	if wantsChinese(ctx) {
		if format, ok := chinese[e.Text]; ok {
			return fmt.Sprintf(format, e.Args...)
		}
	}
	return e.Error()
}
