// Scan measures what it costs to scan a corpus: from zstd JSON lines to verdicts, next to turning the
// same text into token ids and nothing else.
//
//	go run ./scan > results/scan.txt
//
// The documents are windows of the comments of the Go distribution, which no other document begins
// with. Each case is a process time, which other programs lengthen less than the clock, and the ratio is
// that of tokenizing alone in the same round. -size, -cases and -profile make a CPU profile.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
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
	var c config
	flag.IntVar(&c.size, "size", 32, "MiB of text")
	flag.IntVar(&c.files, "files", 4, "files")
	flag.Uint64Var(&c.seed, "seed", 1, "seed of the documents")
	flag.StringVar(&c.keep, "keep", "", "write the corpus to this folder and keep it, or take the one that is there")
	flag.IntVar(&c.sample, "sample", 1<<14, "pairs of the pile's sample")
	flag.IntVar(&c.rounds, "rounds", 3, "how often each case runs, one after the other")
	flag.StringVar(&c.cases, "cases", "", "run the cases that this pattern matches, besides tokenizing alone")
	flag.StringVar(&c.profile, "profile", "", "write a CPU profile of the cases after tokenizing alone to this file")
	flag.StringVar(&c.python, "python", "", "also run the peers with this Python, which has numpy and tokenizers, and may have datatrove")
	flag.StringVar(&c.vocabulary, "vocabulary", "", "tokenizer.json of cl100k_base for the peers")
	flag.BoolVar(&c.only, "corpus", false, "write the corpus and stop")
	flag.Parse()
	if c.size < 1 || c.files < 1 || c.rounds < 1 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := c.run(); err != nil {
		fmt.Fprintln(os.Stderr, "scan:", err)
		os.Exit(1)
	}
}

type config struct {
	size, files, sample, rounds int
	seed                        uint64
	keep, profile, cases        string
	python, vocabulary          string
	only                        bool
}

// A work is a case of the benchmark.
type work struct {
	name       string
	processors int
	once       bool // it takes long, so the first round alone has it
	run        func() error
	elsewhere  func() (time.Duration, error) // in place of run: another process, and its CPU time
	costs      []measured
}

