package sketch

import (
	"cmp"
	"image"
	"image/color"
	"math"
	"slices"
)

// subrows is how many lines are sampled in a row of pixels; along a line the coverage is exact.
const subrows = 6

// crossing is where an edge meets a sampled line, and whether it goes down (+1) or up (-1) there.
type crossing struct {
	x         float64
	direction int
}

// canvas is the picture under way.
type canvas struct {
	img   *image.RGBA
	scale float64 // pixels a unit
	lines [][]crossing
	cover []float64
}

func newCanvas(size int) *canvas {
	return &canvas{
		img:   image.NewRGBA(image.Rect(0, 0, size, size)),
		scale: float64(size) / units,
		lines: make([][]crossing, size*subrows),
		cover: make([]float64, size),
	}
}

// fill paints what o encloses (the non-zero rule), with smooth edges.
func (c *canvas) fill(o outline, col color.RGBA, opacity float64) {
	for _, run := range o {
		for i, p := range run {
			c.edge(run[(i+len(run)-1)%len(run)], p)
		}
	}
	for y := range c.cover {
		touched := false
		for s := y * subrows; s < (y+1)*subrows; s++ {
			touched = c.sample(c.lines[s]) || touched
			c.lines[s] = c.lines[s][:0]
		}
		if touched {
			c.blend(y, col, opacity)
		}
	}
}

// edge notes where the line from p to q crosses the sampled lines, whose middles count.
func (c *canvas) edge(p, q point) {
	direction := 1
	if p.y > q.y {
		p, q, direction = q, p, -1
	}
	k := c.scale * subrows
	first := max(0, int(math.Ceil(p.y*k-0.5)))
	end := min(len(c.lines), int(math.Ceil(q.y*k-0.5)))
	for s := first; s < end; s++ {
		t := ((float64(s)+0.5)/k - p.y) / (q.y - p.y)
		c.lines[s] = append(c.lines[s], crossing{(p.x + t*(q.x-p.x)) * c.scale, direction})
	}
}

// sample adds one sampled line to the row's coverage.
func (c *canvas) sample(line []crossing) bool {
	slices.SortFunc(line, func(a, b crossing) int { return cmp.Compare(a.x, b.x) })
	winding := 0
	for i, at := range line {
		if winding != 0 {
			c.span(line[i-1].x, at.x)
		}
		winding += at.direction
	}
	return len(line) > 0
}

func (c *canvas) span(from, to float64) {
	from, to = max(from, 0), min(to, float64(len(c.cover)))
	if from >= to {
		return
	}
	first, last := int(from), int(to)
	if first == last {
		c.cover[first] += (to - from) / subrows
		return
	}
	c.cover[first] += (float64(first+1) - from) / subrows
	for x := first + 1; x < last; x++ {
		c.cover[x] += 1.0 / subrows
	}
	if last < len(c.cover) {
		c.cover[last] += (to - float64(last)) / subrows
	}
}

// blend paints one row of pixels and clears the coverage.
func (c *canvas) blend(y int, col color.RGBA, opacity float64) {
	row := c.img.Pix[c.img.PixOffset(0, y):]
	for x, cover := range c.cover {
		if cover == 0 {
			continue
		}
		c.cover[x] = 0
		alpha := int(min(cover, 1)*opacity*opaque + 0.5)
		pixel := row[4*x : 4*x+4]
		pixel[0] = mix(pixel[0], col.R, alpha)
		pixel[1] = mix(pixel[1], col.G, alpha)
		pixel[2] = mix(pixel[2], col.B, alpha)
		pixel[3] = mix(pixel[3], col.A, alpha)
	}
}

// opaque is the alpha that hides what is below.
const opaque = 1 << 12

// mix is alpha parts of over and the rest of under. The parts are whole numbers, for speed.
func mix(under, over uint8, alpha int) uint8 {
	return uint8((int(under)*(opaque-alpha) + int(over)*alpha + opaque/2) / opaque) //nolint:gosec // between the two
}
