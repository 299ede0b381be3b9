package sim_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/color"
	"image/png"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/sim"
)

// Both pictures show the same: arrivals in grey, Muster on top of its rival, the
// cap at its height.
func TestPictures(t *testing.T) {
	c := sim.Config{Trace: burst(6000), Handler: handler(t, "1s"), BatchSize: 1}
	muster, err := sim.Run(c, muster(100, 5))
	require.NoError(t, err)
	fixed, err := sim.Run(c, sim.Fixed{Workers: 2, Places: 5})
	require.NoError(t, err)
	p := sim.Picture{Title: "6,000 <messages>", Interval: c.Trace.Interval, Cap: 100, Results: []sim.Result{muster, fixed}}

	var drawn bytes.Buffer
	require.NoError(t, p.WriteSVG(&drawn))
	text := ""
	for d := xml.NewDecoder(&drawn); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if chars, ok := token.(xml.CharData); ok {
			text += string(chars)
		}
	}
	for _, want := range []string{"6,000 <messages>", "Muster: ", "fixed fleet: ", "(2 workers)", "handlers running", "promise", "cap", "1h"} {
		assert.Contains(t, text, want)
	}

	drawn.Reset()
	require.NoError(t, p.WritePNG(&drawn))
	got, err := png.Decode(&drawn)
	require.NoError(t, err)
	assert.Equal(t, 2000, got.Bounds().Dx())
	counts := map[color.Color]int{}
	for y := range got.Bounds().Dy() {
		for x := range 2000 {
			counts[got.At(x, y)]++
		}
	}
	for name, c := range map[string]color.RGBA{"Muster's": {0xd5, 0x5e, 0, 0xff}, "the rival's": {0, 0x72, 0xb2, 0xff}, "the axes'": {0xdd, 0xdd, 0xdd, 0xff}, "the text's": {0, 0, 0, 0xff}} {
		assert.Greater(t, counts[c], 700, "%s color", name)
	}
	assert.Greater(t, counts[color.RGBA{0xff, 0xff, 0xff, 0xff}], got.Bounds().Dy()*2000*9/10, "the rest is white")
}
