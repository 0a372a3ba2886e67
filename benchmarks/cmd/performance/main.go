// Performance measures the speed of marking, sampling, scoring and tokenizing on this processor. It
// keeps the raw output of each processor in a file of results/speed. From all of them it draws
// docs/performance.md, its plot, and the table of the README:
//
//	go run ./cmd/performance                      # takes about 2 minutes on an idle machine
//	go run ./cmd/performance -bench 'Score|Lanes' # measures some benchmarks again and keeps the rest
//	go run ./cmd/performance -peers PYTHON        # also measures the code of other projects
//	go run ./cmd/performance -draw                # draws without measuring
//
// Run it in the directory of this module. A benchmark that is measured again loses its older lines. So
// a large set of benchmarks may be measured in several calls.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	rawDir   = "results/speed"
	plotFile = "../docs/performance.svg"
)

// A page is a file with tables by name.
type page map[string]func(*measured) string

// pages maps the files with tables to their tables.
var pages = map[string]page{
	"../docs/performance.md": tables,
	"../README.md":           {"speed": speedTable},
}

// options are the flags.
type options struct {
	draw      bool
	turns     int
	rounds    int
	bench     string
	processor string
	peers     string
}

func main() {
	var o options
	flag.BoolVar(&o.draw, "draw", false, "draw from the files of "+rawDir+" without measuring")
	flag.IntVar(&o.turns, "turns", 100, "turns per benchmark and round")
	flag.IntVar(&o.rounds, "rounds", 1, "rounds over all benchmarks; tables show medians of the rounds")
	flag.StringVar(&o.bench, "bench", ".", "`regexp` of the benchmarks to measure; others keep their results")
	flag.StringVar(&o.processor, "processor", "", "`name` of the raw file (default: vendor-family-model of this processor)")
	flag.StringVar(&o.peers, "peers", "", "`Pythons` with torch and transformers, or quicktok, as a path list: measure their code too")
	flag.Parse()
	if flag.NArg() > 0 || o.turns < 10 || o.rounds < 1 {
		fmt.Fprintln(os.Stderr, "performance: want -turns >= 10, -rounds >= 1 and no arguments")
		os.Exit(2)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "performance:", err)
		os.Exit(1)
	}
}

// run measures, unless o.draw is set, and draws pages and plot.
func run(o options) error {
	if !o.draw {
		if err := measure(o); err != nil {
			return err
		}
	}
	m, err := readAll(rawDir)
	if err != nil {
		return err
	}
	for name, page := range pages {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if text, err = draw(text, page, m); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			return err
		}
	}
	plot, err := plot(m.main())
	if err != nil {
		return err
	}
	return os.WriteFile(plotFile, plot, 0o644)
}

// measure runs the benchmarks. If all of them succeed, it merges their output into the raw file of this
// processor.
func measure(o options) error {
	name := o.processor
	if name == "" {
		if name = processor(); name == "" {
			return errors.New("cannot tell the kind of core; choose one with taskset if there are several, and give " +
				"-processor a name such as apple-m4 or arm-0x41-0xd0b")
		}
	}
	args := []string{
		"test", "./speed", "-run", "^$", "-bench", o.bench, "-benchtime", fmt.Sprintf("%dx", o.turns),
		"-timeout", "2h",
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# go %s\n# %s %s/%s, %d CPUs: %s\n# measured %s at %s\n", strings.Join(args, " "),
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), machineText(),
		time.Now().UTC().Format(time.DateOnly), commit())
	if o.peers != "" {
		versions, err := peerVersions(o.peers)
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "# peers: %s\n", versions)
	}
	for range o.rounds {
		cmd := exec.Command("go", args...)
		if o.peers != "" {
			cmd.Env = append(os.Environ(), "ISOTOPE_PEERS="+o.peers)
		}
		cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, os.Stderr), os.Stderr
		if err := cmd.Run(); err != nil {
			return err
		}
	}
	file := filepath.Join(rawDir, name+".txt")
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	merged, err := merge(old, out.Bytes())
	if err != nil {
		return err
	}
	return os.WriteFile(file, merged, 0o644)
}

// commit returns the commit of the working tree, and says so if files differ from it.
func commit() string {
	id, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "an unknown commit"
	}
	name := "commit " + strings.TrimSpace(string(id))
	// The raw files and the pages are what this command writes.
	changed, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no", "--",
		":/", ":!results/speed", ":!../docs", ":!../README.md").Output()
	if err != nil || len(changed) > 0 {
		name += " with changes"
	}
	return name
}
