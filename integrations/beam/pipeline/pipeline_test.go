package pipeline

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime/graphx"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/memfs"
	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/tokenize"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/interop"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

// TestMain lets the tests be Beam's workers.
func TestMain(m *testing.M) {
	flag.Parse()
	beam.Init()
	os.Exit(m.Run())
}

const field = "../../../internal/corpus/testdata/field/"

// names are files of many formats. Some have the same documents in other containers.
var names = []string{
	"O06_ref.jsonl", "O06_messages.jsonl", "O07_pasted.jsonl", "O08_u16.txt", "O09_report.pdf", "O10_c.jsonl.gz", "O10_c.jsonl.zst", "O10_c.parquet",
	"O10_c.warc.gz", "O15_reasoning_content.jsonl", "base_plain.txt", "base_marked.txt",
}

func fieldFiles() []string {
	var list []string
	for _, n := range names {
		list = append(list, field+n)
	}
	return list
}

var runKey = strings.Repeat("0c", 16)

// testConfig returns a configuration, and the text of its key.
func testConfig(t *testing.T) (Config, string) {
	t.Helper()
	text, err := os.ReadFile(field + "throwaway.key")
	require.NoError(t, err)
	key := filepath.Join(t.TempDir(), "key") // others may not read a key, and git keeps no such modes
	require.NoError(t, os.WriteFile(key, text, 0o600))
	return Config{
		Keys: []string{key}, Profiles: []string{field + "profile.json"}, Alpha: 1e-6, FDR: 0.01, MinShare: 0.5, Sample: 1 << 20, RunKey: runKey,
		Workers: 1, Parts: filepath.Join(t.TempDir(), "parts"),
	}, strings.TrimSpace(string(text))
}

// run runs a pipeline on Prism and returns the result.
func run(t *testing.T, c Config, shards []Shard, output string) string {
	t.Helper()
	p, s := beam.NewPipelineWithRoot()
	require.NoError(t, Build(s, c, shards, output))
	_, err := prism.Execute(context.Background(), p)
	require.NoError(t, err)
	return read(t, output)
}

