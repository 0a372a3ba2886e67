// Performance measures the speed of marking, sampling, scoring and tokenizing. From the raw output it
// draws docs/performance.md, its plot, and the table of the README:
//
//	go run ./cmd/performance        # takes about a minute on an idle machine
//	go run ./cmd/performance -draw  # draws from results/speed.txt without measuring
//
// Run it in the directory of this module.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

const (
	rawFile  = "results/speed.txt"
	plotFile = "../docs/performance.svg"
)

// pages maps the files with tables to their tables.
var pages = map[string]map[string]func(*results) string{
	"../docs/performance.md": tables,
	"../README.md":           {"speed": speedTable},
}

func main() {
	drawOnly := flag.Bool("draw", false, "draw from "+rawFile+" without measuring")
	turns := flag.Int("turns", 100, "turns per benchmark")
	bench := flag.String("bench", ".", "`regexp` of the benchmarks to run; the pages need all of them")
	flag.Parse()
	if flag.NArg() > 0 || *turns < 10 {
		fmt.Fprintln(os.Stderr, "performance: want -turns >= 10 and no arguments")
		os.Exit(2)
	}
	if err := run(*drawOnly, *turns, *bench); err != nil {
		fmt.Fprintln(os.Stderr, "performance:", err)
		os.Exit(1)
	}
}

// run measures, unless drawOnly is set, and draws pages and plot.
func run(drawOnly bool, turns int, bench string) error {
	if !drawOnly {
		if err := measure(turns, bench); err != nil {
			return err
		}
	}
	raw, err := os.ReadFile(rawFile)
	if err != nil {
		return err
	}
	results, err := parse(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", rawFile, err)
	}
	for name, tables := range pages {
		page, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if page, err = draw(page, tables, results); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(name, page, 0o644); err != nil {
			return err
		}
	}
	plot, err := plot(results)
	if err != nil {
		return err
	}
	return os.WriteFile(plotFile, plot, 0o644)
}

// measure runs the benchmarks and writes the raw file if all of them succeed.
func measure(turns int, bench string) error {
	args := []string{
		"test", "./speed", "-run", "^$", "-bench", bench, "-benchtime", fmt.Sprintf("%dx", turns),
		"-timeout", "2h",
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# go %s\n# %s %s/%s, %d CPUs: %s\n", strings.Join(args, " "),
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cpu())
	cmd := exec.Command("go", args...)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, os.Stderr), os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	return os.WriteFile(rawFile, out.Bytes(), 0o644)
}

// cpu returns the name, the model and the cache size of the processor, or "unknown".
func cpu() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(info)) {
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if _, seen := fields[name]; ok && !seen {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fmt.Sprintf("%s, family %s model %s, %s",
		fields["model name"], fields["cpu family"], fields["model"], fields["cache size"])
}
