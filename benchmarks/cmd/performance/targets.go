package main

import "fmt"

// A target is a speed target of the project. If most is set, less is better.
type target struct {
	what    string
	goal    float64
	most    bool
	unit    string
	measure func(*results) (float64, bool)
}

// value returns a function that reads one result.
func value(unit, name string) func(*results) (float64, bool) {
	return func(r *results) (float64, bool) { return r.get(unit, "%s", name) }
}

// process returns the name of a benchmark of BenchmarkProcess.
func process(bits int, mem, impl string) string {
	return fmt.Sprintf(processName, vocab, bits, mem, impl)
}

var targets = []target{
	{"mark in place, gamma 1/2, hot", 1.25, true, "x", value("x_floor", process(1, "hot", "vaes"))},
	{"the same, from DRAM", 1.12, true, "x", value("x_floor", process(1, "dram", "vaes"))},
	{"gamma 1/4, hot", 1.5, true, "x", value("x_floor", process(2, "hot", "vaes"))},
	{"gamma m/256, hot", 2.1, true, "x", value("x_floor", process(8, "hot", "vaes"))},
	{"generic Go, hot", 7.7, true, "x", value("x_floor", process(1, "hot", "generic"))},
	{
		"against the reference's permutation", 120, false, "x",
		value("x_ours", "MarkBy/method=perm/vocab=128256/mem=hot"),
	},
	{
		"marked sampler against heap and sort, flat rows", 10, false, "x",
		value("x_ours", "SampleBy/method=heap/sampler=topk40-topp0.9/rows=flat/vocab=128256"),
	},
	{
		"the same, peaked rows", 10, false, "x",
		value("x_ours", "SampleBy/method=heap/sampler=topk40-topp0.9/rows=peaked/vocab=128256"),
	},
	{
		"GumbelMax against -log(-log u), flat rows", 120, false, "x",
		value("x_ours", "SampleBy/method=loglog/sampler=temperature/rows=flat/vocab=128256"),
	},
	{
		"the same, peaked rows", 120, false, "x",
		value("x_ours", "SampleBy/method=loglog/sampler=temperature/rows=peaked/vocab=128256"),
	},
	{"score, one key, VAES", 700, false, " M/s", value("M/s", "Score/scheme=greenlist/w=1/keys=1/impl=vaes")},
	{
		"score, one key, AES-NI", 350, false, " M/s",
		value("M/s", "Score/scheme=greenlist/w=1/keys=1/impl=aesni"),
	},
	{
		"score, independent keys", 1000, false, " M/s",
		value("M/s", "Score/scheme=greenlist/w=1/keys=16/impl=vaes"),
	},
	{"score, tenant lanes", 30_000, false, " M/s", value("M/s", "Lanes/scheme=greenlist/w=1/impl=vaes")},
	{"score with exact dedup, 4096 tokens", 130, false, " M/s", func(r *results) (float64, bool) {
		return dedupAndScore(r, 4096, "vaes")
	}},
	{
		"text to ids against tiktoken-go, cl100k_base, 16 KB", 12, false, "x",
		value("x_tiktoken", "Tokenize/encoding=cl100k_base/bytes=16384"),
	},
	{
		"the same, 128 KB", 12, false, "x",
		value("x_tiktoken", "Tokenize/encoding=cl100k_base/bytes=131072"),
	},
}

func targetTable(r *results) string {
	var g grid
	g.head("what", "target", "measured", "")
	for _, t := range targets {
		x, ok := t.measure(r)
		relation, verdict := "at least", "missed"
		if t.most {
			relation = "at most"
		}
		switch {
		case !ok:
			verdict = "not measured"
		case t.most && x <= t.goal, !t.most && x >= t.goal:
			verdict = "met"
		}
		measured := "-"
		if ok {
			measured = fmt.Sprintf("%.4g%s", x, t.unit) // four digits show by how little a target is missed
			if x >= 1000 {
				measured = fmt.Sprintf("%.0f%s", x, t.unit)
			}
		}
		g.row(t.what, fmt.Sprintf("%s %g%s", relation, t.goal, t.unit), measured, verdict)
	}
	return g.String()
}