func read(t *testing.T, name string) string {
	t.Helper()
	r, err := open(context.Background(), name)
	require.NoError(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(b)
}

// buildIsotope builds the command.
func buildIsotope(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "isotope.exe")
	build := exec.Command("go", "build", "-o", program, "./cmd/isotope")
	build.Dir = "../../.."
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

// isotope runs the command on the configuration's mark.
func isotope(t *testing.T, program string, c Config, verb string, args ...string) string {
	t.Helper()
	var errs bytes.Buffer
	marks := []string{verb, "--key", c.Keys[0], "--profile", c.Profiles[0], "--json", "--run-key", runKey}
	if c.Keyring != "" {
		marks = append(marks, "--keyring", c.Keyring)
	}
	cmd := exec.Command(program, append(marks, args...)...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, errs.String())
	return string(out)
}

// withoutVersion takes the version of the program out of the last line, and returns it.
func withoutVersion(t *testing.T, result string) (rest, version string) {
	t.Helper()
	const before, after = `"tool":{"name":"isotope","version":"`, `","wire_format":"isotope/1"`
	a, b, ok := strings.Cut(result, before)
	require.True(t, ok, result)
	version, b, ok = strings.Cut(b, after)
	require.True(t, ok, result)
	return a + before + after + b, version
}

// TestSameBytesAsScan compares with the command, whatever the split.
func TestSameBytesAsScan(t *testing.T) {
	program := buildIsotope(t)
	c, key := testConfig(t)
	whole := isotope(t, program, c, "scan", fieldFiles()...)
	want, _ := withoutVersion(t, whole)
	require.Contains(t, want, `"verdict":"detected"`)

	var logs bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer slog.SetDefault(old)
	for _, x := range []struct {
		name   string
		shards []Shard
		parts  int
	}{
		{"1 shard", Shards(fieldFiles(), 1), 1},
		{"3 shards", Shards(fieldFiles(), 3), 3},
		{"7 shards", Shards(fieldFiles(), 7), 7},
		{"an element that comes twice", append(Shards(fieldFiles(), 3), Shards(fieldFiles(), 3)[1]), 3},
	} {
		t.Run(x.name, func(t *testing.T) {
			dir := t.TempDir()
			c.Parts = filepath.Join(dir, "parts")
			got, version := withoutVersion(t, run(t, c, x.shards, filepath.Join(dir, "out", "result")))
			assert.Equal(t, want, got)
			assert.True(t, strings.HasPrefix(version, "isotope-beam "), version)
			totals := read(t, filepath.Join(dir, "out", "result"+TotalsSuffix))
			assert.True(t, strings.HasSuffix(got, mustCut(t, totals)), "the totals alone are the last line")

			// The command takes the journals.
			var journals []string
			seen := map[string]bool{}
			entries, err := os.ReadDir(c.Parts)
			require.NoError(t, err)
			for _, e := range entries {
				shard, _, _ := strings.Cut(e.Name(), "-")
				if seen[shard] {
					continue
				}
				seen[shard] = true
				journal := filepath.Join(dir, e.Name())
				require.NoError(t, unpack(filepath.Join(c.Parts, e.Name()), journal))
				journals = append(journals, journal)
			}
			assert.Len(t, journals, x.parts)
			assert.Equal(t, whole, isotope(t, program, c, "reduce", journals...))
		})
	}
	t.Run("addresses", func(t *testing.T) {
		var files []string
		for _, n := range names {
			memfs.Write("memfs://corpus/"+n, []byte(read(t, field+n)))
			files = append(files, "memfs://corpus/"+n)
		}
		c.Parts = "memfs://parts"
		got, _ := withoutVersion(t, run(t, c, Shards(files, 3), "memfs://out/result"))
		// The names are others, and the manifest covers them.
		trim := func(s string) string {
			a, b, _ := strings.Cut(s, `"manifest":"`)
			return a + b[64:]
		}
		assert.Equal(t, trim(want), trim(strings.ReplaceAll(got, "memfs://corpus/", field)))
	})
	assert.NotEmpty(t, logs.String())
	assert.False(t, finder(key).In(logs.Bytes()), "the log has the key")
}

// writeKeyring writes a keyring of every kind of key, and the files that it names, and returns its name
// and its labels. The first key is that of testConfig, which marked a text.
func writeKeyring(t *testing.T, marked string) (name string, labels []string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	profile := func(tokenizer string, change func(*watermark.Profile)) []byte {
		x, err := tokenize.Get(tokenizer)
		require.NoError(t, err)
		p := &watermark.Profile{Scheme: watermark.GreenList{Gamma: 0.5, Delta: 2, Width: 2}, Vocab: x.Vocab(), Tokenizer: x.Name(), TokenizerDigest: x.Digest()}
		change(p)
		b, err := json.Marshal(p)
		require.NoError(t, err)
		return b
	}
	const cl100k, o200k = "cl100k_base", "o200k_base"
	selector := watermark.NewKey()
	write("marked.key", marked+"\n")
	write("selector.key", selector.Secret(secretaccess.Allow())+"\n")
	write("other.json", string(profile(o200k, func(p *watermark.Profile) { p.Scheme = watermark.GumbelMax{Width: 3} })))
	engine, err := json.Marshal(&interop.Profile{Scheme: "vllm-gumbel", Width: 4, Vocab: 1000, Tokenizer: watermark.TokenizerNone})
	require.NoError(t, err)
	entries := []map[string]any{
		{"label": "ours", "key_file": "marked.key"},
		{"label": "another tokenizer", "path": "tenant/o200k", "profile": "other.json"},
		{"path": "tenant/engine", "profile": json.RawMessage(engine)},
	}
	for lane := range 5 {
		p := profile(cl100k, func(p *watermark.Profile) { p.Lane = watermark.Lane{Group: 7, Index: lane} })
		entries = append(entries, map[string]any{"label": fmt.Sprintf("lane %d", lane), "path": "tenant/lanes", "profile": json.RawMessage(p)})
	}
	for i, band := range [][2]int{{0, 20000}, {20000, watermark.BandSize}} {
		p := profile(cl100k, func(p *watermark.Profile) { p.BandLo, p.BandHi, p.Selector = band[0], band[1], selector.ID() })
		entries = append(entries, map[string]any{"label": fmt.Sprintf("band %d", i), "path": "tenant/band", "profile": json.RawMessage(p), "selector": "selector.key"})
	}
	b, err := json.Marshal(entries)
	require.NoError(t, err)
	write("ring.json", string(b))
	for _, e := range entries {
		label, ok := e["label"].(string)
		if !ok {
			label = e["path"].(string)
		}
		labels = append(labels, label)
	}
	return filepath.Join(dir, "ring.json"), labels
}

// TestKeyring compares with the command for many keys, profiles and tokenizers in one pass.
func TestKeyring(t *testing.T) {
	program := buildIsotope(t)
	c, marked := testConfig(t)
	var labels []string
	c.Keyring, labels = writeKeyring(t, marked)
	root := filepath.Join(t.TempDir(), "root.key")
	require.NoError(t, os.WriteFile(root, []byte(watermark.NewKey().Secret(secretaccess.Allow())+"\n"), 0o600))
	c.Keys = []string{root}
	whole := isotope(t, program, c, "scan", fieldFiles()...)
	want, _ := withoutVersion(t, whole)
	require.Contains(t, want, `"verdict":"detected"`)
	for _, label := range labels {
		assert.Contains(t, want, `"label":"`+label+`"`, "the pile has a test of each mark")
	}
	for _, n := range []int{1, 5} {
		t.Run(fmt.Sprintf("%d shards", n), func(t *testing.T) {
			dir := t.TempDir()
			c.Parts = filepath.Join(dir, "parts")
			got, _ := withoutVersion(t, run(t, c, Shards(fieldFiles(), n), filepath.Join(dir, "result")))
			assert.Equal(t, want, got)
		})
	}
	t.Run("paths alone", func(t *testing.T) {
		c := c
		c.Keyring = filepath.Join(t.TempDir(), "ring.txt")
		require.NoError(t, os.WriteFile(c.Keyring, []byte("\ufefftenant/a\n# a comment\r\ntenant/b\r\n"), 0o600))
		want, _ := withoutVersion(t, isotope(t, program, c, "scan", fieldFiles()...))
		dir := t.TempDir()
		c.Parts = filepath.Join(dir, "parts")
		got, _ := withoutVersion(t, run(t, c, Shards(fieldFiles(), 2), filepath.Join(dir, "result")))
		assert.Equal(t, want, got)
	})
	key := secretOf(t, root)
	for _, x := range []struct {
		name   string
		change func(c *Config, ring string)
		ring   string
		want   string
	}{
		{"no keyring", func(c *Config, _ string) { c.Keyring += "-none" }, "a", "cannot be read on this worker"},
		{"no root key", func(c *Config, _ string) { c.Keys = nil }, "a", "the key has a path, and the call has no key from which it derives"},
		{"no file of the root key", func(c *Config, _ string) { c.Keys = []string{"none"} }, "a", "the key none cannot be read on this worker"},
		{"no profile", func(c *Config, _ string) { c.Profiles = nil }, "a", "the key has no profile, and the call has none"},
		{"no key file", func(*Config, string) {}, `[{"key_file":"none.key"}]`, "none.key cannot be read on this worker"},
		{"no selector", func(*Config, string) {}, `[{"path":"a","selector":"none.key"}]`, "none.key cannot be read on this worker"},
		{"a key in the keyring", func(*Config, string) {}, key, "holds a secret key"},
		{"the same test twice", func(*Config, string) {}, `[{"label":"x","path":"a"},{"label":"y","path":"a"}]`, "two marks are one test"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := c
			c.Keyring = filepath.Join(t.TempDir(), "ring")
			require.NoError(t, os.WriteFile(c.Keyring, []byte(x.ring), 0o600))
			x.change(&c, c.Keyring)
			f := &mapFn{Config: c}
			err := f.Setup()
			if err == nil {
				err = f.ProcessElement(context.Background(), Shards(fieldFiles(), 1)[0], func(Part) { t.Error("a part without a test") })
			}
			require.ErrorContains(t, err, x.want)
			assert.False(t, finder(key).In([]byte(err.Error())))
		})
	}
}

