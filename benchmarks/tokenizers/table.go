package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
)

// columns are the programs of the table, in the order of the page.
var columns = []struct {
	program, title string
	ratio          bool // a column has the ratio of this library to the program
}{
	{"isotope", "this library, `Append`", false},
	{"isotope-count", "`Count`", false},
	{"quicktok-count", "quicktok, `count`", true},
	{"quicktok", "quicktok, `encode`", true},
	{"tiktoken", "tiktoken", true},
	{"tokenizers", "HF tokenizers", true},
	{"tiktoken-go", "tiktoken-go", true},
}

// table returns the output of a run as a table of Markdown, under the name of the processor. Beside a speed
// stands "(1)" if the program gives other ids. A cell is empty if the program does not know the vocabulary.
func table(raw []byte) (string, error) {
	type row struct {
		name  string
		cells map[string][]string // the fields of the line of a program
	}
	var rows []row
	processor, kind := "", ""
	s := bufio.NewScanner(bytes.NewReader(raw))
	for s.Scan() {
		line := s.Text()
		f := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "#"):
			if name, _, ok := strings.Cut(line, ", go1."); ok {
				processor = strings.TrimPrefix(name, "# ")
			}
		case len(f) == 0 || f[0] == "vocabulary":
		case strings.HasSuffix(f[0], ":"):
			kind = strings.TrimSuffix(f[0], ":")
		case len(f) != 9 && len(f) != 8:
			return "", fmt.Errorf("the line %q has %d fields", line, len(f))
		default:
			name := kind + ", " + f[0]
			if len(rows) == 0 || rows[len(rows)-1].name != name {
				rows = append(rows, row{name, map[string][]string{}})
			}
			rows[len(rows)-1].cells[f[1]] = f
		}
	}
	if len(rows) == 0 || processor == "" {
		return "", fmt.Errorf("this is not the output of a run")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, MB/s:\n\n| text, vocabulary |", processor)
	under := "|---|"
	for _, c := range columns {
		fmt.Fprintf(&b, " %s |", c.title)
		under += "--:|"
		if c.ratio {
			b.WriteString(" of ours |")
			under += "--:|"
		}
	}
	fmt.Fprintf(&b, "\n%s\n", under)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s |", r.name)
		for _, c := range columns {
			f := r.cells[c.program]
			speed, ratio := "", ""
			if f != nil {
				speed, ratio = f[3], f[4]+"x"
				if f[len(f)-1] != "yes" {
					speed += " (1)"
				}
			}
			fmt.Fprintf(&b, " %s |", speed)
			if c.ratio {
				fmt.Fprintf(&b, " %s |", ratio)
			}
		}
		b.WriteString("\n")
	}
	return b.String(), s.Err()
}

// printTables prints the tables of outputs.
func printTables(files []string) error {
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		t, err := table(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Println(t)
	}
	return nil
}
