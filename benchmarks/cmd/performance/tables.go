package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var vocabs = []int{32768, 50257, 128256, 151936, 200064, 262144}

// vocab is the vocabulary size with all measurements.
const vocab = 128256

// tables maps the names of tables to their functions.
var tables = page{
	"machine": machines,
	"mark":    ofMain(markTable),
	"gamma":   ofMain(gammaTable),
	"ways":    ofMain(waysTable),
	"sample":  ofMain(sampleTable),
	"gumbel":  ofMain(gumbelTable),
	"score":   ofMain(scoreTable),
	"detect":  ofMain(detectTable),
	"encode":  ofMain(encodeTable),
	"targets": targetTable,
	"peers":   peerTable,
	"allocs":  ofMain(allocTable),
}

// ofMain returns a table of the main processor.
func ofMain(table func(*results) string) func(*measured) string {
	return func(m *measured) string { return table(m.main()) }
}

// machines lists the commands and the machines of the measurements.
func machines(m *measured) string {
	var b strings.Builder
	b.WriteString("```\n")
	for _, r := range m.processors {
		for _, s := range r.runs {
			fmt.Fprintf(&b, "%s: %d benchmarks\n", r.processor, s.benchmarks())
			for _, h := range s.header {
				fmt.Fprintf(&b, "    %s\n", h)
			}
		}
	}
	fmt.Fprintf(&b, "```\n\nTables that show a single processor show %s.\n", m.main().processor)
	return b.String()
}

const processName = "Process/scheme=greenlist/vocab=%d/w=%d/mem=%s/impl=%s"

func markTable(r *results) string {
	var g grid
	g.head("vocabulary", "floor", "VAES", "AES-NI", "generic Go", "VAES, from DRAM", "generic, from DRAM")
	for _, v := range vocabs {
		cells := []string{strconv.Itoa(v), duration(r.floor(processName, v, 1, "hot", "vaes"))}
		for _, c := range [][2]string{
			{"hot", "vaes"}, {"hot", "aesni"}, {"hot", "generic"}, {"dram", "vaes"}, {"dram", "generic"},
		} {
			cells = append(cells, times(r.get("x_floor", processName, v, 1, c[0], c[1])))
		}
		g.row(cells...)
	}
	return g.String()
}

func gammaTable(r *results) string {
	var g grid
	g.head("gamma", "VAES", "AES-NI", "generic Go", "VAES, from DRAM", "bitmap alone, VAES")
	for _, c := range []struct {
		bits int
		name string
	}{{1, "1/2"}, {2, "1/4, 3/4"}, {4, "m/16"}, {8, "m/256"}} {
		g.row(
			c.name,
			times(r.get("x_floor", processName, vocab, c.bits, "hot", "vaes")),
			times(r.get("x_floor", processName, vocab, c.bits, "hot", "aesni")),
			times(r.get("x_floor", processName, vocab, c.bits, "hot", "generic")),
			times(r.get("x_floor", processName, vocab, c.bits, "dram", "vaes")),
			duration(r.get("ns/op", "Mask/scheme=greenlist/vocab=%d/w=%d/impl=vaes", vocab, c.bits)),
		)
	}
	return g.String()
}

func waysTable(r *results) string {
	var g grid
	g.head("way", "time", "of the floor", "of ours")
	for _, impl := range [][2]string{{"vaes", "VAES"}, {"aesni", "AES-NI"}, {"generic", "generic Go"}} {
		name := fmt.Sprintf(processName, vocab, 1, "hot", impl[0])
		g.row("this library, "+impl[1],
			duration(r.get("ns/op", "%s", name)), times(r.get("x_floor", "%s", name)), "")
	}
	for _, way := range []struct{ name, text string }{
		{"perm", "seed, permute the vocabulary, bias the first half (the reference green list)"},
		{"shuffle", "the same, memory kept and no seeding"},
		{"draw", "a random number for each token, and a branch"},
		{"philox", "Philox4x32-10, 4 tokens a block"},
		{"siphash", "SipHash-2-4 for each token"},
	} {
		name := "MarkBy/method=" + way.name + "/vocab=" + strconv.Itoa(vocab) + "/mem=hot"
		g.row(way.text, duration(r.get("ns/op", "%s", name)),
			times(r.get("x_floor", "%s", name)), times(r.get("x_ours", "%s", name)))
	}
	return g.String()
}

const sampleName = "Sample/scheme=%s/sampler=%s/rows=%s/vocab=%d/impl=%s"

func sampleTable(r *results) string {
	var g grid
	g.head("sampler, rows", "unmarked", "marked", "marked, of the floor", "marked, generic Go",
		"heap and sort, unmarked", "heap and sort, of ours marked")
	for _, s := range []struct{ name, text, baseline string }{
		{"topk40-topp0.9", "top-k 40, top-p 0.9", "heap"},
		{"topp0.9", "top-p 0.9", "sort"},
		{"minp0.05", "min-p 0.05", ""},
		{"temperature", "temperature alone", ""},
		{"greedy", "greedy", ""},
	} {
		for _, shape := range []string{"flat", "peaked"} {
			base, factor := "-", "-"
			if s.baseline != "" {
				name := fmt.Sprintf("SampleBy/method=%s/sampler=%s/rows=%s/vocab=%d",
					s.baseline, s.name, shape, vocab)
				base, factor = duration(r.get("ns/op", "%s", name)), times(r.get("x_ours", "%s", name))
			}
			g.row(
				s.text+", "+shape,
				duration(r.get("ns/op", sampleName, "none", s.name, shape, vocab, "vaes")),
				duration(r.get("ns/op", sampleName, "greenlist", s.name, shape, vocab, "vaes")),
				times(r.get("x_floor", sampleName, "greenlist", s.name, shape, vocab, "vaes")),
				duration(r.get("ns/op", sampleName, "greenlist", s.name, shape, vocab, "generic")),
				base, factor,
			)
		}
	}
	return g.String()
}

