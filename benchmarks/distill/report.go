package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A reporter writes tables and plots of the finished arms. Its methods in report_closed.go,
// report_open.go, report_controls.go, report_attacks.go and report_tenants.go write one section each.
type reporter struct {
	dir     string
	scale   scale
	b       strings.Builder
	plots   []plotFile
	missing []string // arms that have not finished
	err     error
}

// A plotFile is a plot and the name of its file.
type plotFile struct {
	name string
	plot plot
}

// get returns the result of an arm. ok is false if the arm has not finished.
func get[T any](r *reporter, name string) (result T, ok bool) {
	result, ok, err := load[T](r.dir, name)
	if err != nil {
		r.err = errors.Join(r.err, err)
	}
	return result, ok
}

// writeReport writes tables.md and the plots. Its error also lists the results that contradict the
// science.
func writeReport(out string, s scale, arms []arm) error {
	r := &reporter{dir: out, scale: s}
	head := ""
	for _, a := range arms {
		if _, ok := get[any](r, a.name); !ok {
			r.missing = append(r.missing, a.name)
		} else if head == "" {
			head = a.name
		}
	}
	if head == "" {
		return errors.Join(r.err, errors.New("no arm has finished"))
	}
	r.setup(head)
	c1 := r.shares()
	r.widths()
	r.neural()
	r.temperatures()
	r.curves()
	r.again()
	r.controls()
	r.null()
	r.traps()
	r.attacks()
	r.tenants(c1)
	for _, p := range r.plots {
		r.err = errors.Join(r.err, p.plot.write(filepath.Join(out, p.name)))
	}
	if err := os.WriteFile(filepath.Join(out, "tables.md"), []byte(r.b.String()), 0o666); err != nil {
		return err
	}
	return r.check()
}

func (r *reporter) printf(format string, args ...any) { fmt.Fprintf(&r.b, format, args...) }

// section writes a heading.
func (r *reporter) section(title string) { r.printf("## %s\n\n", title) }

// text writes a paragraph, wrapped at 100 columns.
func (r *reporter) text(format string, args ...any) {
	column := 0
	for i, word := range strings.Fields(fmt.Sprintf(format, args...)) {
		width := len([]rune(word))
		switch {
		case i == 0:
		case column+1+width > 100:
			r.printf("\n")
			column = 0
		default:
			r.printf(" ")
			column++
		}
		r.printf("%s", word)
		column += width
	}
	r.printf("\n\n")
}

// draw writes a link to a plot, whose file writeReport writes.
func (r *reporter) draw(file string, p plot) {
	r.plots = append(r.plots, plotFile{file, p})
	r.printf("![%s](%s)\n\n", p.title, file)
}

// header writes the head of a table.
func (r *reporter) header(names ...string) {
	r.printf("| %s |\n|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)))
}

// row writes a line of a table. A float64 gets two decimals.
func (r *reporter) row(cells ...any) {
	for _, c := range cells {
		if f, ok := c.(float64); ok {
			c = fmt.Sprintf("%.2f", f)
		}
		r.printf("| %v ", c)
	}
	r.printf("|\n")
}

// endTable writes the blank line after a table.
func (r *reporter) endTable() { r.printf("\n") }

// show returns z and log10 p of a test.
func show(t test) string { return fmt.Sprintf("%.1f (%.1f)", t.Z, t.Log10P) }

// showBase is show for a test that may be absent.
func showBase(t *test) string {
	if t == nil {
		return "-"
	}
	return show(*t)
}

// percents returns a share as a whole number of percent.
func percents(share float64) string { return fmt.Sprintf("%d %%", percent(share)) }

// setup writes the head of the report, with the corpus of one finished arm.
func (r *reporter) setup(arm string) {
	b, err := os.ReadFile(armPath(r.dir, arm))
	if err != nil {
		r.err = errors.Join(r.err, err)
		return
	}
	var head record
	r.err = errors.Join(r.err, json.Unmarshal(b, &head))
	s := r.scale
	r.printf("# Students: tables\n\n")
	r.text("`go run ./distill` wrote this page. The raw numbers are in `arms/`, and docs/experiment.md " +
		"explains them.")
	r.text("Human text: %s, files %s, text %s.", head.Corpus, head.Files, head.Text)
	r.text("Vocabulary: %d ids. Teacher: Kneser-Ney %d-gram model with a green list, gamma %v, delta %v. "+
		"An n-gram student has order %d. It trains on %d tokens of teacher text and writes %d tokens. "+
		"A neural student trains on %d tokens of human text, then %d epochs of %d tokens of teacher text. "+
		"It writes %d tokens.",
		s.Vocab, s.TeacherOrder, gamma, delta, s.StudentOrder, s.NgramTrain, s.NgramScore,
		s.Pretrain, s.Epochs, s.FineTune, s.NeuralScore)
	r.text("A cell shows z and, in brackets, log10 p. *Pairs* and *residual* are the two declared " +
		"statistics: distinct pairs, and the weights of `detect.ResidualWeights` against the unmarked " +
		"teacher. *Score* is the residual with signed and unbounded weights against the teacher. *Base* " +
		"is the same against the model that the student began with. *Every position* is the test " +
		"without dedup. It shows the size of the effect, and its p-value is not valid.")
	if len(r.missing) > 0 {
		r.text("Arms that have not finished (%d): %s. The same command resumes with them.",
			len(r.missing), strings.Join(r.missing, ", "))
	}
}

// seeds returns the results of a student for all seeds. Each seed has its own key and text.
func (r *reporter) seeds(name string) (all []studentResult) {
	for _, n := range []string{name, name + "-seed2", name + "-seed3"} {
		if s, ok := get[studentResult](r, n); ok {
			all = append(all, s)
		}
	}
	return all
}
