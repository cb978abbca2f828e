package transport

import (
	"mime"
	"strconv"
	"strings"
)

// The two media types of a GraphQL answer. With mediaGraphQL the HTTP status tells what became of the request; with
// mediaJSON, which proxies also send, every well-formed request is answered with 200.
const (
	mediaGraphQL = "application/graphql-response+json"
	mediaJSON    = "application/json"
)

// preference is how much a client wants a media type, by the most specific range that covers it.
type preference struct {
	quality     float64
	specificity int // 3 the type itself, 2 application/*, 1 */*, 0 not covered
	position    int
}

func (p preference) over(other preference) bool {
	switch {
	case p.quality != other.quality:
		return p.quality > other.quality
	case p.specificity != other.specificity:
		return p.specificity > other.specificity
	default:
		return p.position < other.position
	}
}

// negotiate picks the media type of the answer from the Accept headers; false when neither will do. Types we do not
// have, such as the text/event-stream that urql always lists, count for nothing. Without an Accept header, and where
// only a wildcard covers both, it is mediaJSON, which every client reads.
func negotiate(accept []string) (string, bool) {
	ranges := splitRanges(strings.Join(accept, ","))
	if len(ranges) == 0 {
		return mediaJSON, true
	}
	plain, full := prefer(ranges, mediaJSON), prefer(ranges, mediaGraphQL)
	switch {
	case full.over(plain) && full.quality > 0:
		return mediaGraphQL, true
	case plain.quality > 0:
		return mediaJSON, true
	default:
		return mediaJSON, false
	}
}

func prefer(ranges []string, media string) preference {
	var best preference
	for i, text := range ranges {
		name, params, err := mime.ParseMediaType(text)
		if err != nil || !isUTF8(params["charset"]) {
			continue
		}
		specificity := 0
		switch name {
		case media:
			specificity = 3
		case "application/*":
			specificity = 2
		case "*/*":
			specificity = 1
		}
		if quality, ok := parseQuality(params["q"]); ok && specificity > best.specificity {
			best = preference{quality, specificity, i}
		}
	}
	return best
}

func parseQuality(q string) (float64, bool) {
	if q == "" {
		return 1, true
	}
	quality, err := strconv.ParseFloat(q, 64)
	return quality, err == nil && quality >= 0 && quality <= 1
}

// isUTF8 tells whether a charset parameter names the only encoding there is; none at all means it too.
func isUTF8(charset string) bool {
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// splitRanges cuts at the commas that are not inside quotes, and leaves out what is empty.
func splitRanges(accept string) []string {
	var ranges []string
	start, quoted := 0, false
	for i := 0; i <= len(accept); i++ {
		if i < len(accept) && accept[i] == '"' {
			quoted = !quoted
		}
		if i < len(accept) && (accept[i] != ',' || quoted) {
			continue
		}
		if text := strings.TrimSpace(accept[start:i]); text != "" {
			ranges = append(ranges, text)
		}
		start = i + 1
	}
	return ranges
}
