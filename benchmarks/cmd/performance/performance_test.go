package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPagesAreDrawn fails if a page or the plot differs from the one drawn from the raw files.
func TestPagesAreDrawn(t *testing.T) {
	t.Chdir("../..")
	m, err := readAll(rawDir)
	require.NoError(t, err)
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			drawn, err := draw(text, page, m)
			require.NoError(t, err)
			assert.Equal(t, string(text), string(drawn), "go run ./cmd/performance -draw")
		})
	}
	svg, err := plot(m.main())
	require.NoError(t, err)
	have, err := os.ReadFile(plotFile)
	require.NoError(t, err)
	assert.Equal(t, string(have), string(svg))
}

const someRaw = `# go test
# some CPU
# measured 2026-02-03 at commit abc
goos: linux
BenchmarkX/vocab=5/impl=a-b-8   	      20	     500 ns/op	         2.500 x_floor	         0 allocs
BenchmarkY 	 1	 7 ns/op
PASS
`

func TestParse(t *testing.T) {
	r, err := parse([]byte(someRaw))
	require.NoError(t, err)
	require.Len(t, r.runs, 1)
	assert.Equal(t, []string{"go test", "some CPU", "measured 2026-02-03 at commit abc"}, r.runs[0].header)
	assert.Equal(t, "2026-02-03", r.date())
	assert.Equal(t, 2, r.runs[0].benchmarks())
	x, ok := r.get("x_floor", "X/vocab=%d/impl=%s", 5, "a-b")
	assert.True(t, ok)
	assert.Equal(t, 2.5, x)
	floor, ok := r.floor("X/vocab=5/impl=a-b")
	assert.True(t, ok)
	assert.Equal(t, 200.0, floor)
	_, ok = r.get("ns/op", "Z")
	assert.False(t, ok)
	y, _ := r.get("ns/op", "Y")
	assert.Equal(t, 7.0, y)
	_, err = parse([]byte("BenchmarkX 1 many ns/op\n"))
	assert.Error(t, err)
}

// TestMedians: of several rounds the tables show medians.
func TestMedians(t *testing.T) {
	r, err := parse([]byte("# h\nBenchmarkX-2 1 9 ns/op\nBenchmarkX-2 1 1 ns/op\nBenchmarkX-2 1 2 ns/op\nBenchmarkY-2 1 1 ns/op\nBenchmarkY-2 1 2 ns/op\n"))
	require.NoError(t, err)
	x, _ := r.get("ns/op", "X")
	assert.Equal(t, 2.0, x)
	y, _ := r.get("ns/op", "Y")
	assert.Equal(t, 1.5, y)
}

// TestMerge: a run replaces the older lines of its benchmarks, and keeps the rest of the file.
func TestMerge(t *testing.T) {
	second := "# go test again\n# measured 2026-03-04 at commit def\nBenchmarkY 	 1	 8 ns/op\nPASS\n"
	both, err := merge([]byte(someRaw), []byte(second))
	require.NoError(t, err)
	r, err := parse(both)
	require.NoError(t, err)
	require.Len(t, r.runs, 2)
	assert.Equal(t, []int{1, 1}, []int{r.runs[0].benchmarks(), r.runs[1].benchmarks()})
	y, _ := r.get("ns/op", "Y")
	assert.Equal(t, 8.0, y)
	_, ok := r.get("ns/op", "X/vocab=5/impl=a-b")
	assert.True(t, ok)
	assert.Equal(t, "2026-03-04", r.date())

	whole, err := merge(both, []byte(someRaw))
	require.NoError(t, err)
	assert.Equal(t, someRaw, string(whole), "runs without benchmarks go")
	first, err := merge(nil, []byte(someRaw))
	require.NoError(t, err)
	assert.Equal(t, someRaw, string(first))
	_, err = merge([]byte(someRaw), []byte("# go test\nPASS\n"))
	assert.ErrorContains(t, err, "no benchmark")
}

func TestProcessor(t *testing.T) {
	for _, c := range []struct{ name, cpuinfo, want string }{
		{"AMD", "vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n", "amd-25-17"},
		{"Intel", "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 207\n\nmodel\t\t: 208\n", "intel-6-207"},
		{"another", "vendor_id\t: HygonGenuine\ncpu family\t: 24\nmodel\t\t: 1\n", "hygongenuine-24-1"},
		{"ARM", armInfo("0xd0c", "0xd0c"), "arm-0x41-0xd0c"},
		{"two kinds of ARM cores", armInfo("0xd05", "0xd05", "0xd0b", "0xd0b"), ""},
		{"a brand", "model name\t: Apple M4 Pro\n", "apple-m4-pro"},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, processorOf(fieldsOf(c.cpuinfo))) })
	}
	assert.Equal(t, "apple-m2-pro", processorOf(brandOf("Apple M2 Pro\n")), "sysctl of macOS")
}