// secretOf returns the text of a key file.
func secretOf(t *testing.T, name string) string { return strings.TrimSpace(read(t, name)) }

func mustCut(t *testing.T, totals string) string {
	rest, _ := withoutVersion(t, totals)
	return rest
}

// finder finds a key in many spellings.
func finder(key string) *secret.Finder {
	digits := key[strings.LastIndexAny(key, ":-_ \n")+1:]
	list := []string{key, digits, base64.StdEncoding.EncodeToString([]byte(key))}
	if raw, err := hex.DecodeString(digits); err == nil {
		list = append(list, string(raw), base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw))
	}
	return secret.NewFinder(list...)
}

// TestKeysStayOnWorkers looks for the key in all that leaves a worker.
func TestKeysStayOnWorkers(t *testing.T) {
	c, key := testConfig(t)
	find := finder(key)
	require.True(t, find.In([]byte("a text with "+key)))

	p, s := beam.NewPipelineWithRoot()
	require.NoError(t, Build(s, c, Shards(fieldFiles(), 3), "out"))
	_, err := c.load() // as on a machine that is also a worker
	require.NoError(t, err)
	edges, _, err := p.Build()
	require.NoError(t, err)
	pb, err := graphx.Marshal(edges, &graphx.Options{Environment: &pipepb.Environment{Urn: "beam:env:external:v1"}})
	require.NoError(t, err)
	b, err := proto.Marshal(pb)
	require.NoError(t, err)
	assert.False(t, find.In(b), "the pipeline has the key")
	assert.True(t, reaches(b, c.Keys[0]), "the pipeline has the name of its file, so that the search reads what it should")

	f := &mapFn{Config: c}
	require.NoError(t, f.Setup())
	part := mapped(t, f, Shards(fieldFiles(), 1)[0])
	journal := filepath.Join(t.TempDir(), "journal")
	require.NoError(t, unpack(part.Address, journal))
	entries, err := os.ReadDir(journal)
	require.NoError(t, err)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(journal, e.Name()))
		require.NoError(t, err)
		assert.False(t, find.In(text), e.Name())
	}
	info, err := os.Stat(part.Address)
	require.NoError(t, err)
	assert.Zero(t, info.Mode().Perm()&0o077, "others may not read what was found")

	for name, change := range map[string]func(*Config){
		"key": func(c *Config) { c.Keys[0] = key }, "profile": func(c *Config) { c.Profiles[0] = key }, "parts": func(c *Config) { c.Parts = "x/" + key },
		"keyring": func(c *Config) { c.Keyring = key },
	} {
		t.Run("a key in place of the name of a "+name, func(t *testing.T) {
			c, _ := testConfig(t)
			change(&c)
			err := c.Check()
			require.ErrorContains(t, err, "a secret key was given in place of a name")
			assert.False(t, find.In([]byte(err.Error())))
		})
	}
}

