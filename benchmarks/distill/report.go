package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/internal/tail"
)

// A reporter writes tables and plots of the arms that have finished.
type reporter struct {
	dir     string
	scale   scale
	b       strings.Builder
	plots   []named
	missing []string
	err     error
}

type named struct {
	file string
	plot plot
}

func (r *reporter) printf(format string, args ...any) { fmt.Fprintf(&r.b, format, args...) }

// get reads an arm's result; ok is false when it has not finished.
func get[T any](r *reporter, name string) (result T, ok bool) {
	result, ok, err := load[T](r.dir, name)
	if err != nil {
		r.err = errors.Join(r.err, err)
	}
	return result, ok
}

// writeReport writes tables.md and the plots. The error says what contradicts the science, too.
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
		r.err = errors.Join(r.err, p.plot.write(filepath.Join(out, p.file)))
	}
	if err := os.WriteFile(filepath.Join(out, "tables.md"), []byte(r.b.String()), 0o666); err != nil {
		return err
	}
	return r.check()
}

func (r *reporter) draw(file string, p plot) {
	r.plots = append(r.plots, named{file, p})
	r.printf("![%s](%s)\n\n", p.title, file)
}

// row writes a line of a table.
func (r *reporter) row(cells ...any) {
	for _, c := range cells {
		if f, ok := c.(float64); ok {
			c = fmt.Sprintf("%.2f", f)
		}
		r.printf("| %v ", c)
	}
	r.printf("|\n")
}

func (r *reporter) header(names ...string) {
	r.printf("| %s |\n|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)))
}

// show writes z and log10 p of a test.
func show(t test) string { return fmt.Sprintf("%.1f (%.1f)", t.Z, t.Log10P) }

func showBase(t *test) string {
	if t == nil {
		return "-"
	}
	return show(*t)
}

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
	r.printf("Written by `go run ./distill`; the raw numbers are in `arms/`. docs/experiment.md explains them.\n\n")
	r.printf("Human text: %s, files %s, text %s. Vocabulary %d. Teacher: Kneser-Ney %d-gram, green list gamma %v, delta %v. ",
		head.Corpus, head.Files, head.Text, s.Vocab, s.TeacherOrder, gamma, delta)
	r.printf("n-gram students: order %d, from nothing, %d tokens of teacher text; %d tokens written. ", s.StudentOrder, s.NgramTrain, s.NgramScore)
	r.printf("Neural students: %d tokens of human text, then %d epochs of %d tokens of teacher text; %d tokens written.\n\n",
		s.Pretrain, s.Epochs, s.FineTune, s.NeuralScore)
	r.printf("Numbers are z and, in brackets, log10 p. *Pairs* and *residual* are the two declared statistics: distinct pairs, and the weights of " +
		"`detect.ResidualWeights` against the unmarked teacher. *Score* is the residual with signed, unbounded weights, against the teacher, and *base* the same " +
		"against the model the student began with. *Every position* is the test without dedup: an effect size, and no test.\n\n")
	if len(r.missing) > 0 {
		r.printf("Arms that have not finished (%d): %s. The same command goes on with them.\n\n", len(r.missing), strings.Join(r.missing, ", "))
	}
}

// seeds returns all results of a student: other seeds have other keys and other texts.
func (r *reporter) seeds(name string) (all []studentResult) {
	for _, n := range []string{name, name + "-seed2", name + "-seed3"} {
		if s, ok := get[studentResult](r, n); ok {
			all = append(all, s)
		}
	}
	return all
}

func pick(all []studentResult, f func(studentResult) test) (z []float64) {
	for _, s := range all {
		z = append(z, f(s).Z)
	}
	return z
}

// meanSD writes the mean over seeds and their standard deviation.
func meanSD(z []float64) string {
	switch len(z) {
	case 0:
		return "-"
	case 1:
		return fmt.Sprintf("%.1f", z[0])
	}
	return fmt.Sprintf("%.1f ± %.1f", mean(z), spread(z))
}

