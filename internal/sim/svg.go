package sim

import (
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// colors of the ways, Muster's first: apart for those who see few colors, too
// (https://jfly.uni-koeln.de/color/).
var colors = []string{"#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}

const (
	svgWidth  = 1000
	svgLeft   = 90
	svgRight  = 20
	panelHigh = 130
	panelGap  = 46
	legend    = 22
	svgTop    = 56
)

// panel is one diagram of the picture.
type panel struct {
	title string
	of    func(Interval) float64
	// bars are drawn for the first result alone, lines for all.
	bars bool
	// mark is a line at that height, named.
	mark     float64
	markName string
}

// WriteSVG draws results of one trace as one picture: what arrived, what waited,
// for how long, and how many handlers there was room for.
func WriteSVG(w io.Writer, title string, interval time.Duration, cap int, results []Result) error {
	promise := results[0].Promise.Seconds
	seconds := interval.Seconds()
	panels := []panel{
		{title: "messages that arrive, a second", bars: true, of: func(i Interval) float64 { return float64(i.Arrived) / seconds }},
		{title: "backlog: messages visible and in flight", of: func(i Interval) float64 { return float64(i.Visible + i.InFlight) }},
		{title: "age of the oldest message, seconds", mark: promise, markName: "promise", of: func(i Interval) float64 { return i.AgeSeconds }},
		{title: "handlers running", mark: float64(cap), markName: "cap", of: func(i Interval) float64 { return float64(i.Handlers) }},
	}
	high := svgTop + legend*len(results) + len(panels)*(panelHigh+panelGap)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", svgWidth, high)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="%d" y="28" font-size="18">%s</text>`+"\n", svgLeft, html.EscapeString(title))
	for i, r := range results {
		y := svgTop + legend*i
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="16" height="10" fill="%s"/><text x="%d" y="%d">%s</text>`+"\n", svgLeft, y-10, colors[i%len(colors)], svgLeft+24, y,
			html.EscapeString(fmt.Sprintf("%s: %.1f%% within %s, $%.2f (%s)", r.Way, 100*r.Promise.Share(), time.Duration(promise*float64(time.Second)), r.Dollars, r.Settings)))
	}
	last := 0.0
	for _, r := range results {
		last = max(last, r.Intervals[len(r.Intervals)-1].AtSeconds)
	}
	for i, p := range panels {
		p.draw(&b, svgTop+legend*len(results)+i*(panelHigh+panelGap)+14, last, results)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// draw the panel, its upper edge at y.
func (p panel) draw(b *strings.Builder, y int, last float64, results []Result) {
	if p.bars {
		results = results[:1]
	}
	most := p.mark
	for _, r := range results {
		for _, i := range r.Intervals {
			most = max(most, p.of(i))
		}
	}
	step := roundStep(most / 4)
	most = math.Max(step, math.Ceil(most/step)*step)
	wide := float64(svgWidth - svgLeft - svgRight)
	at := func(seconds, value float64) (float64, float64) {
		return svgLeft + wide*seconds/last, float64(y+panelHigh) - panelHigh*value/most
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", svgLeft, y-6, p.title)
	for value := 0.0; value <= most+step/2; value += step {
		_, line := at(0, value)
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", svgLeft, svgWidth-svgRight, line, line, svgLeft-6, line+4, short(value))
	}
	every := timeStep(last)
	for t := 0.0; t <= last; t += every {
		x, _ := at(t, 0)
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#666">%s</text>`+"\n", x, y+panelHigh+15, brief(t))
	}
	for i, r := range slices.Backward(results) { // the first lies on top
		fmt.Fprintf(b, `<path d="%s" fill="%s" stroke="%s" stroke-width="1.5"/>`+"\n", p.path(r, at), p.fill(), p.stroke(i))
	}
	if p.mark > 0 {
		_, line := at(0, p.mark)
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="black" stroke-dasharray="6 4"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", svgLeft, svgWidth-svgRight, line, line, svgWidth-svgRight, line-4, p.markName)
	}
}

func (p panel) fill() string {
	if p.bars {
		return "#bbb"
	}
	return "none"
}

func (p panel) stroke(i int) string {
	if p.bars {
		return "none"
	}
	return colors[i%len(colors)]
}

// path of a result: of the intervals that one point stands for, the highest counts.
func (p panel) path(r Result, at func(seconds, value float64) (float64, float64)) string {
	group := (len(r.Intervals) + svgWidth - 1) / svgWidth
	var b strings.Builder
	from, floor := at(0, 0)
	fmt.Fprintf(&b, "M%.1f %.1f", from, floor)
	before := 0.0
	for i := 0; i < len(r.Intervals); i += group {
		chunk := r.Intervals[i:min(i+group, len(r.Intervals))]
		highest := 0.0
		for _, one := range chunk {
			highest = max(highest, p.of(one))
		}
		x, y := at(chunk[len(chunk)-1].AtSeconds, highest)
		if p.bars {
			left, _ := at(before, 0)
			fmt.Fprintf(&b, "L%.1f %.1f", left, y)
		}
		fmt.Fprintf(&b, "L%.1f %.1f", x, y)
		before = chunk[len(chunk)-1].AtSeconds
	}
	if p.bars {
		x, y := at(before, 0)
		fmt.Fprintf(&b, "L%.1f %.1fZ", x, y)
	}
	return b.String()
}

// roundStep is 1, 2 or 5 times a power of ten, at least x.
func roundStep(x float64) float64 {
	if x <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, f := range []float64{1, 2, 5, 10} {
		if f*power >= x {
			return f * power
		}
	}
	return 10 * power
}

// timeStep is the distance of the marks on the time axis, in seconds.
func timeStep(last float64) float64 {
	for _, step := range []float64{10, 30, 60, 300, 600, 1800, 3600, 7200, 4 * 3600, 12 * 3600, 86400} {
		if last/step <= 12 {
			return step
		}
	}
	return roundStep(last/12/86400) * 86400
}

// brief is a time on the axis.
func brief(seconds float64) string {
	d := time.Duration(seconds) * time.Second
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// short is a number on the axis.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%g", math.Round(v*1000)/1000)
}