// TestKeyAsFile: the names of files and of the result are no keys.
func TestKeyAsFile(t *testing.T) {
	c, key := testConfig(t)
	_, s := beam.NewPipelineWithRoot()
	assert.ErrorIs(t, Build(s, c, Shards([]string{key}, 1), "out"), errSecret)
	assert.ErrorIs(t, Build(s, c, Shards(fieldFiles(), 1), key), errSecret)
}

// reaches reports whether a pipeline has a text, as it is or in the base64 of a function's fields.
func reaches(b []byte, text string) bool {
	if bytes.Contains(b, []byte(text)) {
		return true
	}
	for _, run := range bytes.FieldsFunc(b, func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=", r)
	}) {
		for skip := range 4 {
			if len(run) > skip {
				plain, _ := base64.StdEncoding.DecodeString(string(run[skip:]))
				if bytes.Contains(plain, []byte(text)) || len(plain) > 64 && reaches(plain, text) {
					return true
				}
			}
		}
	}
	return false
}

// mapped returns the part of a shard.
func mapped(t *testing.T, f *mapFn, shard Shard) Part {
	t.Helper()
	var parts []Part
	require.NoError(t, f.ProcessElement(context.Background(), shard, func(p Part) { parts = append(parts, p) }))
	require.Len(t, parts, 1)
	return parts[0]
}