var statistics = []struct {
	name string
	of   func(studentResult) test
}{
	{"pairs", func(s studentResult) test { return s.Pairs }},
	{"residual", func(s studentResult) test { return s.Residual }},
	{"score", func(s studentResult) test { return s.Score }},
}

// expectedZ is the prototype's z of distinct pairs at 400,000 tokens, k = 2 (docs/experiment.md).
var expectedZ = map[float64]float64{0: 0.4, 0.02: 3.6, 0.05: 6.1, 0.1: 11.9, 0.25: 31.6, 0.5: 61.7, 1: 122}

// shares is the table of the law z = c1 rho sqrt(n), and returns the c1 of distinct pairs and
// of residuals for a scored pair.
func (r *reporter) shares() (c1 map[string]float64) {
	r.printf("## Share of marked text: n-gram student, k = 2\n\n")
	r.header("share", "scored", "pairs", "residual", "score", "every position", "pairs, z over seeds", "residual, z over seeds", "z/share, pairs", "prototype's z, scaled")
	points := make(map[string][][2]float64)
	sums := make(map[string][2]float64)
	var law float64
	scaled := math.Sqrt(float64(r.scale.NgramScore) / 400_000)
	var chi float64
	var freedom int
	type observation struct{ x, z float64 }
	var observed []observation
	for _, share := range ngramShares {
		all := r.seeds(studentName("ngram", 2, share))
		if len(all) == 0 {
			continue
		}
		s := all[0]
		ratio := "-"
		if share > 0 {
			ratio = fmt.Sprintf("%.0f", s.Pairs.Z/share)
		}
		r.row(fmt.Sprintf("%d %%", percent(share)), s.Pairs.Scored, show(s.Pairs), show(s.Residual), show(s.Score), show(s.Naive),
			meanSD(pick(all, statistics[0].of)), meanSD(pick(all, statistics[1].of)), ratio, fmt.Sprintf("%.1f", expectedZ[share]*scaled))
		for _, statistic := range statistics {
			for _, one := range all {
				t := statistic.of(one)
				if share > 0 {
					points[statistic.name] = append(points[statistic.name], [2]float64{share, t.Z})
					x := share * math.Sqrt(float64(one.Pairs.Scored))
					sum := sums[statistic.name]
					sums[statistic.name] = [2]float64{sum[0] + x*t.Z, sum[1] + x*x}
					if statistic.name == "pairs" {
						law = math.Sqrt(float64(one.Pairs.Scored))
						observed = append(observed, observation{x, t.Z})
					}
				}
			}
		}
	}
	r.printf("\n")
	c1 = make(map[string]float64)
	if len(sums) == 0 {
		return c1
	}
	r.printf("Least squares through the origin, z = c1 share sqrt(n), n the distinct pairs scored:")
	for _, statistic := range statistics {
		sum := sums[statistic.name]
		c1[statistic.name] = sum[0] / sum[1]
		r.printf(" c1 = %.4f (%s),", c1[statistic.name], statistic.name)
	}
	for _, o := range observed {
		// z has a standard deviation of about 1.
		chi += (o.z - c1["pairs"]*o.x) * (o.z - c1["pairs"]*o.x)
		freedom++
	}
	r.printf(" each ± %.4f (one standard error, z having a standard deviation of 1). Chi-square of pairs about the line: %.1f for %d degrees of freedom.\n\n",
		1/math.Sqrt(sums["pairs"][1]), chi, freedom-1)
	plan := detect.StudentPlan{C1: c1["pairs"]}
	r.printf("With c1 = %.3f, `detect.StudentPlan` asks for %.0f pairs to show a share of 5 %% at p = 1e-6 with power 0.9, and for %.0f to show 1 %%.\n\n",
		c1["pairs"], plan.Tokens(0.05, 0.9), plan.Tokens(0.01, 0.9))
	if m, ok := get[studentResult](r, "ngram-k2-rho100-million"); ok {
		r.printf("A student of %d tokens, all of them marked, has z = %.1f (pairs), %.1f (residual), %.1f (score).\n\n", m.Training, m.Pairs.Z, m.Residual.Z, m.Score.Z)
	}
	p := plot{title: "z grows with the share of marked training text", note: "n-gram students, k = 2; every dot is a student, the lines are z = c1 ρ √n",
		x: "share of marked training text", y: "z", logX: true, logY: true}
	for i, statistic := range statistics {
		line := [][2]float64{{0.02, 0.02 * c1[statistic.name] * law}, {1, c1[statistic.name] * law}}
		p.series = append(p.series, series{name: statistic.name, points: points[statistic.name], colour: i},
			series{name: fmt.Sprintf("c1 = %.3f", c1[statistic.name]), points: line, dashed: true, colour: i})
	}
	r.draw("share.svg", p)
	return c1
}

