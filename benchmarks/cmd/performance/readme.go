package main

import "fmt"

// speedTable returns the table of the README.
func speedTable(r *results) string {
	from := func(name string) string { return times(r.get("x_ours", "%s", name)) }
	floor := func(mem string) string { return times(r.get("x_floor", processName, vocab, 1, mem, "vaes")) }
	scored := func(name string) string { return rate(r.get("M/s", "%s", name)) }
	sampled := func(method, sampler string) string {
		name := "SampleBy/method=" + method + "/sampler=" + sampler
		return fmt.Sprintf("%s to %s as fast",
			from(name+"/rows=flat/vocab=128256"), from(name+"/rows=peaked/vocab=128256"))
	}
	var g grid
	g.head("one core, 128,256 tokens", "", "compared with")
	g.row("a green list on a row of logits, in place: row in the cache", floor("hot"),
		"the time of adding a constant to the row")
	g.row("the same, row from memory", floor("dram"), "the same")
	g.row("the same", from("MarkBy/method=perm/vocab=128256/mem=hot")+" as fast",
		"permuting the vocabulary at each step")
	g.row("a *marked* draw, top-k 40, top-p 0.9",
		sampled("heap", "topk40-topp0.9"), "an *unmarked* heap-and-sort sampler")
	g.row("an exact GumbelMax draw from the whole vocabulary",
		sampled("loglog", "temperature"), "-log(-log u) for each token")
	g.row("(context, token) pairs scored under one key",
		scored("Score/scheme=greenlist/w=1/keys=1/impl=vaes"), "")
	g.row("the same, for each of 128 tenant lanes", scored("Lanes/scheme=greenlist/w=1/impl=vaes"), "")
	return g.String()
}
