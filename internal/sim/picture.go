package sim

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// colors of the ways, Muster's first: apart for those who see few colors, too
// (https://jfly.uni-koeln.de/color/).
var colors = []string{"#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}

const (
	pictureWidth = 1000
	pictureLeft  = 90
	pictureRight = 20
	panelHigh    = 130
	panelGap     = 46
	legend       = 22
	pictureTop   = 56
	textSize     = 13
	titleSize    = 18
)

// spot of a picture, from its upper left corner.
type spot struct{ x, y float64 }

// anchor is which end of a text stands at its point.
type anchor string

const (
	atStart  anchor = "start"
	atMiddle anchor = "middle"
	atEnd    anchor = "end"
)

// style of a text.
type style struct {
	size   float64
	bold   bool
	anchor anchor
	color  string
}

// canvas is what a picture is drawn on. Colors are #rgb or #rrggbb.
type canvas interface {
	rect(corner spot, wide, high float64, color string)
	text(at spot, s style, text string)
	line(from, to spot, color string, dashed bool)
	// area fills a polygon, curve joins points by a line.
	area(points []spot, color string)
	curve(points []spot, color string)
}

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

// Picture shows results of one trace: what arrived, what waited, for how long, and
// how many handlers there was room for.
type Picture struct {
	Title string
	// Interval of the trace, and Cap of handlers.
	Interval time.Duration
	Cap      int
	Results  []Result
}

func (p Picture) panels() []panel {
	seconds := p.Interval.Seconds()
	return []panel{
		{title: "messages that arrive, a second", bars: true, of: func(i Interval) float64 { return float64(i.Arrived) / seconds }},
		{title: "backlog: messages visible and in flight", of: func(i Interval) float64 { return float64(i.Visible + i.InFlight) }},
		{title: "age of the oldest message, seconds", mark: p.Results[0].Promise.Seconds, markName: "promise", of: func(i Interval) float64 { return i.AgeSeconds }},
		{title: "handlers running", mark: float64(p.Cap), markName: "cap", of: func(i Interval) float64 { return float64(i.Handlers) }},
	}
}

// height of the picture.
func (p Picture) height() int {
	return pictureTop + legend*len(p.Results) + len(p.panels())*(panelHigh+panelGap)
}

// draw all of it.
func (p Picture) draw(c canvas) {
	c.rect(spot{}, pictureWidth, float64(p.height()), "#fff")
	c.text(spot{pictureLeft, 28}, style{titleSize, false, atStart, "#000"}, p.Title)
	last := 0.0
	for i, r := range p.Results {
		y := float64(pictureTop + legend*i)
		c.rect(spot{pictureLeft, y - 10}, 16, 10, colors[i%len(colors)])
		c.text(spot{pictureLeft + 24, y}, style{textSize, false, atStart, "#000"},
			fmt.Sprintf("%s: %.1f%% within %s, $%.2f (%s)", r.Way, 100*r.Promise.Share(), time.Duration(r.Promise.Seconds*float64(time.Second)), r.Dollars, r.Settings))
		last = max(last, r.Intervals[len(r.Intervals)-1].AtSeconds)
	}
	for i, panel := range p.panels() {
		panel.draw(c, float64(pictureTop+legend*len(p.Results)+i*(panelHigh+panelGap)+14), last, p.Results)
	}
}

// draw the panel, its upper edge at y.
func (p panel) draw(c canvas, y, last float64, results []Result) {
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
	const right = pictureWidth - pictureRight
	at := func(seconds, value float64) spot {
		return spot{pictureLeft + (right-pictureLeft)*seconds/last, y + panelHigh - panelHigh*value/most}
	}
	c.text(spot{pictureLeft, y - 6}, style{textSize, true, atStart, "#000"}, p.title)
	for value := 0.0; value <= most+step/2; value += step {
		line := at(0, value).y
		c.line(spot{pictureLeft, line}, spot{right, line}, "#ddd", false)
		c.text(spot{pictureLeft - 6, line + 4}, style{textSize, false, atEnd, "#000"}, short(value))
	}
	every := timeStep(last)
	for t := 0.0; t <= last; t += every {
		c.text(spot{at(t, 0).x, y + panelHigh + 15}, style{textSize, false, atMiddle, "#666"}, brief(t))
	}
	for i, r := range slices.Backward(results) { // the first lies on top
		if points := p.points(r, at); p.bars {
			c.area(points, "#bbb")
		} else {
			c.curve(points, colors[i%len(colors)])
		}
	}
	if p.mark > 0 {
		line := at(0, p.mark).y
		c.line(spot{pictureLeft, line}, spot{right, line}, "#000", true)
		c.text(spot{right, line - 4}, style{textSize, false, atEnd, "#000"}, p.markName)
	}
}

// points of a result: of the intervals that one stands for, the highest counts.
func (p panel) points(r Result, at func(seconds, value float64) spot) []spot {
	group := (len(r.Intervals) + pictureWidth - 1) / pictureWidth
	points := []spot{at(0, 0)}
	before := 0.0
	for i := 0; i < len(r.Intervals); i += group {
		chunk := r.Intervals[i:min(i+group, len(r.Intervals))]
		highest := 0.0
		for _, one := range chunk {
			highest = max(highest, p.of(one))
		}
		now := chunk[len(chunk)-1].AtSeconds
		if p.bars {
			points = append(points, at(before, highest))
		}
		points = append(points, at(now, highest))
		before = now
	}
	if p.bars {
		points = append(points, at(before, 0))
	}
	return points
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
