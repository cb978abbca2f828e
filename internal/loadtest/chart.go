package main

import (
	"fmt"
	"html"
	"math"
	"os"
	"slices"
	"strings"
)

// curve is one line of a panel, by the number of clients.
type curve struct {
	name, color string
	dashed      bool
	points      []point
}

type point struct {
	clients int
	value   float64
}

// panel is one diagram: clients to the right, by powers of two.
type panel struct {
	title, unit string
	logarithmic bool
	curves      []curve
}

// The drawing, in pixels.
const (
	panelWidth, panelHeight       = 440, 280
	marginLeft, marginTop         = 60, 40
	marginRight, marginBottom     = 20, 50
	plotWidth, plotHeight         = panelWidth - marginLeft - marginRight, panelHeight - marginTop - marginBottom
	legendHeight                  = 30
	ours, theirs                  = "#c2410c", "#1d4ed8"
	ink, faint                    = "#333", "#ddd"
	mostLabels, leastMilliseconds = 5, 0.1
)

// drawChart writes the rate and the latency of the sweeps among these rows into a file, as an SVG.
func drawChart(file string, rows []*row) error {
	panels := panelsOf(rows)
	if len(panels) == 0 {
		return fmt.Errorf("nothing to draw in %s", file)
	}
	if err := os.WriteFile(file, []byte(svg(panels)), 0o600); err != nil {
		return fmt.Errorf("draw the chart: %w", err)
	}
	return nil
}

// panelsOf are two for each workload that was swept: rates and latencies.
func panelsOf(rows []*row) []panel {
	var out []panel
	for _, name := range []string{hot, spread} {
		rate := panel{title: name + ": orders a second", unit: "/s"}
		latency := panel{title: name + ": p50, and p99 dashed", unit: " ms", logarithmic: true}
		for _, r := range rows {
			if !r.workload.sweep || r.workload.name != name {
				continue
			}
			add := func(p *panel, dashed bool, value func(sample) float64) {
				p.add(r.who, dashed, point{r.workload.clients, median(each(r.samples, value))})
			}
			add(&rate, false, func(s sample) float64 { return s.rate })
			add(&latency, false, func(s sample) float64 { return millis(s.p50) })
			add(&latency, true, func(s sample) float64 { return millis(s.p99) })
		}
		if len(rate.curves) > 0 {
			out = append(out, rate, latency)
		}
	}
	return out
}

func (p *panel) add(who string, dashed bool, at point) {
	i := slices.IndexFunc(p.curves, func(c curve) bool { return c.name == who && c.dashed == dashed })
	if i < 0 {
		color := theirs
		if who == holdfast {
			color = ours
		}
		p.curves = append(p.curves, curve{name: who, color: color, dashed: dashed})
		i = len(p.curves) - 1
	}
	c := &p.curves[i]
	c.points = append(c.points, at)
	slices.SortFunc(c.points, func(a, b point) int { return a.clients - b.clients })
}

// svg draws panels, two in a row.
func svg(panels []panel) string {
	var b strings.Builder
	width, height := 2*panelWidth, (len(panels)+1)/2*panelHeight+legendHeight
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="%s">`+"\n", width, height, width, height, ink)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	x := marginLeft
	var named []string
	for _, c := range panels[0].curves {
		if slices.Contains(named, c.name) {
			continue
		}
		named = append(named, c.name)
		fmt.Fprintf(&b, `<line x1="%d" y1="20" x2="%d" y2="20" stroke="%s" stroke-width="2"/><text x="%d" y="24">%s</text>`+"\n", x, x+20, c.color, x+26, html.EscapeString(c.name))
		x += panelWidth / 2
	}
	for i, p := range panels {
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`+"\n", i%2*panelWidth, i/2*panelHeight+legendHeight)
		p.draw(&b)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (p *panel) draw(b *strings.Builder) {
	bottom, right := marginTop+plotHeight, marginLeft+plotWidth
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", marginLeft, marginTop-14, html.EscapeString(p.title))
	for _, mark := range p.marks() {
		y := p.y(mark)
		fmt.Fprintf(b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="%s"/><text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n",
			marginLeft, y, right, y, faint, marginLeft-6, y+4, mark)
	}
	for n := 1; n <= topOfSweep; n *= 2 {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", at(n), bottom+18, n)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">buyers at once</text>`+"\n", (marginLeft+right)/2, bottom+36)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", marginLeft-6, marginTop-14, html.EscapeString(strings.TrimSpace(p.unit)))
	for _, c := range p.curves {
		var line []string
		for _, pt := range c.points {
			line = append(line, fmt.Sprintf("%.1f,%.1f", at(pt.clients), p.y(pt.value)))
		}
		dash := ""
		if c.dashed {
			dash = ` stroke-dasharray="5 4"`
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n", strings.Join(line, " "), c.color, dash)
		for _, pt := range c.points {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>%s, %d: %.4g%s</title></circle>`+"\n",
				at(pt.clients), p.y(pt.value), c.color, html.EscapeString(c.name), pt.clients, pt.value, p.unit)
		}
	}
}

// at is where so many clients are.
func at(clients int) float64 {
	return marginLeft + plotWidth*math.Log2(float64(clients))/math.Log2(topOfSweep)
}

// y is where a value is, downwards.
func (p *panel) y(value float64) float64 {
	low, high := p.bounds()
	part := (value - low) / (high - low)
	if p.logarithmic {
		part = math.Log(max(value, low)/low) / math.Log(high/low)
	}
	return marginTop + plotHeight*(1-part)
}

// bounds are the least and the greatest value that there is room for.
func (p *panel) bounds() (low, high float64) {
	low, high = math.Inf(1), 0
	for _, c := range p.curves {
		for _, pt := range c.points {
			low, high = min(low, pt.value), max(high, pt.value)
		}
	}
	if !p.logarithmic {
		step := stepOf(high)
		return 0, step * max(1, math.Ceil(high/step))
	}
	low = max(low, leastMilliseconds)
	low, high = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))
	return low, max(high, 10*low)
}

// stepOf is 1, 2 or 5 with zeros, so that a few of them reach high.
func stepOf(high float64) float64 {
	zeros := math.Pow(10, math.Floor(math.Log10(max(high, 1)/mostLabels)))
	for _, n := range []float64{1, 2, 5} {
		if high <= n*zeros*mostLabels {
			return n * zeros
		}
	}
	return 10 * zeros
}

// marks are the values that the axis names.
func (p *panel) marks() []float64 {
	low, high := p.bounds()
	var out []float64
	if p.logarithmic {
		for v := low; v <= high*1.001; v *= 10 {
			out = append(out, math.Round(v*10)/10)
		}
		return out
	}
	for v := low; v <= high*1.001; v += stepOf(high) {
		out = append(out, v)
	}
	return out
}
