package sim

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"strconv"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// density is how many pixels a unit of the picture has on each side.
const density = 2

// WritePNG draws the picture as a PNG of 2,000 pixels' width.
func (p Picture) WritePNG(w io.Writer) error {
	c := &bitmap{image: image.NewRGBA(image.Rect(0, 0, density*pictureWidth, density*p.height())), faces: map[style]font.Face{}}
	p.draw(c)
	if c.err != nil {
		return c.err
	}
	return png.Encode(w, c.image)
}

// bitmap is a canvas.
type bitmap struct {
	image *image.RGBA
	// faces of fonts by size and weight.
	faces map[style]font.Face
	err   error
}

func (b *bitmap) rect(corner spot, wide, high float64, color string) {
	b.area([]spot{corner, {corner.x + wide, corner.y}, {corner.x + wide, corner.y + high}, {corner.x, corner.y + high}}, color)
}

func (b *bitmap) text(at spot, s style, text string) {
	face := b.face(s)
	if face == nil {
		return
	}
	d := font.Drawer{Dst: b.image, Src: b.color(s.color), Face: face}
	x := at.x * density
	switch wide := float64(d.MeasureString(text)) / 64; s.anchor {
	case atMiddle:
		x -= wide / 2
	case atEnd:
		x -= wide
	}
	d.Dot = fixed.Point26_6{X: fixed.Int26_6(x * 64), Y: fixed.Int26_6(at.y * density * 64)}
	d.DrawString(text)
}

// face of a style, whose anchor and color do not matter.
func (b *bitmap) face(s style) font.Face {
	s.anchor, s.color = "", ""
	if f, ok := b.faces[s]; ok {
		return f
	}
	ttf := goregular.TTF
	if s.bold {
		ttf = gobold.TTF
	}
	parsed, err := opentype.Parse(ttf)
	if err == nil {
		b.faces[s], err = opentype.NewFace(parsed, &opentype.FaceOptions{Size: s.size * density, DPI: 72})
	}
	b.err = errors.Join(b.err, err)
	return b.faces[s]
}

func (b *bitmap) line(from, to spot, color string, dashed bool) {
	const dash, gap = 6, 4
	long := math.Hypot(to.x-from.x, to.y-from.y)
	at := func(d float64) spot {
		return spot{from.x + (to.x-from.x)*d/long, from.y + (to.y-from.y)*d/long}
	}
	if !dashed {
		b.stroke([]spot{from, to}, 1, color)
		return
	}
	for d := 0.0; d < long; d += dash + gap {
		b.stroke([]spot{at(d), at(min(d+dash, long))}, 1, color)
	}
}

func (b *bitmap) curve(points []spot, color string) { b.stroke(points, 1.5, color) }

func (b *bitmap) area(points []spot, color string) { b.fill(color, points) }

// stroke draws each piece of a line as a rectangle, and closes its corners by half
// its width. All go round the same way: where they overlap they do not cancel out.
func (b *bitmap) stroke(points []spot, wide float64, color string) {
	type way struct{ x, y float64 }
	var pieces [][]spot
	before := way{}
	for i := 1; i < len(points); i++ {
		from, to := points[i-1], points[i]
		long := math.Hypot(to.x-from.x, to.y-from.y)
		if long == 0 {
			continue
		}
		to1 := way{(to.x - from.x) / long, (to.y - from.y) / long}
		dx, dy := to1.x*wide/2, to1.y*wide/2
		if before.x*to1.x+before.y*to1.y < straight {
			from = spot{from.x - dx, from.y - dy}
			if n := len(pieces); n > 0 {
				// So does the piece before it.
				last := pieces[n-1]
				bx, by := before.x*wide/2, before.y*wide/2
				last[1], last[2] = spot{last[1].x + bx, last[1].y + by}, spot{last[2].x + bx, last[2].y + by}
			}
		}
		before = to1
		pieces = append(pieces, []spot{{from.x - dy, from.y + dx}, {to.x - dy, to.y + dx}, {to.x + dy, to.y - dx}, {from.x + dy, from.y - dx}})
	}
	b.fill(color, pieces...)
}

// straight is the cosine of the largest turn that makes no corner.
const straight = 0.95

// fill fills polygons.
func (b *bitmap) fill(color string, polygons ...[]spot) {
	least, most := spot{math.Inf(1), math.Inf(1)}, spot{math.Inf(-1), math.Inf(-1)}
	for _, points := range polygons {
		for _, p := range points {
			least, most = spot{min(least.x, p.x), min(least.y, p.y)}, spot{max(most.x, p.x), max(most.y, p.y)}
		}
	}
	if len(polygons) == 0 {
		return
	}
	box := image.Rect(int(least.x*density)-1, int(least.y*density)-1, int(most.x*density)+2, int(most.y*density)+2).Intersect(b.image.Bounds())
	r := vector.NewRasterizer(box.Dx(), box.Dy())
	r.DrawOp = draw.Over
	for _, points := range polygons {
		for i, p := range points {
			x, y := float32(p.x*density)-float32(box.Min.X), float32(p.y*density)-float32(box.Min.Y)
			if i == 0 {
				r.MoveTo(x, y)
			} else {
				r.LineTo(x, y)
			}
		}
		r.ClosePath()
	}
	r.Draw(b.image, box, b.color(color), image.Point{})
}

// color of #rgb or #rrggbb.
func (b *bitmap) color(text string) image.Image {
	hex := strings.TrimPrefix(text, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, err := strconv.ParseUint(hex, 16, 24)
	if err != nil {
		b.err = errors.Join(b.err, fmt.Errorf("the color %s: %w", text, err))
	}
	return image.NewUniform(color.RGBA{R: uint8(n >> 16), G: uint8(n >> 8 & 0xff), B: uint8(n & 0xff), A: 0xff})
}
