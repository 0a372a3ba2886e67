package main

import "fmt"

// A target is a goal of the project. If most is set, less is better.
type target struct {
	what    string
	goal    float64
	most    bool
	unit    string
	measure func(*results) (float64, bool)
}

// value returns a function that reads one result. On ARM, NEON takes the place of VAES.
func value(unit, name string) func(*results) (float64, bool) {
	return func(r *results) (float64, bool) { return r.get(unit, "%s", r.native(name)) }
}

// fastest is value of the backend that a program uses: AVX-512 where it was measured, else VAES or NEON.
func fastest(unit, name string) func(*results) (float64, bool) {
	return func(r *results) (float64, bool) {
		if x, ok := r.get(unit, "%s/impl=avx512", name); ok {
			return x, ok
		}
		return r.get(unit, "%s", r.native(name+"/impl=vaes"))
	}
}

// scored returns the rate of dedup and score on the backend that a program uses.
func scored(tokens int) func(*results) (float64, bool) {
	return func(r *results) (float64, bool) {
		if x, ok := dedupAndScore(r, tokens, "avx512"); ok {
			return x, ok
		}
		if x, ok := dedupAndScore(r, tokens, "neon"); ok {
			return x, ok
		}
		return dedupAndScore(r, tokens, "vaes")
	}
}

// process returns the name of a benchmark of BenchmarkProcess.
func process(bits int, mem, impl string) string {
	return fmt.Sprintf(processName, vocab, bits, mem, impl)
}

var targets = []target{
	{"mark in place, gamma 1/2, hot", 1.15, true, "x", value("x_floor", process(1, "hot", "vaes"))},
	{"the same, from DRAM", 1.05, true, "x", value("x_floor", process(1, "dram", "vaes"))},
	{"gamma 1/4, hot", 1.3, true, "x", value("x_floor", process(2, "hot", "vaes"))},
	{"gamma m/256, hot", 1.7, true, "x", value("x_floor", process(8, "hot", "vaes"))},
	{"generic Go, hot", 5, true, "x", value("x_floor", process(1, "hot", "generic"))},
	{
		"against the reference's permutation", 120, false, "x",
		value("x_ours", "MarkBy/method=perm/vocab=128256/mem=hot"),
	},
	{
		"marked draw, top-k 40, against heap and sort, flat rows", 20, false, "x",
		value("x_ours", "SampleBy/method=heap/sampler=topk40-topp0.9/rows=flat/vocab=128256"),
	},
	{
		"the same, peaked rows", 20, false, "x",
		value("x_ours", "SampleBy/method=heap/sampler=topk40-topp0.9/rows=peaked/vocab=128256"),
	},
	{
		"marked nucleus of thousands of tokens, flat rows, of the floor", 10, true, "x",
		value("x_floor", fmt.Sprintf(sampleName, "greenlist", "topp0.9", "flat", vocab, "vaes")),
	},
	{
		"GumbelMax against -log(-log u), flat rows", 250, false, "x",
		value("x_ours", "SampleBy/method=loglog/sampler=temperature/rows=flat/vocab=128256"),
	},
	{
		"the same, peaked rows", 250, false, "x",
		value("x_ours", "SampleBy/method=loglog/sampler=temperature/rows=peaked/vocab=128256"),
	},
	{"score, one key", 1000, false, " M/s", fastest("M/s", "Score/scheme=greenlist/w=1/keys=1")},
	{
		"score, one key, AES-NI", 350, false, " M/s",
		value("M/s", "Score/scheme=greenlist/w=1/keys=1/impl=aesni"),
	},
	{
		"score, 16 independent keys", 1200, false, " M/s",
		fastest("M/s", "Score/scheme=greenlist/w=1/keys=16"),
	},
	{"score, 128 tenant lanes", 60_000, false, " M/s", fastest("M/s", "Lanes/scheme=greenlist/w=1")},
	{"score with exact dedup, 4096 tokens", 250, false, " M/s", scored(4096)},
	{"the same, 32768 tokens", 200, false, " M/s", scored(32768)},
	{
		"the whole test of a text of 1024 tokens", 150, false, " M/s",
		fastest("M/s", "Detect/scheme=greenlist/dedup=pair/tokens=1024"),
	},
	{
		"text to ids against quicktok, cl100k_base, 16 KB", 1, false, "x",
		value("x_ours", "Peers/peer=quicktok/encoding=cl100k_base/bytes=16384"),
	},
	{
		"the same, o200k_base", 1, false, "x",
		value("x_ours", "Peers/peer=quicktok/encoding=o200k_base/bytes=16384"),
	},
}

// targetTable has a column for each processor.
func targetTable(m *measured) string {
	var g grid
	head := []string{"what", "goal"}
	for _, r := range m.processors {
		head = append(head, r.processor)
	}
	g.head(head...)
	for _, t := range targets {
		relation := "at least"
		if t.most {
			relation = "at most"
		}
		cells := []string{t.what, fmt.Sprintf("%s %g%s", relation, t.goal, t.unit)}
		for _, r := range m.processors {
			cells = append(cells, t.cell(r))
		}
		g.row(cells...)
	}
	return g.String()
}

// cell returns what was measured, and whether it meets the goal.
func (t *target) cell(r *results) string {
	x, ok := t.measure(r)
	if !ok {
		return "-"
	}
	measured := fmt.Sprintf("%.4g%s", x, t.unit) // four digits show by how little a goal is missed
	if x >= 1000 {
		measured = fmt.Sprintf("%.0f%s", x, t.unit)
	}
	if t.most && x <= t.goal || !t.most && x >= t.goal {
		return measured + ", met"
	}
	return measured
}
