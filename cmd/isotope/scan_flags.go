package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/inputs"
	"github.com/isotope-wm/isotope/detect"
	"github.com/isotope-wm/isotope/detect/student"
	"github.com/isotope-wm/isotope/internal/corpus"
	"github.com/isotope-wm/isotope/internal/scan"
)

// A scanPart is which of the three verbs of a scan is called.
type scanPart int

const (
	scanAll scanPart = iota
	scanMap
	scanReduce
)

// scanFlags are the flags of scan, map and reduce.
type scanFlags struct {
	mark                  detectFlags // keys, profiles and reading
	fdr                   float64
	sample                int
	runKey, journal       string
	filesFrom, files0From string
	stdinName, failOn     string
	report, parquet       string
	decoys                int
	json                  bool
	workers               int
	maxDisk               diskSize
	plan                  string // a signed one
	given                 func(name string) bool
	changed               []string // the flags of the call
}

const (
	defaultSample = 1 << 20
	maxSample     = 1 << 28
	// maxScanDecoys bounds the time of a report, which scores the sample under each control key.
	maxScanDecoys = 10_000
)

func (o *scanFlags) register(cmd *cobra.Command, part scanPart) {
	d := &o.mark
	group(cmd, "Mark", func(f *pflag.FlagSet) {
		f.StringArrayVarP(&d.keys, "key", "k", nil, "key `FILE`, one for each --profile (default: $"+keyFileEnv+")")
		f.StringArrayVarP(&d.profiles, "profile", "p", nil, "profile `FILE`; repeat it to test for several marks (default: $"+profileFileEnv+")")
		f.StringArrayVar(&d.selectors, "selector", nil, "key `FILE` that selects the profile's band; repeat it if the profiles have several")
		f.StringVar(&d.keyring, "keyring", "", "test for every key of `FILE`: a JSON list of keys with their profiles, or one derivation path a line")
		registerTokenizers(f, &d.tokenizers)
	})
	group(cmd, "Input", func(f *pflag.FlagSet) {
		d.read.register(f)
		if part == scanReduce {
			return
		}
		f.StringVar(&o.filesFrom, "files-from", "", "also read the files that `FILE` names, one a line (- is standard input)")
		f.StringVar(&o.files0From, "files0-from", "", "also read the files that `FILE` names, with a NUL after each name (- is standard input)")
		f.StringVar(&o.stdinName, "stdin-name", "", "`NAME` of standard input in the result, by which it is sorted among the files")
	})
	group(cmd, "Test", func(f *pflag.FlagSet) {
		f.Float64Var(&d.alpha, "alpha", 1e-6, "largest adjusted p-value that is called detected, in (0,1)")
		f.Float64Var(&o.fdr, "fdr", 0.01, "false discovery rate of the list of documents, in (0,1)")
		f.Float64Var(&d.minShare, "min-share", 0.5, "share of marked text that must have been detectable before silence is called not_detected, in (0,1]")
		f.Float64SliceVar(&d.rates, "rate", nil, "by how much the mark raises the mean score of marked text, one number for each --profile; silence is inconclusive without it")
		f.BoolVar(&d.spans, "spans", false, "find marked parts of each document as well, as a second test; this takes several times as long")
		f.IntVar(&o.sample, "sample", defaultSample, "test the pile with up to `N` pairs, which take up to 200 bytes of memory each")
		f.StringVar(&o.runKey, "run-key", "", "32 hex `DIGITS` that determine the sample of pairs (default: random, or that of the journal)")
	})
	group(cmd, "Work", func(f *pflag.FlagSet) {
		if part != scanReduce {
			f.StringVar(&o.journal, "journal", "", "keep what is found in the folder `DIR`; the same call resumes there")
			f.IntVar(&o.workers, "workers", 0, "test `N` documents at once (default: as many as there are processors)")
		}
		f.Var(&o.maxDisk, "max-disk", "end rather than write more than `SIZE` to the folder of the journal, such as 500M or 20G")
	})
	if part == scanAll {
		group(cmd, "Declared test", func(f *pflag.FlagSet) {
			d.evidence.register(f)
			f.StringVar(&o.plan, "plan-file", "", "make the test that the signed plan in `FILE` declares, and no other")
			f.StringVar(&d.question, "question", "", "with --declare, the question that the report answers, in your words")
			f.StringArrayVar(&d.evidence.clean, "clean", nil, "with --declare and --plan-file, `PATH` of text that nobody marked and that is like the tested one; repeat it for more")
		})
	}
	if part != scanMap {
		group(cmd, "Output", func(f *pflag.FlagSet) {
			f.BoolVar(&o.json, "json", false, "print a line of JSON for each document, and a last one for all of them")
			f.StringVarP(&o.report, "report", "o", "", "write an HTML page to `FILE` with the distribution of p-values, control keys, and the top documents in colours")
			f.IntVar(&o.decoys, "decoys", student.MinDecoys, "number of control keys of the report or of the plan, at least 100; 0 leaves them out")
			f.StringVar(&o.parquet, "parquet", "", "write a row for each document to the parquet `FILE`")
			f.StringVar(&o.failOn, "fail-on", "", `exit with status 3 if the verdict is "detected"`)
		})
	}
	o.given = cmd.Flags().Changed
}