const gumbelName = "GumbelMax/scheme=gumbelmax/sampler=%s/rows=%s/vocab=%d/impl=%s"

func gumbelTable(r *results) string {
	var g grid
	g.head("vocabulary, rows", "VAES", "of the floor", "generic Go", "-log(-log u)", "-log(-log u), of ours")
	for _, v := range vocabs {
		for _, shape := range []string{"flat", "peaked"} {
			name := fmt.Sprintf("SampleBy/method=loglog/sampler=temperature/rows=%s/vocab=%d", shape, v)
			g.row(
				fmt.Sprintf("%d, %s", v, shape),
				duration(r.get("ns/op", gumbelName, "temperature", shape, v, "vaes")),
				times(r.get("x_floor", gumbelName, "temperature", shape, v, "vaes")),
				duration(r.get("ns/op", gumbelName, "temperature", shape, v, "generic")),
				duration(r.get("ns/op", "%s", name)),
				times(r.get("x_ours", "%s", name)),
			)
		}
	}
	return g.String()
}

func scoreTable(r *results) string {
	var g grid
	g.head("what", "AVX-512", "VAES", "AES-NI", "generic Go")
	for _, keys := range []int{1, 16} {
		text := "(token, key) pairs, one key"
		if keys > 1 {
			text = fmt.Sprintf("(token, key) pairs, %d keys over shared contexts", keys)
		}
		cells := []string{text}
		for _, impl := range []string{"avx512", "vaes", "aesni", "generic"} {
			const name = "Score/scheme=greenlist/w=1/keys=%d/impl=%s"
			cells = append(cells, rate(r.get("M/s", name, keys, impl)))
		}
		g.row(cells...)
	}
	cells := []string{"(token, lane) pairs, 128 tenant lanes of one key"}
	for _, impl := range []string{"avx512", "vaes", "aesni", "generic"} {
		cells = append(cells, rate(r.get("M/s", "Lanes/scheme=greenlist/w=1/impl=%s", impl)))
	}
	g.row(cells...)
	g.row("crypto/aes for each token", "", "", "", rate(r.get("M/s", "ScoreBy/method=crypto-aes")))
	g.row("SipHash-2-4 for each token", "", "", "", rate(r.get("M/s", "ScoreBy/method=siphash")))
	return g.String()
}

const dedupName = "%s/scheme=greenlist/dedup=pair/tokens=%d/impl=%s"

// dedupAndScore returns the rate of deduplication followed by scoring under one key.
func dedupAndScore(r *results, tokens int, impl string) (float64, bool) {
	dedup, ok := r.get("ns/op", dedupName, "Dedup", tokens, impl)
	score, has := r.get("ns/op", "Score/scheme=greenlist/w=1/keys=1/impl=%s", impl)
	return 1e3 / (dedup + score), ok && has
}

func detectTable(r *results) string {
	var g grid
	g.head("tokens in a text", "dedup", "dedup and score", "the whole test", "dedup and score, AES-NI",
		"dedup and score, generic Go")
	for _, n := range []int{256, 1024, 4096, 32768} {
		g.row(strconv.Itoa(n),
			rate(r.get("M/s", dedupName, "Dedup", n, "vaes")),
			rate(dedupAndScore(r, n, "vaes")),
			rate(r.get("M/s", dedupName, "Detect", n, "vaes")),
			rate(dedupAndScore(r, n, "aesni")),
			rate(dedupAndScore(r, n, "generic")),
		)
	}
	return g.String()
}

func encodeTable(r *results) string {
	var g grid
	g.head("encoding, bytes of text", "this library", "tiktoken-go's Encode", "of ours")
	for _, e := range []string{"cl100k_base", "o200k_base", "r50k_base"} {
		for _, n := range []int{2 << 10, 16 << 10, 128 << 10} {
			name := fmt.Sprintf("Tokenize/encoding=%s/bytes=%d", e, n)
			g.row(fmt.Sprintf("%s, %d", e, n),
				megabytes(r.get("MB/s", "%s", name)),
				megabytes(r.get("tiktoken-MB/s", "%s", name)),
				times(r.get("x_tiktoken", "%s", name)),
			)
		}
	}
	return g.String()
}

// megabytes returns a rate in MB/s as text, or a dash if ok is false.
func megabytes(x float64, ok bool) string {
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.1f MB/s", x)
}

// allocTable lists the benchmarks that allocate in a steady state.
func allocTable(r *results) string {
	measured, some := 0, []string{}
	for name, values := range r.values {
		ours := !strings.Contains(name, "method=") && !strings.HasPrefix(name, "Tokenize")
		n, ok := values["allocs"]
		if !ours || !ok {
			continue
		}
		measured++
		if n > 0 {
			some = append(some, fmt.Sprintf("%s: %v", name, n))
		}
	}
	slices.Sort(some)
	if len(some) == 0 {
		return fmt.Sprintf("None of the %d benchmarks of this library allocates in a steady state.\n",
			measured)
	}
	return fmt.Sprintf("%d of %d benchmarks of this library allocate in a steady state:\n\n    %s\n",
		len(some), measured, strings.Join(some, "\n    "))
}
