package pipeline

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/isotope-wm/isotope/internal/scan"
	"github.com/isotope-wm/isotope/internal/secret"
)

func init() {
	register.DoFn3x1[context.Context, Shard, func(Part), error](&mapFn{})
	register.Emitter1[Part]()
	register.Combiner3[partSet, Part, partSet](&gatherFn{})
	register.DoFn2x1[context.Context, partSet, error](&reduceFn{})
}

// Build adds a scan of shards to a pipeline. It writes the result to the file or address output, and
// the totals alone to output with ".totals.json" after it.
func Build(s beam.Scope, c Config, shards []Shard, output string) error {
	if err := c.Check(); err != nil {
		return err
	}
	if len(shards) == 0 {
		return errors.New("there is no file to scan")
	}
	if output == "" {
		return errors.New("the name of the result is missing: a file that the last worker can write, or an address")
	}
	files := map[string]bool{}
	for _, x := range shards {
		for _, f := range x.Files {
			files[f] = true
		}
	}
	for _, name := range append(slices.Collect(maps.Keys(files)), output) {
		if secret.MayHold(name) {
			return errSecret
		}
	}
	s = s.Scope("isotope.Scan")
	elements := beam.Reshuffle(s, beam.CreateList(s, shards)) // a bundle of its own for each
	parts := beam.ParDo(s, &mapFn{Config: c}, elements)
	all := beam.Combine(s, &gatherFn{}, parts)
	beam.ParDo0(s, &reduceFn{Config: c, Files: len(files), Output: output}, all)
	return nil
}

// A mapFn tests the documents of a shard, and yields its journal.
type mapFn struct {
	Config Config

	loaded *loaded
}

// Setup reads the keys of the worker.
func (f *mapFn) Setup() (err error) {
	f.loaded, err = f.Config.load()
	return err
}

