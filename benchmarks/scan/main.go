// Scan measures what it costs to scan a corpus: from zstd JSON lines to verdicts, next to turning the
// same text into token ids and nothing else.
//
//	go run ./scan > results/scan.txt
//
// The documents are windows of the comments of the Go distribution, which no other document begins
// with. Each case is a process time of one core, so that other programs do not matter, and the ratio is
// that of tokenizing alone in the same run. -size and -profile make a long run and a CPU profile.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/isotope-wm/isotope/benchmarks/internal/host"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/internal/scan"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

func main() {
	size := flag.Int("size", 32, "MiB of text")
	files := flag.Int("files", 4, "files")
	seed := flag.Uint64("seed", 1, "seed of the documents")
	keep := flag.String("keep", "", "write the corpus to this folder and keep it, or take the one that is there")
	sample := flag.Int("sample", 1<<16, "pairs of the pile's sample")
	profile := flag.String("profile", "", "write a CPU profile of the scan with one key to this file")
	only := flag.Bool("corpus", false, "write the corpus and stop")
	flag.Parse()
	if *size < 1 || *files < 1 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*size<<20, *files, *seed, *sample, *keep, *profile, *only); err != nil {
		fmt.Fprintln(os.Stderr, "scan:", err)
		os.Exit(1)
	}
}

func run(size, files int, seed uint64, sample int, keep, profile string, only bool) error {
	dir := keep
	if dir == "" {
		temp, err := os.MkdirTemp("", "isotope-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		dir = filepath.Join(temp, "corpus")
	}
	names, err := filepath.Glob(filepath.Join(dir, "part-*.jsonl.zst"))
	if err == nil && len(names) == 0 {
		names, err = write(dir, size, files, seed)
	}
	if err != nil || only {
		return err
	}
	var texts [][]byte
	if err := read(names, func(x []byte) { texts = append(texts, x) }); err != nil {
		return err
	}
	var stored int64
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		stored += info.Size()
	}
	t, err := tokenize.Get("cl100k_base")
	if err != nil {
		return err
	}
	total := 0
	for _, x := range texts {
		total += len(x)
	}
	fmt.Printf("From zstd JSON lines to verdicts, %s, %s\n", host.CPU(), runtime.Version())
	fmt.Printf("%d documents of %d bytes on average in %d files, %.1f MB of text, %.1f MB compressed, cl100k_base.\n", len(texts), total/len(texts), len(names), float64(total)/1e6, float64(stored)/1e6)
	fmt.Printf("The sample of the pile has %d pairs, so that it is full early, as that of a large corpus is.\n", sample)
	fmt.Printf("CPU is process time on one processor. Speed is text per CPU second, and the ratio is that of tokenizing alone.\n\n")
	fmt.Printf("%-44s %8s %8s %7s\n", "case", "CPU s", "MB/s", "ratio")

	runtime.GOMAXPROCS(1)
	alone := clock(func() error {
		var ids []int32
		for _, x := range texts {
			ids = t.Append(ids[:0], x)
		}
		return nil
	})
	report := func(name string, m measured) {
		fmt.Printf("%-44s %8.2f %8.1f %7.2f\n", name, m.cpu.Seconds(), float64(total)/1e6/m.cpu.Seconds(), alone.cpu.Seconds()/m.cpu.Seconds())
	}
	if alone.err != nil {
		return alone.err
	}
	report("tokenizing alone, text in memory", alone)
	reading := clock(func() error { return read(names, nil) })
	if reading.err != nil {
		return reading.err
	}
	report("reading alone", reading)
	var ids []int32
	both := clock(func() error { return read(names, func(x []byte) { ids = t.Append(ids[:0], x) }) })
	if both.err != nil {
		return both.err
	}
	report("reading and tokenizing", both)
	var one, two measured
	for _, c := range []struct {
		name        string
		marks       []scan.Mark
		processors  int
		sample      int
		into        *measured
		profileThis bool
	}{
		{"scan, 1 key", marks(t, 1, 0), 1, sample, &one, true},
		{"the same, with a sample of 1,048,576 pairs", marks(t, 1, 0), 1, 1 << 20, nil, false},
		{"scan, 1,000 tenants in lanes of 8 groups", marks(t, 0, 1000), 1, sample, nil, false},
		{"scan, 100 independent keys", marks(t, 100, 0), 1, sample, nil, false},
		{"scan, 1,000 independent keys", marks(t, 1000, 0), 1, sample, nil, false},
		{"scan, 1 key, 2 processors", marks(t, 1, 0), 2, sample, &two, false},
	} {
		runtime.GOMAXPROCS(c.processors)
		if c.profileThis && profile != "" {
			f, err := os.Create(profile)
			if err != nil {
				return err
			}
			if err := pprof.StartCPUProfile(f); err != nil {
				return err
			}
		}
		m := clock(func() error { return mapAndReduce(names, c.marks, c.processors, c.sample) })
		if c.profileThis && profile != "" {
			pprof.StopCPUProfile()
		}
		if m.err != nil {
			return m.err
		}
		report(c.name, m)
		if c.into != nil {
			*c.into = m
		}
	}
	fmt.Printf("\nTwo processors take %.2f of the time of one by the clock, and %.2f of its CPU time.\n", two.wall.Seconds()/one.wall.Seconds(), two.cpu.Seconds()/one.cpu.Seconds())
	fmt.Printf("At a CPU hour of 0.03 dollars, a TB of text takes %.0f CPU hours and %.2f dollars with one key.\n", 1e6/(float64(total)/1e6/one.cpu.Seconds())/3600, 0.03*1e6/(float64(total)/1e6/one.cpu.Seconds())/3600)
	return nil
}

