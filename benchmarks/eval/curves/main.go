// Curves draws the figure of docs/which-mark.md from the CSV of `isotope eval`: how much of each mark is
// found after tokens were replaced.
//
//	go run ./eval/curves eval/results/real.csv > ../docs/which-mark.svg
package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "curves: want the CSV of isotope eval")
		os.Exit(2)
	}
	if err := run(os.Stdout, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "curves:", err)
		os.Exit(1)
	}
}

// panels are the sources and the beginnings of the schemes that a panel shows.
var panels = []struct{ title, source, family string }{
	{"keyed draws, news", "news", "gumbelmax"},
	{"keyed draws, code", "code", "gumbelmax"},
	{"biases with delta 2, news", "news", "greenlist,delta=2"},
	{"biases with delta 2, code", "code", "greenlist,delta=2"},
}

// figure is what is drawn: the attack, and the marked tokens that it begins with.
const (
	attack = "substitute"
	tokens = "200"
	level  = "1e-06"
)

type point struct{ rate, value, low, high float64 }

func run(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return err
	}
	const width, height = 380, 250
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" role="img" aria-label="Share of texts that are still detected, against the share of replaced tokens">`+"\n", 2*width, 2*height+10)
	fmt.Fprintf(w, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", 2*width, 2*height+10)
	for i, p := range panels {
		curves, order, err := read(rows, p.source, p.family)
		if err != nil {
			return fmt.Errorf("%s: %w", p.title, err)
		}
		draw(w, i%2*width, i/2*height, width, height, p.title, curves, order)
	}
	_, err = io.WriteString(w, "</svg>\n")
	return err
}

// read returns the curves of schemes, with their order in the file.
func read(rows [][]string, source, family string) (curves map[string][]point, order []string, err error) {
	curves = map[string][]point{}
	for _, r := range rows {
		if r[0] != source || !strings.HasPrefix(r[1], family) || r[5] != level {
			continue
		}
		rate := 0.0
		switch {
		case r[2] == "power" && r[4] == tokens+" tokens":
		case r[2] == attack && strings.HasSuffix(r[4], " of "+tokens+" tokens"):
			if rate, err = strconv.ParseFloat(strings.Fields(r[4])[0], 64); err != nil {
				return nil, nil, err
			}
		default:
			continue
		}
		x := point{rate: rate}
		for j, v := range []*float64{&x.value, &x.low, &x.high} {
			if *v, err = strconv.ParseFloat(r[7+j], 64); err != nil {
				return nil, nil, err
			}
		}
		if curves[r[1]] == nil {
			order = append(order, r[1])
		}
		curves[r[1]] = append(curves[r[1]], x)
	}
	if len(order) == 0 {
		return nil, nil, errors.New("the file has no such scheme")
	}
	return curves, order, nil
}

var styles = []struct{ colour, dash string }{{"#17693a", ""}, {"#1b1f24", "7 4"}, {"#a3301c", "2 3"}, {"#505964", "9 3 2 3"}}

func draw(w io.Writer, left, top, width, height int, title string, curves map[string][]point, order []string) {
	x := func(v float64) float64 { return float64(left) + 58 + v/0.6*float64(width-162) }
	y := func(v float64) float64 { return float64(top) + 28 + (1-v)*float64(height-76) }
	fmt.Fprintf(w, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", left+58, top+16, html.EscapeString(title))
	for v := 0.0; v <= 1; v += 0.25 {
		fmt.Fprintf(w, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#c9d0d7"/><text x="%.1f" y="%.1f" text-anchor="end">%g</text>`+"\n", x(0), y(v), x(0.6), y(v), x(0)-6, y(v)+4, v)
	}
	for v := 0; v <= 60; v += 20 {
		fmt.Fprintf(w, `<text x="%.1f" y="%.1f" text-anchor="middle">%d %%</text>`+"\n", x(float64(v)/100), y(0)+16, v)
	}
	fmt.Fprintf(w, `<text x="%.1f" y="%.1f" text-anchor="middle">share of tokens replaced</text>`+"\n", x(0.3), y(0)+34)
	fmt.Fprintf(w, `<text transform="translate(%d %.1f) rotate(-90)" text-anchor="middle">detected at 1e-6</text>`+"\n", left+14, y(0.5))
	for i, name := range order {
		s := styles[i%len(styles)]
		list := slices.SortedFunc(slices.Values(curves[name]), func(a, b point) int { return int(1000 * (a.rate - b.rate)) })
		var path strings.Builder
		for _, p := range list {
			fmt.Fprintf(&path, "%.1f,%.1f ", x(p.rate), y(p.value))
			at := x(p.rate) + float64(i)*1.5 - 2
			fmt.Fprintf(w, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-opacity="0.5"/>`+"\n", at, y(p.low), at, y(p.high), s.colour)
		}
		fmt.Fprintf(w, `<polyline fill="none" stroke-width="2" stroke="%s" stroke-dasharray="%s" points="%s"/>`+"\n", s.colour, s.dash, strings.TrimSpace(path.String()))
		_, k, _ := strings.Cut(name, "width=")
		fmt.Fprintf(w, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke-width="2" stroke="%s" stroke-dasharray="%s"/><text x="%.1f" y="%.1f">k = %s</text>`+"\n",
			x(0.6)+10, y(0.9-0.15*float64(i)), x(0.6)+42, y(0.9-0.15*float64(i)), s.colour, s.dash, x(0.6)+48, y(0.9-0.15*float64(i))+4, html.EscapeString(k))
	}
}
