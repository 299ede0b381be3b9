package sim

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// WriteSVG draws the picture as an SVG.
func (p Picture) WriteSVG(w io.Writer) error {
	var s svg
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif">`+"\n", pictureWidth, p.height())
	p.draw(&s)
	s.WriteString("</svg>\n")
	_, err := io.WriteString(w, s.String())
	return err
}

// svg is a canvas.
type svg struct{ strings.Builder }

func (s *svg) rect(corner spot, wide, high float64, color string) {
	fmt.Fprintf(s, `<rect x="%g" y="%g" width="%g" height="%g" fill="%s"/>`+"\n", corner.x, corner.y, wide, high, color)
}

func (s *svg) text(at spot, style style, text string) {
	weight := ""
	if style.bold {
		weight = ` font-weight="bold"`
	}
	fmt.Fprintf(s, `<text x="%.1f" y="%.1f" font-size="%g" fill="%s" text-anchor="%s"%s>%s</text>`+"\n", at.x, at.y, style.size, style.color, style.anchor, weight, html.EscapeString(text))
}

func (s *svg) line(from, to spot, color string, dashed bool) {
	dashes := ""
	if dashed {
		dashes = ` stroke-dasharray="6 4"`
	}
	fmt.Fprintf(s, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"%s/>`+"\n", from.x, from.y, to.x, to.y, color, dashes)
}

func (s *svg) area(points []spot, color string) {
	fmt.Fprintf(s, `<path d="%sZ" fill="%s"/>`+"\n", path(points), color)
}

func (s *svg) curve(points []spot, color string) {
	fmt.Fprintf(s, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", path(points), color)
}

func path(points []spot) string {
	var b strings.Builder
	for i, p := range points {
		command := 'L'
		if i == 0 {
			command = 'M'
		}
		fmt.Fprintf(&b, "%c%.1f %.1f", command, p.x, p.y)
	}
	return b.String()
}