func (r *reporter) widths() {
	r.printf("## Width of the context: n-gram student\n\n")
	r.header("share", "k", "scored", "pairs", "residual", "score", "every position")
	for _, share := range kShares {
		for width := 1; width <= 4; width++ {
			if s, ok := get[studentResult](r, studentName("ngram", width, share)); ok {
				r.row(fmt.Sprintf("%d %%", percent(share)), width, s.Pairs.Scored, show(s.Pairs), show(s.Residual), show(s.Score), show(s.Naive))
			}
		}
	}
	r.printf("\nAn n-gram student copies the n-grams it read, so it shows marks of every width. Only the neural student says anything about k.\n\n")
}

func (r *reporter) neural() {
	r.printf("## Neural student\n\n")
	r.printf("Closed: outputs. Open: next-token laws at %d positions of held-out human text.\n\n", r.scale.OpenPositions)
	r.header("k", "share", "nats (base)", "scored", "pairs", "residual", "score", "base", "open: arg-max", "open: mass", "open: difference")
	var byWidth [4][][2]float64
	for width := 1; width <= 4; width++ {
		for _, share := range []float64{0, 0.05, 0.25, 1} {
			for seed, s := range r.seeds(studentName("neural", width, share)) {
				name := fmt.Sprintf("%d %%", percent(share))
				if seed > 0 {
					name += fmt.Sprintf(", seed %d", seed+1)
				}
				r.row(width, name, fmt.Sprintf("%.3f (%.3f)", s.Nats, s.BaseNats), s.Pairs.Scored, show(s.Pairs), show(s.Residual), show(s.Score),
					showBase(s.BaseScore), show(s.Open.ArgMax), show(s.Open.Mass), show(s.Open.Difference))
				if share == 1 && seed == 0 {
					for i, t := range []test{s.Pairs, s.Residual, *s.BaseScore, s.Open.Difference} {
						byWidth[i] = append(byWidth[i], [2]float64{float64(width), t.Z})
					}
				}
			}
		}
	}
	r.printf("\n")
	if len(byWidth[0]) > 1 {
		p := plot{title: "A student trained by gradient descent keeps short contexts", note: "neural students of marked text only; 0 is nothing learned, and chance is ± 2",
			x: "context width k", y: "z"}
		for i, name := range []string{"closed: pairs", "closed: residual", "closed: score, base", "open: difference"} {
			p.series = append(p.series, series{name: name, points: byWidth[i], line: true, colour: i})
		}
		r.draw("width.svg", p)
	}
}

func (r *reporter) temperatures() {
	s, ok := get[studentResult](r, studentName("neural", 1, 1))
	if !ok || len(s.Temperatures) == 0 {
		return
	}
	r.printf("## Temperature of the student's sampling: neural, k = 1, all text marked\n\n")
	r.header("temperature", "tokens", "distinct pairs", "pairs", "residual", "score", "base", "every position")
	for _, h := range append([]heated{{1, s.closed}}, s.Temperatures...) {
		r.row(h.Temperature, h.Tokens, h.Pairs.Scored, show(h.Pairs), show(h.Residual), show(h.Score), showBase(h.BaseScore), show(h.Naive))
	}
	r.printf("\n")
}

