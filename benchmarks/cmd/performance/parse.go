package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// results holds measured values of one processor by benchmark and unit.
type results struct {
	processor string // name of the raw file
	runs      []section
	values    map[string]map[string]float64 // medians, if a benchmark ran several times
}

// A section is the output of one call of the command.
type section struct {
	header []string // the command, the machine, and the code; without "# "
	lines  []string // of go test, as they are
}

// benchmarks counts the distinct benchmarks of a section.
func (s *section) benchmarks() int {
	names := map[string]bool{}
	for _, line := range s.lines {
		if name, _ := benchmark(line); name != "" {
			names[name] = true
		}
	}
	return len(names)
}

// sections splits a raw file. A section begins with lines that begin with "# ".
func sections(raw []byte) []section {
	var all []section
	head := false
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSuffix(line, "\n")
		comment, ok := strings.CutPrefix(line, "# ")
		if ok && !head || len(all) == 0 {
			all = append(all, section{})
		}
		head = ok
		last := &all[len(all)-1]
		if ok {
			last.header = append(last.header, comment)
		} else {
			last.lines = append(last.lines, line)
		}
	}
	return all
}

// benchmark returns the name of the benchmark of a line, without "Benchmark" and GOMAXPROCS, and the
// fields after it. The name is empty if the line has none.
func benchmark(line string) (name string, fields []string) {
	f := strings.Fields(line)
	if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
		return "", nil
	}
	name = strings.TrimPrefix(f[0], "Benchmark")
	if i := strings.LastIndexByte(name, '-'); i > strings.LastIndexByte(name, '/') {
		if _, err := strconv.Atoi(name[i+1:]); err == nil {
			name = name[:i] // GOMAXPROCS
		}
	}
	return name, f[1:]
}

// parse reads a raw file.
func parse(raw []byte) (*results, error) {
	r := &results{runs: sections(raw), values: map[string]map[string]float64{}}
	samples := map[string]map[string][]float64{}
	for _, s := range r.runs {
		for _, line := range s.lines {
			name, fields := benchmark(line)
			if name == "" {
				continue
			}
			if samples[name] == nil {
				samples[name] = map[string][]float64{}
			}
			for i := 1; i+1 < len(fields); i += 2 {
				x, err := strconv.ParseFloat(fields[i], 64)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
				samples[name][fields[i+1]] = append(samples[name][fields[i+1]], x)
			}
		}
	}
	for name, units := range samples {
		r.values[name] = map[string]float64{}
		for unit, x := range units {
			r.values[name][unit] = median(x)
		}
	}
	return r, nil
}

// median returns the median of x, which it sorts.
func median(x []float64) float64 {
	slices.Sort(x)
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2
}

// merge adds the output of a run to a raw file. Benchmarks of the run lose their lines of older runs, and
// runs without benchmarks are dropped.
func merge(old, run []byte) ([]byte, error) {
	fresh := map[string]bool{}
	for line := range strings.Lines(string(run)) {
		if name, _ := benchmark(line); name != "" {
			fresh[name] = true
		}
	}
	if len(fresh) == 0 {
		return nil, fmt.Errorf("no benchmark has run")
	}
	var out bytes.Buffer
	for _, s := range sections(old) {
		s.lines = slices.DeleteFunc(s.lines, func(line string) bool {
			name, _ := benchmark(line)
			return fresh[name]
		})
		if s.benchmarks() == 0 {
			continue
		}
		for _, h := range s.header {
			fmt.Fprintf(&out, "# %s\n", h)
		}
		for _, line := range s.lines {
			fmt.Fprintln(&out, line)
		}
	}
	out.Write(run)
	return out.Bytes(), nil
}

// get returns the value of a benchmark in a unit. ok is false if it was not measured.
func (r *results) get(unit, format string, args ...any) (x float64, ok bool) {
	x, ok = r.values[fmt.Sprintf(format, args...)][unit]
	return x, ok
}

// native returns the name of a benchmark of VAES, or its name for NEON on a processor that has NEON.
func (r *results) native(name string) string {
	neon := strings.Replace(name, "/impl=vaes", "/impl=neon", 1)
	if _, ok := r.values[neon]; ok {
		return neon
	}
	return name
}

// floor returns the time of a benchmark's floor in ns.
func (r *results) floor(format string, args ...any) (float64, bool) {
	t, ok := r.get("ns/op", format, args...)
	x, _ := r.get("x_floor", format, args...)
	return t / x, ok && x > 0
}

// measured is the results of all processors, in the order of their names.
type measured struct{ processors []*results }

// readAll reads the raw files of a directory.
func readAll(dir string) (*measured, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt")) // sorted
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no raw file in %s; run without -draw (%v)", dir, err)
	}
	var m measured
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		r, err := parse(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		r.processor = strings.TrimSuffix(filepath.Base(file), ".txt")
		m.processors = append(m.processors, r)
	}
	return &m, nil
}

// date returns the last date in the headers, or "".
func (r *results) date() (last string) {
	for _, s := range r.runs {
		for _, h := range s.header {
			for _, verb := range []string{"measured ", "committed "} {
				if rest, ok := strings.CutPrefix(h, verb); ok && len(rest) >= len("2006-01-02") {
					last = max(last, rest[:len("2006-01-02")])
				}
			}
		}
	}
	return last
}

// complete reports whether the plot and the tables of one processor can be drawn from r.
func (r *results) complete() bool {
	_, err := plot(r)
	return err == nil
}

// main returns the processor of the tables that show a single one: the one that was measured last, of
// those with all that the plot needs. Of several it is the first by name.
func (m *measured) main() *results {
	best := m.processors[0]
	for _, r := range m.processors[1:] {
		switch {
		case !r.complete():
		case !best.complete(), r.date() > best.date():
			best = r
		}
	}
	return best
}