// measured is the cost of a piece of work.
type measured struct {
	cpu, wall time.Duration
	err       error
}

func clock(f func() error) measured {
	runtime.GC()
	cpu, wall := processTime(), time.Now()
	err := f()
	return measured{processTime() - cpu, time.Since(wall), err}
}

// write writes the documents, and returns the names of the files.
func write(dir string, size, files int, seed uint64) (names []string, err error) {
	c, err := lm.GoComments(context.Background(), runtime.GOROOT(), nil)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(strings.Join(c.Documents, " "))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	for f := range files {
		name := filepath.Join(dir, fmt.Sprintf("part-%03d.jsonl.zst", f))
		if err := writeFile(name, words, size/files, rng); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// writeFile writes one file of about size bytes of text.
func writeFile(name string, words []string, size int, rng *rand.Rand) (err error) {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	z, err := zstd.NewWriter(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	e := json.NewEncoder(z)
	e.SetEscapeHTML(false)
	for n := 0; n < size; {
		length := 50 + rng.IntN(1000)
		from := rng.IntN(len(words) - length)
		text := strings.Join(words[from:from+length], " ")
		if err := e.Encode(map[string]string{"text": text}); err != nil {
			return err
		}
		n += len(text)
	}
	return nil
}

// read reads all documents, and calls f with each text.
func read(names []string, f func([]byte)) error {
	c, err := corpus.New(nil)
	if err != nil {
		return err
	}
	for _, name := range names {
		for item := range c.Path(context.Background(), name) {
			if d, ok := item.(*corpus.Document); ok && f != nil {
				for i := range d.Texts {
					f(d.Texts[i].Text)
				}
			}
		}
	}
	return nil
}

// marks returns marks of keys of their own, and of tenants in lanes.
func marks(t tokenize.Tokenizer, keys, lanes int) []scan.Mark {
	root := watermark.NewKey()
	var list []scan.Mark
	add := func(key watermark.Key, opts ...watermark.Option) {
		m, err := watermark.New(key, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, t.Vocab(), opts...)
		if err != nil {
			panic(err)
		}
		list = append(list, scan.Mark{KeyID: m.KeyID(), Profile: "benchmark", Scheme: "greenlist", Bound: interop.Bound{Scorer: m}, Tokenizer: t, Vocab: t.Vocab()})
	}
	for i := range keys {
		add(root.Derive("key", fmt.Sprint(i)))
	}
	for i := range lanes {
		add(root.Derive("group"), watermark.Lane{Group: uint32(i / watermark.MaxLanes), Index: i % watermark.MaxLanes})
	}
	return list
}

func mapAndReduce(names []string, marks []scan.Mark, workers, sample int) error {
	dir, err := os.MkdirTemp("", "isotope-bench-journal-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := corpus.New(nil)
	if err != nil {
		return err
	}
	o := scan.Options{Alpha: 1e-6, FDR: 0.01, MinShare: 0.5, Sample: sample, RunKey: [16]byte{1}}
	in := &scan.Input{Corpus: c, Files: names, Stdin: strings.NewReader("")}
	if err := scan.Map(context.Background(), dir, marks, o, in, &scan.Work{Workers: workers}); err != nil {
		return err
	}
	_, err = scan.Reduce(context.Background(), []string{dir}, marks, o, discard{}, nil)
	return err
}

type discard struct{}

func (discard) Document(*scan.Document) error { return nil }
func (discard) Skip(*scan.Skip) error         { return nil }
