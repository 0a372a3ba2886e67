// Command isotope-beam scans a corpus with Apache Beam. README.md says how to run it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"

	"github.com/isotope-wm/isotope/integrations/beam/pipeline"
)

// Exit statuses, which are those of 'isotope scan'.
const (
	exitOK         = 0
	exitError      = 1
	exitUsage      = 2
	exitIncomplete = 4
)

// A list is a flag that may be repeated.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// numbers is a flag with a number that may be repeated.
type numbers []float64

func (l *numbers) String() string { return strings.Trim(fmt.Sprint([]float64(*l)), "[]") }
func (l *numbers) Set(s string) error {
	x, err := strconv.ParseFloat(s, 64)
	*l = append(*l, x)
	return err
}

// A call is the flags of this program. Those of engines are Beam's own.
type call struct {
	config    pipeline.Config
	filesFrom string
	shards    int
	output    string
}

func (c *call) register(f *flag.FlagSet) {
	x := &c.config
	f.Var((*list)(&x.Keys), "key", "key `FILE` on every worker, one for each --profile; repeatable")
	f.Var((*list)(&x.Profiles), "profile", "profile `FILE` on every worker; repeatable")
	f.Var((*list)(&x.Selectors), "selector", "key `FILE` on every worker that selects the profile's band; repeatable")
	f.StringVar(&x.Keyring, "keyring", "", "test for every key of `FILE` on every worker, which is a JSON list of keys with their profiles, or one derivation path a line")
	f.Var((*list)(&x.Tokenizers), "tokenizer", "`FILE` of a tokenizer on every worker, if it is not built in; repeatable")
	f.Var((*numbers)(&x.Rates), "rate", "by how much the mark raises the mean score, one `NUMBER` for each --profile")
	f.Float64Var(&x.Alpha, "alpha", 1e-6, "largest adjusted p-value that is called detected, in (0,1)")
	f.Float64Var(&x.FDR, "fdr", 0.01, "false discovery rate of the list of documents, in (0,1)")
	f.Float64Var(&x.MinShare, "min-share", 0.5, "share of marked text that must have been detectable before silence is called not_detected, in (0,1]")
	f.BoolVar(&x.Spans, "spans", false, "find marked parts of each document as well, as a second test")
	f.IntVar(&x.Sample, "sample", 1<<20, "test the pile with up to `N` pairs, which take about 100 bytes each in every bundle")
	f.StringVar(&x.RunKey, "run-key", "", "32 hex `DIGITS` that determine the sample of pairs; draw them at random")
	f.StringVar(&x.Format, "format", "", "`FORMAT` of the files, if their content does not say it")
	f.StringVar(&x.Encoding, "encoding", "", "`NAME` of the encoding of files that do not say theirs")
	f.Var((*list)(&x.Fields), "field", "`PATH` of a field with texts to test; repeatable")
	f.StringVar(&x.PromptField, "prompt-field", "", "`PATH` of the field with the prompt")
	f.Var((*list)(&x.Roles), "role", "`NAME` of a role whose turns are tested; repeatable")
	f.IntVar(&x.Workers, "scan-workers", 1, "test `N` documents of a shard at once; 0 is as many as the worker has processors")
	f.StringVar(&x.Parts, "parts", "", "folder `DIR` that all workers share, or its address, for the journals")
	f.StringVar(&c.filesFrom, "files-from", "", "also scan the files and addresses that `FILE` names, one a line")
	f.IntVar(&c.shards, "shards", 0, "split the files into `N` shards; 0 is one for each file")
	f.StringVar(&c.output, "output", "", "`FILE` or address of the result")
}

func main() {
	var c call
	c.register(flag.CommandLine)
	flag.Parse()
	beam.Init() // a worker does not return from here
	os.Exit(c.run(context.Background(), flag.Args()))
}

// run runs the pipeline and prints the totals.
func (c *call) run(ctx context.Context, args []string) int {
	files, err := c.files(ctx, args)
	if err != nil {
		return fail(exitUsage, err)
	}
	p, s := beam.NewPipelineWithRoot()
	if err := pipeline.Build(s, c.config, pipeline.Shards(files, c.shards), c.output); err != nil {
		return fail(exitUsage, err)
	}
	if err := beamx.Run(ctx, p); err != nil {
		return fail(exitError, err)
	}
	line, err := totals(ctx, c.output+pipeline.TotalsSuffix)
	if err != nil {
		return fail(exitError, fmt.Errorf("the result is written, and its totals cannot be read here: %w", err))
	}
	fmt.Print(string(line))
	var t struct {
		Verdict  *string
		Complete bool
	}
	switch err := json.Unmarshal(line, &t); {
	case err != nil:
		return fail(exitError, err)
	case t.Verdict == nil:
		return fail(exitError, errors.New("nothing was tested; rows of the totals says why"))
	case !t.Complete:
		return fail(exitIncomplete, errors.New("not complete: files could not be read, or changed while they were read"))
	}
	return exitOK
}

func fail(status int, err error) int {
	fmt.Fprintln(os.Stderr, "isotope-beam: "+err.Error())
	return status
}

// totals reads the totals of the result.
func totals(ctx context.Context, name string) ([]byte, error) {
	if !strings.Contains(name, "://") {
		return os.ReadFile(name)
	}
	fs, err := filesystem.New(ctx, name)
	if err != nil {
		return nil, err
	}
	defer fs.Close()
	return filesystem.Read(ctx, fs, name)
}

// files returns the names of the files to scan. A pattern has a * or ?, and must match.
func (c *call) files(ctx context.Context, args []string) ([]string, error) {
	names, err := c.fromList()
	if err != nil {
		return nil, err
	}
	for _, a := range args {
		if !strings.ContainsAny(a, "*?") {
			names = append(names, a)
			continue
		}
		matches, err := match(ctx, a)
		if err != nil {
			return nil, err
		}
		if len(matches) == 0 {
			return nil, fmt.Errorf("no file matches %s", a)
		}
		names = append(names, matches...)
	}
	for _, n := range names {
		if info, err := os.Stat(n); err == nil && info.IsDir() {
			return nil, fmt.Errorf("%s is a directory; name its files, for example with find and --files-from", n)
		}
	}
	return names, nil
}

func match(ctx context.Context, pattern string) ([]string, error) {
	if !strings.Contains(pattern, "://") {
		return filepath.Glob(pattern)
	}
	fs, err := filesystem.New(ctx, pattern)
	if err != nil {
		return nil, err
	}
	defer fs.Close()
	return fs.List(ctx, pattern)
}

// fromList reads the names of --files-from.
func (c *call) fromList() ([]string, error) {
	if c.filesFrom == "" {
		return nil, nil
	}
	f, err := os.Open(c.filesFrom)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var names []string
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadString('\n')
		if name := strings.TrimRight(line, "\r\n"); name != "" {
			names = append(names, name)
		}
		switch {
		case err == io.EOF:
			return names, nil
		case err != nil:
			return nil, err
		}
	}
}