func (o *scanFlags) corpusOptions() *corpus.Options {
	c := o.mark.corpusOptions()
	// The memory of a test grows with its text, and a few rows are read at once.
	c.Limits.Text, c.Limits.Row = 4<<20, 8<<20
	return c
}

// check returns a usage error for a call that cannot be right before any file is read.
func (o *scanFlags) check(args []string, part scanPart) error {
	d := &o.mark
	standard := 0
	for _, name := range append([]string{o.filesFrom, o.files0From, d.keyringFile()}, args...) {
		if name == inputs.Stdin {
			standard++
		}
	}
	_, digits := o.parseRunKey()
	return check(d.files(), d.oneMark(), d.rateRules(), d.read.rules(), []rule{
		noSecrets(append([]string{o.journal, o.filesFrom, o.files0From, o.stdinName, o.runKey, o.report, o.parquet}, args...)...),
		within("alpha", d.alpha, open(0, 1)),
		within("fdr", o.fdr, open(0, 1)),
		within("min-share", d.minShare, leftOpen(0, 1)),
		within("sample", o.sample, fromTo(1, maxSample)),
		within("workers", o.workers, fromTo(0, 4096)),
		failOn(o.failOn),
		{o.decoys != 0 && (o.decoys < student.MinDecoys || o.decoys > maxScanDecoys), fmt.Sprintf("--decoys %d is outside %d to %d, and is not 0", o.decoys, student.MinDecoys, maxScanDecoys)},
		{part != scanMap && o.report == "" && d.evidence.declare == "" && o.given("decoys"), "--decoys is for the page of --report; name its file, or leave --decoys out"},
		{o.report != "" && filepath.Clean(o.report) == filepath.Clean(o.parquet), "--report and --parquet name the same file; give one of them another name"},
		{o.runKey != "" && digits != nil, fmt.Sprintf("--run-key: %v", digits)},
		{part == scanReduce && len(args) == 0, "DIR is missing: the folders that 'isotope map' made"},
		{part != scanReduce && len(args) == 0 && o.filesFrom == "" && o.files0From == "", "PATH is missing: the files and directories to scan, or - for standard input"},
		{o.filesFrom != "" && o.files0From != "", "--files-from and --files0-from are two lists; give one of them"},
		{standard > 1, fmt.Sprintf("standard input is named for %d inputs, and can be read once; put the others into files", standard)},
		{part == scanMap && o.journal == "", "--journal DIR is missing: the folder for what map finds"},
		{part == scanMap && o.runKey == "", "--run-key DIGITS is missing: 32 hex digits that all parts of a scan share; draw them at random"},
	})
}

func (o *scanFlags) parseRunKey() (key [16]byte, err error) {
	b, err := hex.DecodeString(o.runKey)
	if err != nil || len(b) != len(key) {
		return key, errors.New("it is not 32 hex digits; draw them at random, and use the same for all parts of a scan")
	}
	return [16]byte(b), nil
}

// options returns the options of the engine.
func (o *scanFlags) options(part scanPart, args []string) (scan.Options, error) {
	d := &o.mark
	x := scan.Options{Alpha: d.alpha, FDR: o.fdr, MinShare: d.minShare, Spans: d.spans, Sample: o.sample}
	dir := o.journal
	if part == scanReduce {
		dir = args[0]
	}
	old, ok := scan.RunKey(dir)
	switch {
	case o.runKey != "":
		var err error
		if x.RunKey, err = o.parseRunKey(); err != nil {
			return x, usageError{err}
		}
	case dir != "" && ok:
		x.RunKey = old
	default:
		x.RunKey = detect.NewRunKey()
	}
	r := o.corpusOptions()
	x.Reader = fmt.Sprintf("format=%q encoding=%q fields=%q prompt=%q roles=%q text=%d row=%d", r.Format, r.Encoding, r.Fields, r.PromptField, r.Roles, r.Limits.Text, r.Limits.Row)
	return x, nil
}

// A diskSize is the value of --max-disk.
type diskSize struct {
	text  string
	bytes int64
}

func (s *diskSize) String() string { return s.text }
func (s *diskSize) Type() string   { return "size" }

func (s *diskSize) Set(text string) error {
	number, unit := text, int64(1)
	for i, suffix := range []string{"K", "M", "G", "T"} {
		if n, ok := strings.CutSuffix(strings.ToUpper(text), suffix); ok {
			number, unit = n, int64(1)<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/unit {
		return errors.New("not a size")
	}
	*s = diskSize{text, n * unit}
	return nil
}
