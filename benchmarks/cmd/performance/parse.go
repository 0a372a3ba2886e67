package main

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// results holds measured values by benchmark and unit.
type results struct {
	header []string // the command and the machine
	values map[string]map[string]float64
}

// parse reads the output of go test -bench.
func parse(raw []byte) (*results, error) {
	r := &results{values: map[string]map[string]float64{}}
	in := bufio.NewScanner(bytes.NewReader(raw))
	for in.Scan() {
		line := in.Text()
		if comment, ok := strings.CutPrefix(line, "# "); ok {
			r.header = append(r.header, comment)
			continue
		}
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(f[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > strings.LastIndexByte(name, '/') {
			if _, err := strconv.Atoi(name[i+1:]); err == nil {
				name = name[:i] // GOMAXPROCS
			}
		}
		values := map[string]float64{}
		for i := 2; i+1 < len(f); i += 2 {
			x, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			values[f[i+1]] = x
		}
		r.values[name] = values
	}
	return r, in.Err()
}

// get returns the value of a benchmark in a unit. ok is false if it was not measured.
func (r *results) get(unit, format string, args ...any) (x float64, ok bool) {
	x, ok = r.values[fmt.Sprintf(format, args...)][unit]
	return x, ok
}

// floor returns the time of a benchmark's floor in ns.
func (r *results) floor(format string, args ...any) (float64, bool) {
	t, ok := r.get("ns/op", format, args...)
	x, _ := r.get("x_floor", format, args...)
	return t / x, ok && x > 0
}