// TestRetries: a bundle that fails and runs again counts once.
func TestRetries(t *testing.T) {
	c, _ := testConfig(t)
	shards := Shards(fieldFiles(), 3)
	good := &mapFn{Config: c}
	require.NoError(t, good.Setup())
	var parts []Part
	for _, s := range shards {
		parts = append(parts, mapped(t, good, s))
	}
	result := func(t *testing.T, parts []Part) (string, error) {
		f := &reduceFn{Config: c, Files: len(names), Output: filepath.Join(t.TempDir(), "result")}
		require.NoError(t, f.Setup())
		g := &gatherFn{}
		set := g.CreateAccumulator()
		for _, p := range parts {
			set = g.AddInput(set, p)
		}
		if err := f.ProcessElement(context.Background(), g.ExtractOutput(set)); err != nil {
			return "", err
		}
		return read(t, f.Output), nil
	}
	want, err := result(t, parts)
	require.NoError(t, err)

	t.Run("the store fails", func(t *testing.T) {
		blocked := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(blocked, nil, 0o600))
		bad := &mapFn{Config: c, loaded: good.loaded}
		bad.Config.Parts = filepath.Join(blocked, "parts")
		err := bad.ProcessElement(context.Background(), shards[0], func(Part) { t.Error("a part of a failed bundle") })
		require.Error(t, err)
	})
	t.Run("a second attempt", func(t *testing.T) {
		again := mapped(t, good, shards[1])
		assert.Equal(t, parts[1], again, "equal attempts have one name")
		other := again // an attempt that was stored under another name
		other.Address = filepath.Join(t.TempDir(), "other")
		require.NoError(t, os.WriteFile(other.Address, []byte(read(t, again.Address)), 0o600))
		got, err := result(t, append(slices.Clone(parts), again, other))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})
	t.Run("a file in two shards", func(t *testing.T) {
		two := mapped(t, good, Shard{Files: shards[0].Files[:1]})
		f := &reduceFn{Config: c, Files: len(names) + 1, Output: filepath.Join(t.TempDir(), "result")}
		require.NoError(t, f.Setup())
		err := f.ProcessElement(context.Background(), partSet{append(slices.Clone(parts), two)})
		require.ErrorContains(t, err, "leave one of them out")
	})
	t.Run("a shard is missing", func(t *testing.T) {
		_, err := result(t, parts[1:])
		require.ErrorContains(t, err, "the journals have 8 files, and the shards 12")
	})
	t.Run("a journal changed in the store", func(t *testing.T) {
		b := []byte(read(t, parts[2].Address))
		b[len(b)/2] ^= 1
		require.NoError(t, os.WriteFile(parts[2].Address, b, 0o600))
		_, err := result(t, parts)
		require.ErrorIs(t, err, errPart)
	})
	t.Run("the network fails", func(t *testing.T) {
		filesystem.Register("broken", func(context.Context) filesystem.Interface { return broken{} })
		for _, name := range []string{"broken://early/a.jsonl", "broken://late/a.jsonl"} {
			err := good.ProcessElement(context.Background(), Shard{Files: []string{name}}, func(Part) { t.Error("a part without the file") })
			require.ErrorIs(t, err, errBroken, name)
		}
	})
	t.Run("a worker without the key", func(t *testing.T) {
		c := c
		c.Keys = []string{filepath.Join(t.TempDir(), "none")}
		require.ErrorContains(t, (&mapFn{Config: c}).Setup(), c.Keys[0]+" cannot be read on this worker")
	})
}

var errBroken = fmt.Errorf("the line is down")

// broken is a file system that fails when a file is opened, or in its middle.
type broken struct{ filesystem.Interface }

