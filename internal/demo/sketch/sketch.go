// Package sketch draws small pictures. A drawing is an SVG file of a few plain shapes, 100 units square, whose colours may
// be left to a palette: var(--main), var(--accent), var(--paper). One drawing thus makes many pictures, and any
// editor or browser shows it. Only what the drawings need is understood; anything else is an error.
package sketch

import (
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"slices"
	"strconv"
	"strings"
)

// units is the width and height of every drawing.
const units = 100

// Color is opaque, spelled #rrggbb.
type Color struct{ R, G, B uint8 }

// UnmarshalText reads #rrggbb.
func (c *Color) UnmarshalText(text []byte) error {
	digits, found := strings.CutPrefix(string(text), "#")
	raw, err := hex.DecodeString(digits)
	if !found || err != nil || len(raw) != 3 {
		return fmt.Errorf("read colour %q: want #rrggbb", text)
	}
	*c = Color{raw[0], raw[1], raw[2]}
	return nil
}

// Palette is what a drawing leaves open.
type Palette struct {
	Main   Color `json:"main"`   // the thing itself
	Accent Color `json:"accent"` // its label, trim or contents
	Paper  Color `json:"paper"`  // the ground it stands on
}

// Drawing is shapes in the order of painting.
type Drawing []shape

type shape struct {
	style
	outline outline
}

// style is what a group gives to the shapes inside.
type style struct {
	fill, stroke paint
	width        float64
	opacity      float64
	turns        []turn // outermost first
}

// turn is one rotate().
type turn struct{ degrees, cx, cy float64 }

// paint takes its colour from a palette.
type paint func(Palette) Color

// Parse reads a drawing.
func Parse(r io.Reader) (Drawing, error) {
	var out Drawing
	stack := []style{{fill: fixed(Color{}), width: 1, opacity: 1}}
	decoder := xml.NewDecoder(r)
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read drawing: %w", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			s, err := element(token, stack[len(stack)-1])
			if err != nil {
				return nil, fmt.Errorf("read drawing, line %d: %w", line(decoder), err)
			}
			stack = append(stack, s.style)
			if s.outline != nil {
				out = append(out, s)
			}
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		}
	}
}

func line(d *xml.Decoder) int {
	n, _ := d.InputPos()
	return n
}

// element reads one element; a group has no outline.
func element(e xml.StartElement, outer style) (shape, error) {
	s := shape{style: outer}
	size := map[string]float64{}
	var data string
	for _, a := range e.Attr {
		var err error
		switch a.Name.Local {
		case "fill":
			s.fill, err = parsePaint(a.Value)
		case "stroke":
			s.stroke, err = parsePaint(a.Value)
		case "stroke-width":
			s.width, err = strconv.ParseFloat(a.Value, 64)
		case "opacity":
			var f float64
			f, err = strconv.ParseFloat(a.Value, 64)
			s.opacity *= f
		case "transform":
			var t turn
			_, err = fmt.Sscanf(a.Value, "rotate(%g %g %g)", &t.degrees, &t.cx, &t.cy)
			s.turns = append(s.turns, t) // siblings may share the array: one is turned before the next is read
		case "d":
			data = a.Value
		case "x", "y", "width", "height", "rx", "ry", "cx", "cy", "r":
			size[a.Name.Local], err = strconv.ParseFloat(a.Value, 64)
		case "xmlns", "viewBox", "stroke-linecap", "stroke-linejoin": // for browsers: ours are always round
		default:
			err = errors.New("unknown")
		}
		if err != nil {
			return s, fmt.Errorf("%s %s=%q: %w", e.Name.Local, a.Name.Local, a.Value, err)
		}
	}
	o, err := outlineOf(e.Name.Local, data, size)
	for _, t := range slices.Backward(s.turns) {
		o.rotate(t)
	}
	s.outline = o
	return s, err
}

func outlineOf(name, data string, size map[string]float64) (outline, error) {
	switch name {
	case "svg", "g":
		return nil, nil
	case "path":
		return parsePath(data)
	case "circle":
		return ellipse(size["cx"], size["cy"], size["r"], size["r"]), nil
	case "ellipse":
		return ellipse(size["cx"], size["cy"], size["rx"], size["ry"]), nil
	case "rect":
		return rect(size["x"], size["y"], size["width"], size["height"], size["rx"]), nil
	default:
		return nil, fmt.Errorf("unknown element %s", name)
	}
}

func fixed(c Color) paint { return func(Palette) Color { return c } }

// parsePaint reads none, #rrggbb or var(--name, fallback); the fallback is for browsers. No paint is nil.
func parsePaint(text string) (paint, error) {
	name, _, _ := strings.Cut(text, ",")
	switch strings.TrimSuffix(name, ")") {
	case "none":
		var nothing paint
		return nothing, nil
	case "var(--main":
		return func(p Palette) Color { return p.Main }, nil
	case "var(--accent":
		return func(p Palette) Color { return p.Accent }, nil
	case "var(--paper":
		return func(p Palette) Color { return p.Paper }, nil
	}
	var c Color
	err := c.UnmarshalText([]byte(text))
	return fixed(c), err
}

// Render paints drawings over each other on the palette's paper, size pixels square.
func Render(size int, p Palette, drawings ...Drawing) *image.RGBA {
	c := newCanvas(size)
	c.fill(rect(0, 0, units, units, 0), rgba(p.Paper), 1)
	for _, d := range drawings {
		for _, s := range d {
			c.draw(s, p)
		}
	}
	return c.img
}

func (c *canvas) draw(s shape, p Palette) {
	if s.fill != nil {
		c.fill(s.outline, rgba(s.fill(p)), s.opacity)
	}
	if s.stroke != nil {
		c.fill(s.outline.stroked(s.width), rgba(s.stroke(p)), s.opacity)
	}
}

func rgba(c Color) color.RGBA { return color.RGBA{c.R, c.G, c.B, 0xff} }