func (r *reporter) curves() {
	r.printf("## Evidence against tokens\n\n")
	r.header("student", "tokens", "distinct pairs", "pairs", "residual", "score", "base")
	var p plot
	colour := 0
	for _, c := range []struct{ name, title string }{
		{studentName("neural", 1, 1), "neural, k = 1, 100 %"},
		{studentName("neural", 1, 0.25), "neural, k = 1, 25 %"},
		{studentName("neural", 1, 0.05), "neural, k = 1, 5 %"},
		{studentName("neural", 1, 0), "neural, k = 1, 0 %"},
		{studentName("ngram", 1, 0.05), "n-gram, k = 1, 5 %"},
		{studentName("ngram", 2, 0.05), "n-gram, k = 2, 5 %"},
		{studentName("ngram", 2, 1), "n-gram, k = 2, 100 %"},
	} {
		s, ok := get[studentResult](r, c.name)
		if !ok || len(s.Curve) == 0 {
			continue
		}
		var pairs, residual, score [][2]float64
		for _, t := range s.Curve {
			r.row(c.title, t.Tokens, t.Pairs.Scored, show(t.Pairs), show(t.Residual), show(t.Score), showBase(t.BaseScore))
			n := float64(t.Tokens)
			pairs = append(pairs, [2]float64{n, -t.Pairs.Log10P})
			residual = append(residual, [2]float64{n, -t.Residual.Log10P})
			score = append(score, [2]float64{n, -t.Score.Log10P})
		}
		if c.name == studentName("neural", 1, 1) || c.name == studentName("ngram", 1, 0.05) {
			p.series = append(p.series,
				series{name: c.title + ": pairs", points: pairs, line: true, colour: colour},
				series{name: "residual", points: residual, line: true, colour: colour + 1},
				series{name: "score", points: score, line: true, colour: colour + 2})
			colour += 3
		}
	}
	r.printf("\n")
	if len(p.series) > 0 {
		p.title, p.note = "More tokens, less evidence: plain dedup saturates", "closed tests at k = 1; the pairs that the mark favours come first, and later ones dilute them"
		p.x, p.y, p.logX, p.logY = "tokens written", "evidence, -log10 p", true, true
		r.draw("tokens.svg", p)
	}
}

func (r *reporter) again() {
	s, ok := get[studentResult](r, "neural-again")
	if !ok {
		return
	}
	r.printf("## A second fine-tuning on clean human text: neural, k = 1, all text marked before\n\n")
	r.header("tokens of clean text", "nats", "pairs", "residual", "score", "base", "open: arg-max", "open: difference")
	r.row(0, s.Nats, show(s.Pairs), show(s.Residual), show(s.Score), showBase(s.BaseScore), show(s.Open.ArgMax), show(s.Open.Difference))
	p := plot{title: "Further training on clean text wears the mark down", note: fmt.Sprintf("neural student of %d marked tokens (%d epochs), k = 1, then clean human text, one epoch", r.scale.FineTune, r.scale.Epochs),
		x: "tokens of clean text", y: "z"}
	lines := make([][][2]float64, 3)
	add := func(x int, c closed, o *open) {
		for i, t := range []test{c.Residual, *c.BaseScore, o.Difference} {
			lines[i] = append(lines[i], [2]float64{float64(x), t.Z})
		}
	}
	add(0, s.closed, s.Open)
	for _, a := range s.Again {
		r.row(a.Trained, a.Nats, show(a.Pairs), show(a.Residual), show(a.Score), showBase(a.BaseScore), show(a.Open.ArgMax), show(a.Open.Difference))
		add(a.Trained, a.closed, a.Open)
	}
	for i, name := range []string{"closed: residual", "closed: score, base", "open: difference"} {
		p.series = append(p.series, series{name: name, points: lines[i], line: true, colour: i + 1})
	}
	r.printf("\n")
	r.draw("again.svg", p)
}