func (broken) Close() error { return nil }
func (broken) OpenRead(_ context.Context, name string) (io.ReadCloser, error) {
	if strings.Contains(name, "early") {
		return nil, errBroken
	}
	return io.NopCloser(io.MultiReader(strings.NewReader(`{"output":"a text of some words"}`+"\n"), failing{})), nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

// TestGather: the CombineFn gives one set for every order and every tree of merges.
func TestGather(t *testing.T) {
	part := func(shard, attempt string) Part { return Part{Shard: shard, Address: shard + "-" + attempt} }
	list := []Part{part("a", "1"), part("b", "2"), part("b", "1"), part("c", "1"), part("c", "1"), part("d", "3")}
	want := partSet{[]Part{part("a", "1"), part("b", "1"), part("c", "1"), part("d", "3")}}
	g := &gatherFn{}
	var each func(rest []Part, sets []partSet)
	trees := 0
	each = func(rest []Part, sets []partSet) {
		if len(rest) > 0 {
			for i := range rest {
				each(slices.Delete(slices.Clone(rest), i, i+1), append(slices.Clone(sets), g.AddInput(g.CreateAccumulator(), rest[i])))
			}
			return
		}
		trees++
		left, right := g.CreateAccumulator(), g.CreateAccumulator()
		for i := range sets {
			left = g.MergeAccumulators(left, sets[i])
			right = g.MergeAccumulators(sets[len(sets)-1-i], right)
		}
		halves := g.MergeAccumulators(g.MergeAccumulators(sets[0], sets[1]), g.MergeAccumulators(sets[2], g.MergeAccumulators(sets[3], g.MergeAccumulators(sets[4], sets[5]))))
		require.Equal(t, want, g.ExtractOutput(left))
		require.Equal(t, want, g.ExtractOutput(right))
		require.Equal(t, want, g.ExtractOutput(halves))
	}
	each(list, nil)
	assert.Equal(t, 720, trees)
}

func TestShards(t *testing.T) {
	files := []string{"c", "a", "b", "a"}
	assert.Equal(t, []Shard{{[]string{"a"}}, {[]string{"b"}}, {[]string{"c"}}}, Shards(files, 0))
	assert.Equal(t, []Shard{{[]string{"a", "c"}}, {[]string{"b"}}}, Shards(files, 2))
	assert.Len(t, Shards(files, 9), 3)
	assert.Empty(t, Shards(nil, 2))
}

// TestCheck: calls that cannot be right.
func TestCheck(t *testing.T) {
	for _, x := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no profile", func(c *Config) { c.Profiles = nil }, "1 keys and 0 profiles"},
		{"two keys and a keyring", func(c *Config) { c.Keyring, c.Keys = "ring", []string{"a", "b"} }, "a keyring takes one key"},
		{"two profiles and a keyring", func(c *Config) { c.Keyring, c.Profiles = "ring", []string{"a", "b"} }, "a keyring takes one key"},
		{"a rate and a keyring", func(c *Config) { c.Keyring, c.Rates = "ring", []float64{1} }, "a keyring has several"},
		{"two rates", func(c *Config) { c.Rates = []float64{1, 2} }, "2 rates and 1 profiles"},
		{"rate", func(c *Config) { c.Rates = []float64{0} }, "rate 0 is not positive"},
		{"alpha", func(c *Config) { c.Alpha = 0 }, "alpha 0 is outside (0,1)"},
		{"fdr", func(c *Config) { c.FDR = 1 }, "fdr 1 is outside (0,1)"},
		{"share", func(c *Config) { c.MinShare = 2 }, "min-share 2 is outside (0,1]"},
		{"sample", func(c *Config) { c.Sample = 0 }, "sample 0 is outside"},
		{"run key", func(c *Config) { c.RunKey = "abc" }, "the run key is not 32 hex digits"},
		{"parts", func(c *Config) { c.Parts = "" }, "the place for the journals is missing"},
		{"encoding", func(c *Config) { c.Encoding = "klingon" }, "klingon"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, _ := testConfig(t)
			x.change(&c)
			assert.ErrorContains(t, c.Check(), x.want)
			_, s := beam.NewPipelineWithRoot()
			assert.Error(t, Build(s, c, Shards(fieldFiles(), 1), "out"))
		})
	}
	c, _ := testConfig(t)
	require.NoError(t, c.Check())
	_, s := beam.NewPipelineWithRoot()
	assert.ErrorContains(t, Build(s, c, nil, "out"), "there is no file to scan")
	assert.ErrorContains(t, Build(s, c, Shards(fieldFiles(), 1), ""), "the name of the result is missing")
}
