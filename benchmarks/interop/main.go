//go:build unix

// Command interop compares the time of a test of another engine's mark with that of the engine's
// own detector, in one run. Both test the same texts, in turn.
//
//	go run ./interop -python env/bin/python -wheels wheels -sources sources > results/interop.txt
//
// watermark/interop/testdata/README.md says what the folders hold. Times are those of the CPU, the
// medians of several rounds, on one core.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/isotope-wm/isotope/benchmarks/internal/host"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
)

const (
	vocab  = 32000
	length = 300 // tokens of a text
	rounds = 5
)

// rows are what is compared: the name of the reference, and the profile.
var rows = []struct{ name, fields string }{
	{"vllm-gumbel", `"scheme":"vllm-gumbel","width":4`},
	{"vllm-dual-gumbel", `"scheme":"vllm-dual-gumbel","width":4,"mixing":0.1`},
	{"sglang-gumbel", `"scheme":"sglang-gumbel","width":4`},
	{"sglang-dual-gumbel", `"scheme":"sglang-dual-gumbel","width":4,"mixing":0.5`},
	{"sbw gpu-fused-selfhash", `"scheme":"sbw","preset":"gpu-fused-selfhash"`},
	{"synthid-hf", `"scheme":"synthid-hf","width":4,"depth":30`},
	{"synthid-deepmind", `"scheme":"synthid-deepmind","width":4,"depth":30`},
	{"textseal-greenlist", `"scheme":"textseal-greenlist","width":2`},
	{"textseal-gumbel", `"scheme":"textseal-gumbel","width":2`},
	{"hf-lefthash", `"scheme":"hf-lefthash","width":1`},
	{"hf-selfhash", `"scheme":"hf-selfhash","width":4`},
	{"kgw simple_1", `"scheme":"kgw","preset":"simple_1"`},
	{"kgw selfhash", `"scheme":"kgw","preset":"selfhash"`},
	{"three-bricks-greenlist", `"scheme":"three-bricks-greenlist","width":4,"gamma":0.5`},
	{"three-bricks-gumbel", `"scheme":"three-bricks-gumbel","width":4`},
}

func main() {
	python := flag.String("python", "python3", "interpreter with the reference programs")
	wheels := flag.String("wheels", "", "folder of unpacked wheels")
	sources := flag.String("sources", "", "folder of checkouts")
	script := flag.String("script", "interop/reference.py", "the program that runs the detectors")
	flag.Parse()
	runtime.LockOSThread()
	runtime.GOMAXPROCS(1)
	fmt.Printf("# go run ./interop; %s, %s/%s, %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, host.CPU())
	fmt.Printf("# CPU time of a whole test for each token: a text of %d tokens of %d, medians of %d rounds in turn, and the ratios of single rounds.\n", length, vocab, rounds)
	fmt.Printf("# The references report no p-value for synthid. Lists of torch: ours starts with an empty cache for each text, and so does theirs.\n")
	fmt.Printf("# text-generation-inference has no detector, and that of the repository of textseal for two keys was not to be had.\n")
	fmt.Printf("%-26s %14s %14s %8s %16s\n", "scheme", "reference", "ours", "ratio", "least and most")
	for _, row := range rows {
		if err := compare(row.name, row.fields, *python, *script, *wheels, *sources); err != nil {
			fmt.Fprintln(os.Stderr, row.name+":", err)
			os.Exit(1)
		}
	}
}

func compare(name, fields, python, script, wheels, sources string) error {
	p, err := interop.ParseProfile([]byte(`{"isotope":1,"tokenizer":"none","vocab":` + strconv.Itoa(vocab) + `,` + fields + `}`))
	if err != nil {
		return err
	}
	cmd := exec.Command(python, script, wheels, sources, name)
	cmd.Stderr = io.Discard
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	out := bufio.NewReader(pipe)
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		in.Close()
		cmd.Wait()
	}()
	rng := rand.New(rand.NewPCG(1, 2))
	var theirs, ours []float64
	for round := range rounds + 1 {
		text := random(rng)
		line, err := json.Marshal(text)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(in, "%s\n", line); err != nil {
			return err
		}
		answer, err := out.ReadString('\n')
		if err != nil {
			return fmt.Errorf("the reference stopped: %w", err)
		}
		seconds, err := strconv.ParseFloat(strings.TrimSpace(answer), 64)
		if err != nil {
			return err
		}
		mine, err := test(p, text, rng)
		if err != nil {
			return err
		}
		if round > 0 { // the first round warms both up
			theirs, ours = append(theirs, seconds/length), append(ours, mine/length)
		}
	}
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = theirs[i] / ours[i]
	}
	t, o := median(theirs), median(ours)
	fmt.Printf("%-26s %14s %14s %7.0fx %7.0fx %7.0fx\n", name, time.Duration(t*1e9), time.Duration(o*1e9), t/o, slices.Min(ratios), slices.Max(ratios))
	return nil
}

// tests counts the tests of ours.
var tests uint64

// test returns the CPU seconds of one test, the average of some: fast tests repeat until they
// take 20 ms. Lists are kept by their seeds, so each test has a key of its own, which gives it other
// lists. The table of hf-selfhash belongs to the key, and the reference makes it once. So there the
// text differs, whose windows then have other seeds.
func test(p *interop.Profile, text []watermark.Token, rng *rand.Rand) (float64, error) {
	o := &detect.Options{}
	if p.Dedup == interop.DedupContext {
		o.Dedup = detect.DedupContext
	}
	for n := 1; ; n *= 4 {
		texts := make([][]watermark.Token, n)
		for i := range texts {
			if texts[i] = text; p.Scheme == "hf-selfhash" {
				texts[i] = random(rng)
			}
		}
		start := cpu()
		for _, text := range texts {
			first := uint64(15485863)
			if p.Scheme != "hf-selfhash" {
				tests++
				first += 64 * tests
			}
			numbers := make([]uint64, p.Numbers())
			for i := range numbers {
				numbers[i] = first + uint64(i)
			}
			k, err := interop.NewKey(numbers...)
			if err != nil {
				return 0, err
			}
			s, err := p.Bind(k)
			if err != nil {
				return 0, err
			}
			a := detect.NewAccumulator(s, o)
			a.Add(s.Frame(nil, text).Tokens)
			if a.Result().Scored == 0 {
				return 0, fmt.Errorf("nothing was scored")
			}
		}
		if took := cpu() - start; took > 0.02 {
			return took / float64(n), nil
		}
	}
}

// random returns a text of tokens that are equally likely.
func random(rng *rand.Rand) []watermark.Token {
	text := make([]watermark.Token, length)
	for i := range text {
		text[i] = rng.Int32N(vocab)
	}
	return text
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// cpu returns the CPU seconds of this process.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