func (r *reporter) controls() {
	r.printf("## Controls\n\n")
	r.header("text", "tokens", "pairs", "residual", "score", "open: difference")
	for _, c := range []struct{ name, title string }{
		{"ngram-k2-other-key", "n-gram student, k = 2, all text marked under another key"},
		{"neural-k1-other-key", "neural student, k = 1, all text marked under another key"},
		{studentName("ngram", 2, 0), "n-gram student, k = 2, unmarked teacher text"},
		{studentName("neural", 1, 0), "neural student, k = 1, unmarked teacher text"},
	} {
		if s, ok := get[studentResult](r, c.name); ok {
			difference := "-"
			if s.Open != nil {
				difference = show(s.Open.Difference)
			}
			r.row(c.title, s.Tokens, show(s.Pairs), show(s.Residual), show(s.Score), difference)
		}
	}
	r.printf("\nKeys that marked nothing, beside the key. Rank 1 is the smallest p-value. The distance of their p-values from a uniform law (Kolmogorov-Smirnov) " +
		"is below the critical value 1.95/sqrt(keys) in 999 of 1000 true nulls; p-values here are discrete and a little above uniform.\n\n")
	r.header("text", "statistic", "keys", "rank of the key", "sd of z", "KS distance (critical)", "p <= 0.1", "p <= 0.01", "p <= 0.001", "least log10 p")
	line := func(title, statistic string, keys int, d decoyTests) {
		r.row(title, statistic, keys, d.Rank, d.SD, fmt.Sprintf("%.3f (%.3f)", d.KS, 1.95/math.Sqrt(float64(keys))), d.Below[0], d.Below[1], d.Below[2], d.Least)
		if !d.Correct {
			r.err = errors.Join(r.err, fmt.Errorf("%s, %s: package detect comes to another p-value", title, statistic))
		}
	}
	var p plot
	for _, c := range []struct{ name, title string }{
		{studentName("ngram", 2, 1), "n-gram, k = 2, 100 %"},
		{studentName("ngram", 2, 0), "n-gram, k = 2, 0 %"},
		{studentName("neural", 1, 1), "neural, k = 1, 100 %"},
		{studentName("neural", 1, 0), "neural, k = 1, 0 %"},
	} {
		s, ok := get[studentResult](r, c.name)
		if !ok || s.Decoys == nil {
			continue
		}
		line(c.title, "pairs", s.Decoys.Keys, s.Decoys.Pairs)
		line(c.title, "residual", s.Decoys.Keys, s.Decoys.Residual)
		if s.Open != nil && s.Open.Decoys != nil {
			line(c.title, "open: arg-max", s.Open.Decoys.Keys, s.Open.Decoys.ArgMax)
			line(c.title, "open: mass", s.Open.Decoys.Keys, s.Open.Decoys.Mass)
			line(c.title, "open: difference", s.Open.Decoys.Keys, s.Open.Decoys.Difference)
		}
		p.series = append(p.series, series{name: c.title + ": pairs", points: quantiles(s.Decoys.Pairs.Decoys), small: true, colour: len(p.series)},
			series{name: c.title + ": residual", points: quantiles(s.Decoys.Residual.Decoys), small: true, colour: len(p.series) + 1})
	}
	for _, c := range []string{"human-k1", "human-k2"} {
		if h, ok := get[humanResult](r, c); ok {
			title := fmt.Sprintf("held-out human text, k = %d", h.Width)
			line(title, "pairs", h.Keys, h.Pairs)
			line(title, "residual", h.Keys, h.Residual)
		}
	}
	r.printf("\n")
	if len(p.series) > 0 {
		p.title, p.note = "Keys that marked nothing", "p-values of each student's decoy keys, in order, against those of a uniform law"
		p.x, p.y = "expected -log10 p", "-log10 p"
		p.series = append(p.series, series{name: "uniform", points: [][2]float64{{0, 0}, {3, 3}}, dashed: true, colour: 7})
		r.draw("decoys.svg", p)
	}
}