// armInfo returns /proc/cpuinfo of an arm64 Linux with a core of each part.
func armInfo(parts ...string) string {
	var b strings.Builder
	for i, part := range parts {
		fmt.Fprintf(&b, "processor\t: %d\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32\n"+
			"CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: %s\nCPU revision\t: 1\n\n", i, part)
	}
	return b.String()
}

func TestMachineText(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields map[string]string
		want   string
	}{
		{
			"x86", fieldsOf("model name\t: AMD EPYC\ncpu family\t: 25\nmodel\t: 17\ncache size\t: 1024 KB\n"),
			"AMD EPYC, family 25 model 17, 1024 KB",
		},
		{"ARM", fieldsOf(armInfo("0xd4f", "0xd4f")), "implementer 0x41, part 0xd4f"},
		{"two kinds of ARM cores", fieldsOf(armInfo("0xd05", "0xd0b")), "implementer 0x41, part 0xd05,0xd0b"},
		{"macOS", brandOf("Apple M4\n"), "Apple M4"},
		{"nothing", nil, "unknown processor"},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, machineTextOf(c.fields)) })
	}
}

// TestARMColumns: the goals and the table of the README read NEON where a processor has it.
func TestARMColumns(t *testing.T) {
	t.Chdir("../..")
	m, err := readAll(rawDir)
	require.NoError(t, err)
	x86 := m.main()
	arm := &results{processor: "arm-0x41-0xd4f", values: map[string]map[string]float64{}}
	for name, values := range x86.values {
		switch {
		case strings.Contains(name, "/impl=vaes"):
			arm.values[strings.Replace(name, "/impl=vaes", "/impl=neon", 1)] = values
		case !strings.Contains(name, "/impl=aesni") && !strings.Contains(name, "/impl=avx512"):
			arm.values[name] = values
		}
	}
	m.processors = append(m.processors, arm)
	assert.Same(t, x86, m.main(), "the tables of a single processor have columns of x86")
	for _, name := range []string{"mark in place, gamma 1/2, hot", "score, 128 tenant lanes", "the same, 32768 tokens"} {
		i := slices.IndexFunc(targets, func(t target) bool { return t.what == name })
		assert.NotEqual(t, "-", targets[i].cell(arm), name)
	}
	row := func(r *results) string {
		return strings.Split(speedTable(&measured{[]*results{r}}), "\n")[2]
	}
	assert.Equal(t, row(x86), row(arm))
	assert.NotContains(t, row(arm), "| - |")
}

func TestDraw(t *testing.T) {
	m := &measured{[]*results{{processor: "a", runs: []section{{header: []string{"h"}}}}, {processor: "b"}}}
	_, err := draw([]byte("no places"), tables, m)
	assert.ErrorContains(t, err, "no place")
	text := ""
	for name := range tables {
		text += "<!-- " + name + " -->\nold\n<!-- end -->\n"
	}
	drawn, err := draw([]byte(text), tables, m)
	require.NoError(t, err)
	assert.NotContains(t, string(drawn), "old")
	again, err := draw(drawn, tables, m)
	require.NoError(t, err)
	assert.Equal(t, string(drawn), string(again))
	assert.Contains(t, string(drawn), "| what | goal | a | b |")
}

// TestMainProcessor: most tables show the processor that was measured last, if it is complete.
func TestMainProcessor(t *testing.T) {
	t.Chdir("../..")
	m, err := readAll(rawDir)
	require.NoError(t, err)
	whole := m.main()
	require.True(t, whole.complete())
	later, err := parse([]byte("# h\n# measured 2999-01-01 at commit x\nBenchmarkX 1 2 ns/op\n"))
	require.NoError(t, err)
	m.processors = append(m.processors, later)
	assert.Same(t, whole, m.main(), "a part of the benchmarks is not enough")
	later.values = whole.values
	assert.Same(t, later, m.main())
}

// TestRawFiles: each raw file is one processor's and says when it was measured.
func TestRawFiles(t *testing.T) {
	t.Chdir("../..")
	m, err := readAll(rawDir)
	require.NoError(t, err)
	for _, r := range m.processors {
		t.Run(r.processor, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(rawDir, r.processor+".txt"))
			require.NoError(t, err)
			assert.NotEmpty(t, r.date())
			assert.Contains(t, string(raw), "BenchmarkProcess/")
			for _, s := range r.runs {
				assert.GreaterOrEqual(t, len(s.header), 3, "the command, the machine, and the code")
			}
		})
	}
}
