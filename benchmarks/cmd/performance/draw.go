package main

import (
	"bytes"
	"fmt"
	"strings"
)

// draw replaces what stands between <!-- NAME --> and <!-- end --> in the page by the
// table of that name. A table without a place is an error.
func draw(page []byte, tables map[string]func(*results) string, r *results) ([]byte, error) {
	for name, table := range tables {
		begin, end := "<!-- "+name+" -->\n", "<!-- end -->"
		before, rest, ok := bytes.Cut(page, []byte(begin))
		if !ok {
			return nil, fmt.Errorf("has no place for the table %q", name)
		}
		_, after, ok := bytes.Cut(rest, []byte(end))
		if !ok {
			return nil, fmt.Errorf("the table %q has no end", name)
		}
		page = bytes.Join([][]byte{before, []byte(begin), []byte(table(r)), []byte(end), after}, nil)
	}
	return page, nil
}

// A grid is a Markdown table under construction.
type grid struct{ strings.Builder }

func (g *grid) row(cells ...string) {
	fmt.Fprintf(g, "| %s |\n", strings.Join(cells, " | "))
}

func (g *grid) head(cells ...string) {
	g.row(cells...)
	g.row(append([]string{"---"}, repeat("--:", len(cells)-1)...)...)
}

func repeat(s string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = s
	}
	return all
}

// times writes a factor, or a dash where something was not measured.
func times(x float64, ok bool) string {
	switch {
	case !ok:
		return "-"
	case x < 10:
		return fmt.Sprintf("%.2fx", x)
	default:
		return fmt.Sprintf("%.0fx", x)
	}
}

// duration writes nanoseconds.
func duration(ns float64, ok bool) string {
	switch {
	case !ok:
		return "-"
	case ns < 100:
		return fmt.Sprintf("%.2f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.1f us", ns/1e3)
	default:
		return fmt.Sprintf("%.1f ms", ns/1e6)
	}
}

func rate(perMicro float64, ok bool) string {
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.0f M/s", perMicro)
}