// quantiles pairs p-values in order with the means of a uniform law's.
func quantiles(log10P []float64) (points [][2]float64) {
	sorted := slices.Sorted(slices.Values(log10P))
	for i, p := range sorted {
		if i < 40 || i%8 == 0 { // the rest is a line
			points = append(points, [2]float64{-math.Log10(float64(i+1) / float64(len(sorted)+1)), -p})
		}
	}
	return points
}

// A nullSummary is all clean students' counts for one statistic.
type nullSummary struct {
	Name     string
	Width    int
	Tests    int64
	Below    int64
	Expected float64
	Lo, Hi   int64 // bounds of the count
	Exact    bool  // a law is claimed
	Least    float64
}

// nullSummaries adds up the finished arms. The bounds of a count leave out a probability of
// at most outside.
func (r *reporter) nullSummaries(outside float64) (rows []nullSummary, students int) {
	groups := make(map[int][]tail.Bernoulli)
	for first := 0; first < r.scale.CleanStudents; first++ {
		n, ok := get[nullResult](r, fmt.Sprintf("clean-%03d", first))
		if !ok {
			continue
		}
		students += n.Students
		if rows == nil {
			rows = make([]nullSummary, len(n.Rows))
		}
		for i, row := range n.Rows {
			s := &rows[i]
			s.Name, s.Width, s.Exact = row.Name, row.Width, row.Level != nil
			s.Tests += int64(n.Students * n.Keys)
			s.Least = min(s.Least, row.Least)
			for j, below := range row.Below {
				s.Below += int64(below)
				level := 1e-3
				if s.Exact {
					level = row.Level[j]
				}
				s.Expected += level * float64(n.Keys)
				groups[i] = append(groups[i], tail.Bernoulli{Weight: 1, Count: int64(n.Keys), P: level})
			}
		}
	}
	for i := range rows {
		rows[i].Lo, rows[i].Hi = interval(groups[i], outside)
	}
	return rows, students
}

// interval holds a count of independent events but for a probability of at most outside,
// half of it on either side.
func interval(groups []tail.Bernoulli, outside float64) (lo, hi int64) {
	half := math.Log10(outside / 2)
	for tail.WeightedBernoulli(groups, hi+1) > half {
		hi++
	}
	// P(S < lo) = 1 - P(S >= lo).
	for 1-pow10(tail.WeightedBernoulli(groups, lo+1)) <= outside/2 {
		lo++
	}
	return lo, hi
}

func (r *reporter) null() {
	rows, students := r.nullSummaries(0.001)
	if students == 0 {
		return
	}
	r.printf("## Clean students: how many p-values are at most 0.001\n\n")
	r.printf("%d n-gram students, each trained on %d tokens of unmarked teacher text of its own drawing and tested on %d tokens under %d keys of its own, so that all tests are "+
		"independent. Expected counts sum the largest attainable level up to 0.001 of each test's discrete law; the bound is the exact two-sided 99.9 %% interval of the count.\n\n",
		students, r.scale.CleanTrain, r.scale.CleanScore, r.scale.Dummies)
	r.header("statistic", "k", "tests", "p <= 0.001", "expected", "99.9 % bound", "within", "least log10 p")
	for _, s := range rows {
		within := "yes"
		if s.Below < s.Lo || s.Below > s.Hi {
			within = "**no**"
		}
		name := s.Name
		if !s.Exact {
			name += " (no test)"
		}
		r.row(name, s.Width, s.Tests, s.Below, fmt.Sprintf("%.1f", s.Expected), fmt.Sprintf("%d to %d", s.Lo, s.Hi), within, s.Least)
	}
	r.printf("\n")
}

