package main

import "fmt"

// speedTable returns the table of the README, with a column for each processor.
func speedTable(m *measured) string {
	sampled := func(r *results, method, sampler string) string {
		name := "SampleBy/method=" + method + "/sampler=" + sampler
		return fmt.Sprintf("%s to %s", times(r.get("x_ours", "%s", name+"/rows=flat/vocab=128256")),
			times(r.get("x_ours", "%s", name+"/rows=peaked/vocab=128256")))
	}
	floor := func(mem string) func(*results) string {
		return func(r *results) string { return times(value("x_floor", process(1, mem, "vaes"))(r)) }
	}
	scored := func(name string) func(*results) string {
		return func(r *results) string { return rate(fastest("M/s", name)(r)) }
	}
	var g grid
	head := []string{"one core, 128,256 tokens"}
	for _, r := range m.processors {
		head = append(head, r.processor)
	}
	g.head(append(head, "")...)
	for _, row := range []struct {
		what string
		cell func(*results) string
		unit string
	}{
		{
			"a green list on a row of logits, in place: row in the cache", floor("hot"),
			"times as long as adding a constant to the row",
		},
		{"the same, row from memory", floor("dram"), "the same"},
		{"the same", func(r *results) string {
			return times(r.get("x_ours", "MarkBy/method=perm/vocab=128256/mem=hot"))
		}, "as fast as permuting the vocabulary at each step"},
		{"a *marked* draw, top-k 40, top-p 0.9", func(r *results) string {
			return sampled(r, "heap", "topk40-topp0.9")
		}, "as fast as an *unmarked* heap-and-sort sampler"},
		{"an exact GumbelMax draw from the whole vocabulary", func(r *results) string {
			return sampled(r, "loglog", "temperature")
		}, "as fast as -log(-log u) for each token"},
		{"(context, token) pairs scored under one key", scored("Score/scheme=greenlist/w=1/keys=1"), ""},
		{"the same, for each of 128 tenant lanes", scored("Lanes/scheme=greenlist/w=1"), ""},
	} {
		cells := []string{row.what}
		for _, r := range m.processors {
			cells = append(cells, row.cell(r))
		}
		g.row(append(cells, row.unit)...)
	}
	return g.String()
}
