package sketch

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// point is in the units of the drawing.
type point struct{ x, y float64 }

// Curves become this many straight lines: at 600 pixels the difference cannot be seen.
const (
	curveSteps  = 24
	circleSteps = 96
)

// outline is one or more polygons; the last point of a closed one equals its first.
type outline [][]point

// parsePath reads SVG path data, of which it knows the absolute commands M L H V C Q Z.
func parsePath(data string) (outline, error) {
	spaced := strings.NewReplacer("M", " M ", "L", " L ", "H", " H ", "V", " V ", "C", " C ", "Q", " Q ", "Z", " Z ", ",", " ")
	var out outline
	var run []point
	var command string
	fields := strings.Fields(spaced.Replace(data))
	for len(fields) > 0 {
		if strings.Contains("MLHVCQZ", fields[0]) {
			command, fields = fields[0], fields[1:]
		}
		args, err := numbers(fields, command)
		if err != nil {
			return nil, err
		}
		fields = fields[len(args):]
		if command != "M" && len(run) == 0 {
			return nil, fmt.Errorf("path %q: %s before M", data, command)
		}
		switch command {
		case "M":
			if len(run) > 0 {
				out = append(out, run)
			}
			run, command = []point{{args[0], args[1]}}, "L" // further pairs are lines
		case "Z":
			out = append(out, append(run, run[0]))
			run, command = nil, "M"
		default:
			run = extend(run, command, args)
		}
	}
	if len(run) > 0 {
		out = append(out, run)
	}
	return out, nil
}

// numbers reads the arguments of one command from the head of fields.
func numbers(fields []string, command string) ([]float64, error) {
	count := map[string]int{"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "Q": 4, "Z": 0}
	want, ok := count[command]
	if !ok || len(fields) < want {
		return nil, fmt.Errorf("path command %q: unknown, or too few numbers", command)
	}
	args := make([]float64, want)
	for i := range args {
		n, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return nil, fmt.Errorf("path command %s: %w", command, err)
		}
		args[i] = n
	}
	return args, nil
}

// extend adds one line or curve to run, which has a point already.
func extend(run []point, command string, a []float64) []point {
	from := run[len(run)-1]
	switch command {
	case "L":
		return append(run, point{a[0], a[1]})
	case "H":
		return append(run, point{a[0], from.y})
	case "V":
		return append(run, point{from.x, a[0]})
	case "Q": // a quadratic curve is the cubic one with these control points
		third := func(end, control float64) float64 { return end + 2*(control-end)/3 }
		a = []float64{third(from.x, a[0]), third(from.y, a[1]), third(a[2], a[0]), third(a[3], a[1]), a[2], a[3]}
	}
	for i := 1; i <= curveSteps; i++ {
		t := float64(i) / curveSteps
		u := 1 - t
		b0, b1, b2, b3 := u*u*u, 3*u*u*t, 3*u*t*t, t*t*t
		run = append(run, point{
			b0*from.x + b1*a[0] + b2*a[2] + b3*a[4],
			b0*from.y + b1*a[1] + b2*a[3] + b3*a[5],
		})
	}
	return run
}

func ellipse(cx, cy, rx, ry float64) outline {
	return outline{arc(nil, cx, cy, rx, ry, 0, circleSteps)}
}

// arc adds steps pieces of an ellipse, starting at the piece first of circleSteps; 0 is to the right, then down.
func arc(run []point, cx, cy, rx, ry float64, first, steps int) []point {
	for i := first; i <= first+steps; i++ {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / circleSteps)
		run = append(run, point{cx + rx*cos, cy + ry*sin})
	}
	return run
}

// rect is a rectangle with round corners of radius r.
func rect(x, y, w, h, r float64) outline {
	r = min(r, w/2, h/2)
	const quarter = circleSteps / 4
	run := arc(nil, x+w-r, y+h-r, r, r, 0, quarter)
	run = arc(run, x+r, y+h-r, r, r, quarter, quarter)
	run = arc(run, x+r, y+r, r, r, 2*quarter, quarter)
	run = arc(run, x+w-r, y+r, r, r, 3*quarter, quarter)
	return outline{append(run, run[0])}
}

// stroked is the outline of a pen of this width that follows o, with round ends and corners. All its pieces turn the same
// way, so that where they overlap they add up instead of cutting holes.
func (o outline) stroked(width float64) outline {
	var out outline
	r := width / 2
	for _, run := range o {
		for i, p := range run {
			if i > 0 {
				q := run[i-1]
				length := math.Hypot(p.x-q.x, p.y-q.y)
				if length == 0 {
					continue
				}
				nx, ny := -(p.y-q.y)/length*r, (p.x-q.x)/length*r
				out = append(out, []point{{q.x - nx, q.y - ny}, {p.x - nx, p.y - ny}, {p.x + nx, p.y + ny}, {q.x + nx, q.y + ny}})
			}
			out = append(out, ellipse(p.x, p.y, r, r)...)
		}
	}
	return out
}

// rotate turns o in place, clockwise.
func (o outline) rotate(t turn) {
	sin, cos := math.Sincos(t.degrees * math.Pi / 180)
	for _, run := range o {
		for i, p := range run {
			dx, dy := p.x-t.cx, p.y-t.cy
			run[i] = point{t.cx + dx*cos - dy*sin, t.cy + dx*sin + dy*cos}
		}
	}
}