// ProcessElement tests a shard. After an error nothing is left but, at most, a stored journal that
// nobody knows.
func (f *mapFn) ProcessElement(ctx context.Context, shard Shard, emit func(Part)) (err error) {
	dir, err := os.MkdirTemp("", "isotope-beam-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	journal := filepath.Join(dir, "journal")
	var src source
	in := &scan.Input{Corpus: f.loaded.corpus, Files: shard.Files, Args: shard.Files, Open: src.open}
	if err := scan.Map(ctx, journal, f.loaded.marks, f.loaded.options, in, &scan.Work{Workers: f.Config.Workers}); err != nil {
		return err
	}
	if src.err != nil {
		return fmt.Errorf("a file of the shard could not be read: %w", src.err)
	}
	p := Part{Shard: shard.id(), Files: len(shard.Files)}
	archive := filepath.Join(dir, "archive")
	if p.SHA256, p.Bytes, err = pack(journal, archive); err != nil {
		return err
	}
	// Two attempts may differ in their checkpoints. Each has a name of its own.
	p.Address = join(f.Config.Parts, p.Shard+"-"+p.SHA256[:16]+".tar.zst")
	if err := store(ctx, archive, p.Address); err != nil {
		return err
	}
	emit(p)
	return nil
}

// A partSet is parts, sorted, with one part for each shard.
type partSet struct {
	Parts []Part
}

// gatherFn is the CombineFn of parts. It is associative and commutative, and a part that comes twice
// counts once.
type gatherFn struct{}

// CreateAccumulator returns the empty set.
func (*gatherFn) CreateAccumulator() partSet { return partSet{} }

// AddInput adds a part.
func (g *gatherFn) AddInput(s partSet, p Part) partSet {
	return g.MergeAccumulators(s, partSet{[]Part{p}})
}

// MergeAccumulators unites two sets.
func (*gatherFn) MergeAccumulators(a, b partSet) partSet {
	list := slices.Concat(a.Parts, b.Parts)
	slices.SortFunc(list, func(x, y Part) int { return cmp.Or(cmp.Compare(x.Shard, y.Shard), cmp.Compare(x.Address, y.Address)) })
	return partSet{slices.CompactFunc(list, func(x, y Part) bool { return x.Shard == y.Shard })}
}

// ExtractOutput returns the set.
func (*gatherFn) ExtractOutput(s partSet) partSet { return s }

// A reduceFn merges the journals of all parts and writes the result.
type reduceFn struct {
	Config Config
	Files  int // of all shards
	Output string

	loaded *loaded
}

// Setup reads the keys of the worker.
func (f *reduceFn) Setup() (err error) {
	f.loaded, err = f.Config.load()
	return err
}

// ProcessElement writes the result. A second attempt writes the same bytes.
func (f *reduceFn) ProcessElement(ctx context.Context, set partSet) (err error) {
	files := 0
	for _, p := range set.Parts {
		files += p.Files
	}
	if files != f.Files {
		return fmt.Errorf("the journals have %d files, and the shards %d; start the pipeline again", files, f.Files)
	}
	dir, err := os.MkdirTemp("", "isotope-beam-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var journals []string
	for i := range set.Parts {
		journal := filepath.Join(dir, fmt.Sprint(i))
		archive := journal + ".tar.zst"
		if err := fetch(ctx, &set.Parts[i], archive); err != nil {
			return err
		}
		if err := errors.Join(unpack(archive, journal), os.Remove(archive)); err != nil {
			return err
		}
		journals = append(journals, journal)
	}
	result, last := filepath.Join(dir, "result"), filepath.Join(dir, "totals")
	if err := f.write(ctx, journals, result, last); err != nil {
		return err
	}
	return errors.Join(store(ctx, last, f.Output+TotalsSuffix), store(ctx, result, f.Output))
}

// TotalsSuffix is what the name of the totals has after that of the result.
const TotalsSuffix = ".totals.json"

// write writes the result and its last line.
func (f *reduceFn) write(ctx context.Context, journals []string, result, last string) (err error) {
	out, err := os.OpenFile(result, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := bufio.NewWriter(out)
	totals, err := scan.Reduce(ctx, journals, f.loaded.marks, f.loaded.options, lines{w}, nil)
	if err != nil {
		return err
	}
	end, err := os.OpenFile(last, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = writeLine(io.MultiWriter(w, end), envelope{1, "scan", tool{"isotope", Version(), "isotope/1", goVersion()}, totals})
	return errors.Join(err, end.Close(), w.Flush())
}

// An envelope is the last line of a result, as docs/json.md describes it.
type envelope struct {
	Version int    `json:"version"`
	Kind    string `json:"kind"`
	Tool    tool   `json:"tool"`
	*scan.Totals
}

type tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Wire    string `json:"wire_format"`
	Go      string `json:"go"`
}

// Version names this program and its source. Evidence must say what computed it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "isotope-beam, unknown"
	}
	v := "isotope-beam " + cmp.Or(info.Main.Version, "(devel)")
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if c := settings["vcs.revision"]; c != "" {
		v += ", commit " + c
		if settings["vcs.modified"] == "true" {
			v += " with changes"
		}
		return v
	}
	if info.Main.Sum != "" {
		return v + ", " + info.Main.Sum
	}
	return v + ", program " + programHash()
}

// programHash returns the SHA-256 of this program.
var programHash = sync.OnceValue(func() string {
	name, err := os.Executable()
	if err != nil {
		return "unknown"
	}
	f, err := os.Open(name)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "unknown"
	}
	return fmt.Sprintf("sha256:%x", h.Sum(nil))
})

func goVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.GoVersion
	}
	return "unknown"
}

// lines writes documents as lines of JSON. Skips are counted in the totals.
type lines struct{ io.Writer }

func (l lines) Document(d *scan.Document) error { return writeLine(l, d) }
func (lines) Skip(*scan.Skip) error             { return nil }

// writeLine writes JSON without the escapes that HTML needs.
func writeLine(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
