package main

import (
	"bytes"
	"fmt"
	"strings"
)

// draw replaces what is between <!-- NAME --> and <!-- end --> in a text by the table of that name.
// It returns an error if the text has no place for a table.
func draw(text []byte, tables page, m *measured) ([]byte, error) {
	for name, table := range tables {
		begin, end := "<!-- "+name+" -->\n", "<!-- end -->"
		before, rest, ok := bytes.Cut(text, []byte(begin))
		if !ok {
			return nil, fmt.Errorf("no place for the table %q; add <!-- %s --> and <!-- end -->", name, name)
		}
		_, after, ok := bytes.Cut(rest, []byte(end))
		if !ok {
			return nil, fmt.Errorf("no <!-- end --> after the table %q", name)
		}
		text = bytes.Join([][]byte{before, []byte(begin), []byte(table(m)), []byte(end), after}, nil)
	}
	return text, nil
}

// A grid is a Markdown table under construction.
type grid struct{ strings.Builder }

// row adds a row.
func (g *grid) row(cells ...string) {
	fmt.Fprintf(g, "| %s |\n", strings.Join(cells, " | "))
}

// head adds the header, with all columns but the first aligned to the right.
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

// times returns a factor as text, or a dash if ok is false.
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

// duration returns nanoseconds as text, or a dash if ok is false.
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

// rate returns a rate per microsecond as text, or a dash if ok is false.
func rate(perMicro float64, ok bool) string {
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.0f M/s", perMicro)
}