func (r *reporter) traps() {
	r.printf("## Traps\n\nClean text under keys that marked nothing, counted at every position as if positions were independent, and by distinct pairs:\n\n")
	r.header("text", "k", "tokens", "keys", "every position: sd of z", "every position: p <= 0.001", "pairs: sd of z", "pairs: p <= 0.001")
	for _, c := range []struct {
		name, title string
		width       int
	}{
		{"trap-naive-ngram-k1", "n-gram student", 1}, {"trap-naive-ngram-k2", "n-gram student", 2}, {"trap-naive-ngram-k4", "n-gram student", 4},
		{"trap-naive-neural-k1", "neural student", 1}, {"trap-naive-human-k2", "human", 2},
	} {
		if n, ok := get[naiveResult](r, c.name); ok {
			share := func(below int) string {
				return fmt.Sprintf("%d (%.1f %%)", below, 100*float64(below)/float64(n.Keys))
			}
			r.row(c.title, c.width, n.Tokens, n.Keys, n.NaiveSD, share(n.NaiveBelow), n.PairsSD, share(n.PairsBelow))
		}
	}
	r.printf("\nA clean n-gram student, its distinct pairs filtered by what occurs in other text; mean z ± standard error over keys:\n\n")
	r.header("k", "keys", "(context, token) pairs of text marked with the tested key", "contexts of that text", "contexts of unmarked text", "no filter")
	for _, name := range []string{"trap-filter-k1", "trap-filter-k2"} {
		if f, ok := get[filterResult](r, name); ok {
			z := func(tests []test) string {
				var z []float64
				for _, t := range tests {
					z = append(z, t.Z)
				}
				return fmt.Sprintf("%.1f ± %.1f", mean(z), spread(z)/math.Sqrt(float64(len(z))))
			}
			r.row(f.Width, len(f.Pairs), z(f.Pairs), z(f.Contexts), z(f.Neutral), z(f.Unfiltered))
		}
	}
	r.printf("\n")
}

func (r *reporter) attacks() {
	r.printf("## Substitution\n\nThe share of the green excess (over positions, an effect size) that survives, and the law (1-rate)^(k+1):\n\n")
	r.header("text", "k", "rate", "kept", "law", "pairs")
	p := plot{title: "Substitutions break a pair when they hit one of its k + 1 tokens", note: "green excess over positions of marked text; dots measured, lines (1-ε)^(k+1)",
		x: "share of tokens replaced, ε", y: "share of the excess that is left"}
	for width := 1; width <= 4; width++ {
		d, ok := get[decay](r, fmt.Sprintf("substitution-k%d", width))
		if !ok {
			continue
		}
		for i, list := range [][]substitution{d.Teacher, d.Student} {
			for _, s := range list {
				r.row([]string{"teacher", "n-gram student"}[i], width, s.Rate, fmt.Sprintf("%.3f", s.Kept), fmt.Sprintf("%.3f", s.Law), show(s.Pairs))
			}
		}
		var kept, law [][2]float64
		for _, s := range d.Teacher {
			kept = append(kept, [2]float64{s.Rate, s.Kept})
		}
		for e := 0.0; e < 0.505; e += 0.02 {
			law = append(law, [2]float64{e, math.Pow(1-e, float64(width+1))})
		}
		p.series = append(p.series, series{name: fmt.Sprintf("k = %d", width), points: kept, colour: width - 1},
			series{name: "law", points: law, dashed: true, colour: width - 1})
	}
	r.printf("\n")
	if len(p.series) > 0 {
		r.draw("substitution.svg", p)
	}
	whole, ok := get[studentResult](r, studentName("ngram", 2, 1))
	if !ok {
		return
	}
	r.printf("Substitutions in the training text, before an n-gram student (k = 2, all text marked) learns from it:\n\n")
	r.header("rate", "pairs", "residual", "z of pairs as a share of that without", "law (1-rate)^3")
	r.row(0.0, show(whole.Pairs), show(whole.Residual), 1.0, 1.0)
	for _, rate := range []float64{0.1, 0.3, 0.5} {
		if l, ok := get[launderedResult](r, fmt.Sprintf("launder-k2-%03d", percent(rate))); ok {
			r.row(rate, show(l.Pairs), show(l.Residual), l.Pairs.Z/whole.Pairs.Z, math.Pow(1-rate, 3))
		}
	}
	r.printf("\n")
}