func (c *config) run() error {
	dir := c.keep
	if dir == "" {
		temp, err := os.MkdirTemp("", "isotope-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		dir = filepath.Join(temp, "corpus")
	}
	pattern, err := regexp.Compile(c.cases)
	if err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(dir, "part-*.jsonl.zst"))
	if err == nil && len(names) == 0 {
		names, err = write(dir, c.size<<20, c.files, c.seed)
	}
	if err != nil || c.only {
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
	mega := float64(total) / 1e6
	fmt.Printf("From zstd JSON lines to verdicts, %s, %s\n", host.CPU(), runtime.Version())
	fmt.Printf("%d documents of %d bytes on average in %d files, %.1f MB of text, %.1f MB compressed, cl100k_base.\n", len(texts), total/len(texts), len(names), mega, float64(stored)/1e6)
	fmt.Printf("The sample of the pile has %d pairs, so that it is full early, as that of a large corpus is.\n", c.sample)
	fmt.Printf("CPU is process time, the median of %d rounds, each of which runs all cases. Speed is text per CPU second.\n", c.rounds)
	fmt.Printf("The ratio is that of tokenizing alone in the same round: the median, and the smallest and largest.\n\n")

	everywhere := watermark.Band{Hi: watermark.BandSize}
	half := watermark.Band{Selector: watermark.NewKey(), Hi: watermark.BandSize / 2}
	var ids []int32
	scans := func(marks []scan.Mark, workers, sample int) func() error {
		return func() error { return mapAndReduce(names, marks, workers, sample) }
	}
	works := []*work{
		{name: "tokenizing alone, text in memory", processors: 1, run: func() error {
			for _, x := range texts {
				ids = t.Append(ids[:0], x)
			}
			return nil
		}},
		{name: "reading alone", processors: 1, run: func() error { return read(names, nil) }},
		{name: "reading and tokenizing", processors: 1, run: func() error {
			return read(names, func(x []byte) { ids = t.Append(ids[:0], x) })
		}},
		{name: "scan, 1 key", processors: 1, run: scans(marks(t, 1, 0, everywhere), 1, c.sample)},
		{name: "scan, 1 key, sample of 1,048,576 pairs", processors: 1, run: scans(marks(t, 1, 0, everywhere), 1, 1<<20)},
		{name: "scan, 1,000 tenants in lanes of 8 groups", processors: 1, run: scans(marks(t, 0, 1000, everywhere), 1, c.sample)},
		{name: "scan, the same with a band of half", processors: 1, run: scans(marks(t, 0, 1000, half), 1, c.sample)},
		{name: "scan, 100 independent keys", processors: 1, run: scans(marks(t, 100, 0, everywhere), 1, c.sample)},
		{name: "scan, 1,000 independent keys", processors: 1, once: true, run: scans(marks(t, 1000, 0, everywhere), 1, c.sample)},
		{name: "scan, 1 key, 2 processors", processors: 2, run: scans(marks(t, 1, 0, everywhere), 2, c.sample)},
	}
	if c.python != "" {
		versions, err := exec.Command(c.python, peers, "versions").Output()
		if err != nil {
			return fmt.Errorf("the peers do not run: %w", err)
		}
		fmt.Printf("Peers: %s. Each works in one thread. Those with json get lines that are decompressed already.\n\n", strings.TrimSpace(string(versions)))
		for _, p := range []struct{ mode, name string }{
			{"tokenizers", "Python: json and tokenizers, 1 thread"},
			{"detector", "Python: the same and numpy, 1 key"},
			{"reader", "datatrove: reader alone"},
			{"datatrove", "datatrove: reader and token counter"},
		} {
			if strings.HasPrefix(p.name, "datatrove") && !strings.Contains(string(versions), "datatrove") {
				continue
			}
			works = append(works, &work{name: p.name, processors: 1, elsewhere: func() (time.Duration, error) { return c.peer(names, p.mode) }})
		}
	}
	works = slices.DeleteFunc(works, func(w *work) bool { return w != works[0] && !pattern.MatchString(w.name) })
	if c.profile != "" {
		// Tokenizing alone would hide the rest, so the profile begins after it.
		if err := works[0].measure(); err != nil {
			return err
		}
		f, err := os.Create(c.profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		for range c.rounds {
			for _, w := range works[1:] {
				if err := w.measure(); err != nil {
					return err
				}
			}
		}
		pprof.StopCPUProfile()
		return f.Close()
	}
	for round := range c.rounds {
		for _, w := range works {
			if round > 0 && w.once {
				continue
			}
			if err := w.measure(); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%-42s %8s %8s %7s %s\n", "case", "CPU s", "MB/s", "ratio", "from to")
	by := map[string]*work{}
	for _, w := range works {
		by[w.name] = w
		var cpu, ratios []float64
		for i, m := range w.costs {
			cpu = append(cpu, m.cpu.Seconds())
			ratios = append(ratios, works[0].costs[i].cpu.Seconds()/m.cpu.Seconds())
		}
		slices.Sort(cpu)
		slices.Sort(ratios)
		fmt.Printf("%-42s %8.2f %8.1f %7.2f %.2f %.2f\n", w.name, cpu[len(cpu)/2], mega/cpu[len(cpu)/2], ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
	}
	one, two := by["scan, 1 key"], by["scan, 1 key, 2 processors"]
	if one == nil || two == nil {
		return nil
	}
	wall := func(w *work) (least float64) {
		least = math.Inf(1)
		for _, m := range w.costs {
			least = min(least, m.wall.Seconds())
		}
		return least
	}
	fmt.Printf("\nBy the clock, the fastest round of two processors took 1/%.2f of the fastest of one.\n", wall(one)/wall(two))
	return nil
}

// measure runs a case and keeps what it cost.
func (w *work) measure() error {
	runtime.GOMAXPROCS(w.processors)
	m := clock(func() error {
		if w.elsewhere != nil {
			return nil
		}
		return w.run()
	})
	if w.elsewhere != nil {
		m.cpu, m.err = w.elsewhere()
	}
	w.costs = append(w.costs, m)
	return m.err
}

// peers is the program of the peers, from the folder of the benchmarks.
const peers = "scan/peers.py"

// peer runs a peer over the files, and returns the CPU time that it states.
func (c *config) peer(names []string, mode string) (time.Duration, error) {
	args := []string{peers, mode, c.vocabulary}
	feeds := mode == "tokenizers" || mode == "detector"
	if !feeds { // it reads the files itself
		args = append(args, filepath.Dir(names[0]))
	}
	cmd := exec.Command(c.python, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	fed := make(chan error, 1)
	go func() {
		var err error
		if feeds {
			err = decompress(in, names)
		}
		fed <- errors.Join(err, in.Close())
	}()
	out, err := cmd.Output()
	if err := errors.Join(err, <-fed); err != nil {
		return 0, err
	}
	var said struct{ CPU float64 }
	if err := json.Unmarshal(out, &said); err != nil || said.CPU <= 0 {
		return 0, fmt.Errorf("%s says %q: %w", peers, out, err)
	}
	return time.Duration(said.CPU * float64(time.Second)), nil
}

// decompress writes the content of files.
func decompress(w io.Writer, names []string) error {
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		z, err := zstd.NewReader(f)
		if err == nil {
			_, err = io.Copy(w, z)
			z.Close()
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
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
func marks(t tokenize.Tokenizer, keys, lanes int, band watermark.Band) []scan.Mark {
	root := watermark.NewKey()
	var list []scan.Mark
	add := func(key watermark.Key, opts ...watermark.Option) {
		m, err := watermark.New(key, watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, t.Vocab(), append(opts, band)...)
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
