package main

import (
	"bytes"
	"fmt"
	"math"
)

// A line is a line of the plot: the time of a benchmark for each vocabulary size.
type line struct {
	text, colour string
	name         func(v int) string // of the benchmark
	floor        bool               // plot the floor of the benchmark
}

// lines lists the lines of the plot, the slowest first.
var lines = []line{
	{"permute the vocabulary", "#c0392b", func(v int) string {
		return fmt.Sprintf("MarkBy/method=perm/vocab=%d/mem=hot", v)
	}, false},
	{"-log(-log u)", "#8e44ad", func(v int) string {
		return fmt.Sprintf("SampleBy/method=loglog/sampler=temperature/rows=flat/vocab=%d", v)
	}, false},
	{"heap and sort, unmarked", "#d35400", func(v int) string {
		return fmt.Sprintf("SampleBy/method=heap/sampler=topk40-topp0.9/rows=flat/vocab=%d", v)
	}, false},
	{"mark, generic Go", "#7f8c8d", func(v int) string {
		return fmt.Sprintf(processName, v, 1, "hot", "generic")
	}, false},
	{"GumbelMax, whole vocabulary", "#2980b9", func(v int) string {
		return fmt.Sprintf(gumbelName, "temperature", "flat", v, "vaes")
	}, false},
	{"mark and sample, top-k 40", "#16a085", func(v int) string {
		return fmt.Sprintf(sampleName, "greenlist", "topk40-topp0.9", "flat", v, "vaes")
	}, false},
	{"mark in place", "#27ae60", func(v int) string {
		return fmt.Sprintf(processName, v, 1, "hot", "vaes")
	}, false},
	{"floor: x[i] += c", "#000000", func(v int) string {
		return fmt.Sprintf(processName, v, 1, "hot", "vaes")
	}, true},
}

// plot returns an SVG of time against vocabulary size, both logarithmic.
func plot(r *results) ([]byte, error) {
	const (
		width, height      = 860, 480
		left, right        = 70, 600
		top, bottom        = 30, 430
		leastV, mostV      = 30e3, 280e3
		leastTime, mostTim = 1e3, 1e7 // ns
	)
	x := func(v float64) float64 { return left + (right-left)*math.Log(v/leastV)/math.Log(mostV/leastV) }
	y := func(ns float64) float64 {
		return bottom - (bottom-top)*math.Log(ns/leastTime)/math.Log(mostTim/leastTime)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" `+
		`font-family="sans-serif" font-size="13">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="18">Time of one step against the vocabulary, one core, `+
		`row in the cache</text>`+"\n", left)
	for i, text := range []string{"1 us", "10 us", "100 us", "1 ms", "10 ms"} {
		ns := leastTime * math.Pow10(i)
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>`+
			`<text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, right, y(ns), y(ns), left-8, y(ns)+4, text)
	}
	for _, v := range vocabs {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" font-size="11">%d</text>`+"\n",
			x(float64(v)), bottom+18, v)
	}
	labelled := []float64{}
	for _, l := range lines {
		var points bytes.Buffer
		var last float64
		for _, v := range vocabs {
			t, ok := r.get("ns/op", "%s", l.name(v))
			if l.floor {
				t, ok = r.floor("%s", l.name(v))
			}
			if !ok {
				return nil, fmt.Errorf("%s has no %s; run all benchmarks to draw the plot",
					r.processor, l.name(v))
			}
			fmt.Fprintf(&points, "%.1f,%.1f ", x(float64(v)), y(t))
			last = y(t)
		}
		dash := ""
		if l.floor {
			dash = ` stroke-dasharray="5 4"`
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n",
			bytes.TrimSpace(points.Bytes()), l.colour, dash)
		at := last + 4
		for _, other := range labelled {
			if math.Abs(at-other) < 15 {
				at = other + 15
			}
		}
		labelled = append(labelled, at)
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" fill="%s">%s</text>`+"\n", right+8, at, l.colour, l.text)
	}
	b.WriteString("</svg>\n")
	return b.Bytes(), nil
}
