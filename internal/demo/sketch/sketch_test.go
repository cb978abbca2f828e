package sketch

import (
	"fmt"
	"image/color"
	"math"
	"strings"
	"testing"
)

var palette = Palette{Main: Color{200, 0, 0}, Accent: Color{0, 200, 0}, Paper: Color{255, 255, 255}}

func render(t *testing.T, size int, shapes string) func(x, y int) color.RGBA {
	t.Helper()
	d, err := Parse(strings.NewReader(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">` + shapes + `</svg>`))
	if err != nil {
		t.Fatal(err)
	}
	return Render(size, palette, d).RGBAAt
}

func TestRender(t *testing.T) {
	var (
		white = color.RGBA{255, 255, 255, 255}
		main  = color.RGBA{200, 0, 0, 255}
		green = color.RGBA{0, 200, 0, 255}
		black = color.RGBA{0, 0, 0, 255}
		half  = color.RGBA{128, 128, 128, 255}
	)
	type at struct{ x, y int }
	tests := map[string]struct {
		shapes string
		want   map[at]color.RGBA
	}{
		"paper":         {``, map[at]color.RGBA{{0, 0}: white, {99, 99}: white}},
		"rect":          {`<rect x="10" y="20" width="30" height="40"/>`, map[at]color.RGBA{{10, 20}: black, {39, 59}: black, {40, 59}: white, {39, 60}: white, {9, 20}: white}},
		"half a pixel":  {`<rect x="10.5" y="20" width="30" height="40"/>`, map[at]color.RGBA{{10, 30}: half, {11, 30}: black, {40, 30}: half}},
		"opacity":       {`<g opacity="0.5"><rect x="10" y="10" width="30" height="40"/></g>`, map[at]color.RGBA{{20, 20}: half}},
		"palette":       {`<rect width="50" height="99" fill="var(--main, #123456)"/><rect x="50" width="50" height="99" fill="var(--accent)"/>`, map[at]color.RGBA{{20, 20}: main, {70, 20}: green}},
		"group":         {`<g fill="#00c800"><circle cx="50" cy="50" r="20"/></g>`, map[at]color.RGBA{{50, 50}: green, {50, 31}: green, {50, 28}: white, {34, 34}: white}},
		"later on top":  {`<rect width="50" height="50"/><rect width="50" height="50" fill="var(--main)"/>`, map[at]color.RGBA{{20, 20}: main}},
		"path":          {`<path d="M10 10 H50 V50 L10,50 Z M60 60 70 60 70 70 60 70"/>`, map[at]color.RGBA{{11, 11}: black, {48, 48}: black, {55, 55}: white, {65, 65}: black}},
		"curve":         {`<path d="M10 50 C10 10 90 10 90 50 Z"/>`, map[at]color.RGBA{{50, 21}: black, {50, 18}: white, {50, 51}: white}},
		"quadratic":     {`<path d="M10 50 Q50 10 90 50 Z"/>`, map[at]color.RGBA{{50, 31}: black, {50, 28}: white}},
		"stroke":        {`<path d="M10 50 L90 50" fill="none" stroke="#000000" stroke-width="4"/>`, map[at]color.RGBA{{50, 48}: black, {50, 51}: black, {50, 47}: white, {50, 52}: white, {9, 50}: black}},
		"bent stroke":   {`<path d="M20 20 L50 50 L20 80" fill="none" stroke="#000000" stroke-width="10"/>`, map[at]color.RGBA{{50, 50}: black, {48, 49}: black, {20, 50}: white}},
		"round corner":  {`<rect x="10" y="10" width="80" height="80" rx="20"/>`, map[at]color.RGBA{{10, 10}: white, {12, 12}: white, {50, 10}: black, {17, 17}: black}},
		"turned":        {`<rect x="45" y="10" width="10" height="40" transform="rotate(90 50 50)"/>`, map[at]color.RGBA{{50, 20}: white, {80, 50}: black, {20, 50}: white}},
		"turned twice":  {`<g transform="rotate(90 50 50)"><rect x="45" y="10" width="10" height="40" transform="rotate(90 50 50)"/></g>`, map[at]color.RGBA{{50, 20}: white, {50, 80}: black}},
		"over the edge": {`<circle cx="0" cy="100" r="30"/>`, map[at]color.RGBA{{0, 99}: black, {28, 99}: black, {32, 99}: white}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			pixel := render(t, 100, tt.shapes)
			for p, want := range tt.want {
				if got := pixel(p.x, p.y); distance(got, want) > 2 {
					t.Errorf("(%d, %d) is %v, want %v", p.x, p.y, got, want)
				}
			}
		})
	}
}

func distance(a, b color.RGBA) float64 {
	d := func(x, y uint8) float64 { return math.Abs(float64(x) - float64(y)) }
	return max(d(a.R, b.R), d(a.G, b.G), d(a.B, b.B), d(a.A, b.A))
}

// The ink of a circle is its area, whatever the resolution.
func TestCoverageIsExact(t *testing.T) {
	for _, size := range []int{50, 200, 600} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			pixel := render(t, size, `<circle cx="50.3" cy="49.6" r="37"/>`)
			ink := 0.0
			for y := range size {
				for x := range size {
					ink += 1 - float64(pixel(x, y).R)/255
				}
			}
			unit := float64(size) / units
			if got, want := ink/(unit*unit), math.Pi*37*37; math.Abs(got-want)/want > 0.003 {
				t.Errorf("a circle covers %.1f, want %.1f", got, want)
			}
		})
	}
}

func TestParseRefusesWhatItDoesNotDraw(t *testing.T) {
	for name, shapes := range map[string]string{
		"element":      `<text x="1">hello</text>`,
		"attribute":    `<rect width="10" height="10" filter="url(#blur)"/>`,
		"colour":       `<rect width="10" height="10" fill="tomato"/>`,
		"variable":     `<rect width="10" height="10" fill="var(--other)"/>`,
		"number":       `<rect width="10px" height="10"/>`,
		"transform":    `<rect width="10" height="10" transform="scale(2)"/>`,
		"relative":     `<path d="M10 10 l20 20"/>`,
		"arc":          `<path d="M10 10 A5 5 0 0 1 20 20"/>`,
		"no start":     `<path d="L10 10 20 20"/>`,
		"too few":      `<path d="M10 10 C20 20 30 30"/>`,
		"not a number": `<path d="M10 1e"/>`,
		"not closed":   `<g>`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(strings.NewReader("<svg>" + shapes + "</svg>")); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestColor(t *testing.T) {
	var c Color
	if err := c.UnmarshalText([]byte("#0a1B2c")); err != nil || c != (Color{10, 27, 44}) {
		t.Errorf("got %v, %v", c, err)
	}
	for _, text := range []string{"", "#", "#fff", "0a1b2c", "#0a1b2c3d", "#0a1b2g"} {
		if err := c.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is a colour", text)
		}
	}
}