func (r *reporter) tenants(c1 map[string]float64) {
	r.printf("## Tenants\n\n%d tenants in %d cohorts; n-gram student, k = 2. The law is z = c1 share sqrt(scored pairs of the band), c1 from above. Holm at 0.001 names, Benjamini-Hochberg at 0.1 is for triage.\n\n",
		r.scale.Tenants, r.scale.Cohorts)
	var p plot
	for _, c := range []struct{ name, title string }{
		{"tenants-half", "half of the contexts to the master key, half to the tenants'"},
		{"tenants-quarter", "half to the master key, a quarter to the cohorts', a quarter to the tenants'"},
		{"tenants-hydra", "the same split; every account of one cohort has 1 %"},
	} {
		config, t, ok, err := loadWith[tenantConfig, tenantResult](r.dir, c.name)
		r.err = errors.Join(r.err, err)
		if !ok {
			continue
		}
		planted := config.Planted
		r.printf("**%s** (%d tokens)\n\n", c.title, t.Tokens)
		r.header("who", "share", "scored", "pairs", "law", "residual", "law")
		line := func(who string, share float64, pairs, residual test) {
			law := func(statistic string) float64 {
				return c1[statistic] * share * math.Sqrt(float64(pairs.Scored))
			}
			r.row(who, fmt.Sprintf("%.1f %%", 100*share), pairs.Scored, show(pairs), law("pairs"), show(residual), law("residual"))
		}
		line("master", t.Share, t.Pairs.Master, t.Residual.Master)
		for i, cohort := range t.Pairs.Cohorts {
			if cohort.Share > 0 {
				line(fmt.Sprintf("cohort %d", i), cohort.Share, cohort.test, t.Residual.Cohorts[i].test)
			}
		}
		guilty := slices.SortedFunc(maps.Keys(planted), func(a, b int) int {
			return cmp.Or(cmp.Compare(planted[b], planted[a]), a-b)
		})
		var dots, others [][2]float64
		for n, i := range guilty {
			if n < 6 {
				line(fmt.Sprintf("tenant %d", i), planted[i], t.Pairs.Tenants[i], t.Residual.Tenants[i])
			}
			dots = append(dots, [2]float64{100 * planted[i], t.Residual.Tenants[i].Z})
		}
		r.printf("\n")
		for _, s := range []struct {
			name string
			t    tenantTests
		}{{"pairs", t.Pairs}, {"residual", t.Residual}} {
			wrong := 0
			for _, i := range s.t.Named {
				if planted[i] == 0 {
					wrong++
				}
			}
			r.printf("%s: %d tenants named %v, %d of them innocent; cohorts named %v; triage lists %d. Innocent tenants (%d): mean z %.2f, sd %.2f, largest %.2f.\n\n",
				s.name, len(s.t.Named), s.t.Named, wrong, s.t.NamedCohort, len(s.t.Triage), s.t.Innocent.N, s.t.Innocent.Mean, s.t.Innocent.SD, s.t.Innocent.Max)
		}
		if c.name == "tenants-half" {
			for i, x := range t.Residual.Tenants {
				if planted[i] == 0 {
					others = append(others, [2]float64{0, x.Z})
				}
			}
			top := math.Sqrt(float64(t.Pairs.Tenants[0].Scored))
			p = plot{title: "Through whose account", note: fmt.Sprintf("%d tenants, residual statistic, half of the contexts; %d fed the student", r.scale.Tenants, len(planted)),
				x: "tenant's share of the student's training text, %", y: "z", series: []series{
					{name: "fed nothing", points: others, small: true, colour: 7},
					{name: "fed the student", points: dots, colour: 1},
					{name: "c1 ρ √n", points: [][2]float64{{0, 0}, {100 * planted[guilty[0]], c1["residual"] * planted[guilty[0]] * top}}, dashed: true, colour: 0},
				}}
		}
	}
	if len(p.series) > 0 {
		r.draw("tenants.svg", p)
	}
}
