// Tokenizers measures how fast this library and other programs turn text into ids, on one core.
//
//	python3 ../tokenize/testdata/fetch.py
//	go run ./tokenizers > results/tokenizers-PROCESSOR.txt
//	go run ./tokenizers -table results/tokenizers-PROCESSOR.txt...
//
// The texts are prose, code, names in many languages, and digits. They are files of the Go distribution and of
// the Python packages that fetch.py installs, in pieces of 16 KB, and no text occurs twice. The programs take
// turns on the same texts, and this library goes before each turn. So a busy machine slows all of them.
//
// The second line prints outputs as the tables of docs/tokenizers.md.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer"

	"github.com/isotope-wm/isotope/benchmarks/internal/host"
	"github.com/isotope-wm/isotope/tokenize"
)

func main() {
	rounds := flag.Int("rounds", 7, "turns of each program on each kind of text")
	size := flag.Int("size", 3<<20, "bytes of each kind of text")
	python := flag.String("python", "", "Python with the other programs (default: the one of fetch.py)")
	tables := flag.Bool("table", false, "print the tables of the output `files`, and measure nothing")
	flag.Parse()
	if *tables {
		if err := printTables(flag.Args()); err != nil {
			fmt.Fprintln(os.Stderr, "tokenizers:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*rounds, *size, *python); err != nil {
		fmt.Fprintln(os.Stderr, "tokenizers:", err)
		os.Exit(1)
	}
}

// vocabularies are those that are measured. file is below the directory of fetch.py, and empty for one that
// is built in.
var vocabularies = []struct{ name, encoding, file string }{
	{"cl100k", "cl100k_base", ""},
	{"o200k", "o200k_base", ""},
	{"llama-3", "", "llama-3/tokenizer.json"},
	{"qwen-3", "", "qwen-3/tokenizer.json"},
}

// peers are the programs of peers.py.
var peers = []string{"quicktok-count", "quicktok", "tiktoken", "tokenizers"}

func run(rounds, size int, python string) error {
	runtime.LockOSThread()
	cache := os.Getenv("ISOTOPE_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		cache = filepath.Join(dir, "isotope")
	}
	if python == "" {
		python = filepath.Join(cache, "references", "bin", "python")
	}
	if _, err := os.Stat(python); err != nil {
		return fmt.Errorf("%w; run python3 tokenize/testdata/fetch.py", err)
	}
	dir, err := os.MkdirTemp("", "isotope-tokenizers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	kinds, err := corpus(size, filepath.Join(cache, "references", "lib"))
	if err != nil {
		return err
	}
	for _, k := range kinds {
		if err := os.WriteFile(filepath.Join(dir, k.name), k.file(), 0o666); err != nil {
			return err
		}
	}
	tokenizers := map[string]*tokenize.BPE{}
	for _, v := range vocabularies {
		if v.file == "" {
			tok, err := tokenize.Get(v.encoding)
			if err != nil {
				return err
			}
			tokenizers[v.name] = tok.(*tokenize.BPE)
		} else if tokenizers[v.name], err = tokenize.Load(filepath.Join(cache, "vocabularies", v.file)); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, v.name), ranks(tokenizers[v.name]), 0o666); err != nil {
			return err
		}
	}
	p, err := startPeers(python, dir, cache)
	if err != nil {
		return err
	}
	fmt.Printf("# go run ./tokenizers -rounds %d -size %d\n# %s, %s %s/%s; %s, and the load of the machine is %s\n",
		rounds, size, host.CPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, clock, load())
	versions, err := exec.Command(python, "-c", `import importlib.metadata as m
print(", ".join(f"{p} {m.version(p)}" for p in ("quicktok-v1", "tiktoken", "tokenizers")))`).Output()
	if err != nil {
		return err
	}
	fmt.Printf("# %s, tiktoken-go 0.10.0\n", strings.TrimSpace(string(versions)))
	fmt.Print("# MB/s: the median of the rounds. ratio: this library's Append over the program, or Count over\n" +
		"# quicktok-count, the median of the ratios within a round, and the least and largest.\n")
	for _, k := range kinds {
		fmt.Printf("\n%s: %d texts, %d bytes\n%-10s %-16s %10s %7s %20s  %s\n",
			k.name, len(k.texts), k.size(), "vocabulary", "program", "ids", "MB/s", "ratio", "ids are the same")
		for _, v := range vocabularies {
			if err := measure(k, v.name, v.encoding, tokenizers[v.name], p, rounds); err != nil {
				return fmt.Errorf("%s, %s: %w", k.name, v.name, err)
			}
		}
	}
	return p.stop()
}

// A turn is one reading of all texts by a program.
type turn struct {
	took time.Duration
	ids  int
	crc  uint32 // of the ids, 0 if the program only counts
}

// measure prints the rows of a kind of text and a vocabulary.
func measure(k kind, vocabulary, encoding string, e *tokenize.BPE, p *peerProcess, rounds int) error {
	ours := func() turn { return appendAll(k, e) }
	count := func() turn { return countAll(k, e) }
	type program struct {
		name       string
		run        func() (turn, error)
		base       func() turn
		took       []float64
		ratios     []float64
		last, this turn
	}
	programs := []*program{{name: "isotope", run: func() (turn, error) { return ours(), nil }, base: ours},
		{name: "isotope-count", run: func() (turn, error) { return count(), nil }, base: ours}}
	for _, name := range peers {
		base := ours
		if name == "quicktok-count" {
			base = count
		}
		programs = append(programs, &program{name: name, base: base, run: func() (turn, error) { return p.ask(name, vocabulary, k.name) }})
	}
	if encoding != "" {
		peer, err := tokenizer.Get(tokenizer.Encoding(encoding))
		if err != nil {
			return err
		}
		programs = append(programs, &program{name: "tiktoken-go", base: ours, run: func() (turn, error) { return tiktokenGo(k, peer) }})
	}
	for range rounds {
		for _, p := range programs {
			if p == nil {
				continue
			}
			p.this = p.base()
			t, err := p.run()
			if errors.Is(err, errUnknown) {
				continue
			}
			if err != nil {
				return err
			}
			p.last = t
			p.took = append(p.took, t.took.Seconds())
			p.ratios = append(p.ratios, t.took.Seconds()/p.this.took.Seconds())
		}
	}
	same := ours()
	for _, p := range programs {
		if p.took == nil {
			continue
		}
		slices.Sort(p.took)
		slices.Sort(p.ratios)
		agrees := "yes"
		if p.last.ids != same.ids || p.last.crc != 0 && p.last.crc != same.crc {
			agrees = "NO"
		}
		n := len(p.ratios)
		fmt.Printf("%-10s %-16s %10d %7.1f %6.2f (%.2f to %.2f)  %s\n", vocabulary, p.name, p.last.ids,
			float64(k.size())/1e6/p.took[n/2], p.ratios[n/2], p.ratios[0], p.ratios[n-1], agrees)
	}
	return nil
}

func appendAll(k kind, e *tokenize.BPE) turn {
	var t turn
	ids := make([]int32, 0, 1<<15)
	all := make([]byte, 0, 4*k.size())
	for _, text := range k.texts {
		start := now()
		ids = e.Append(ids[:0], text)
		t.took += now() - start
		t.ids += len(ids)
		for _, id := range ids {
			all = binary.LittleEndian.AppendUint32(all, uint32(id))
		}
	}
	t.crc = crc32.ChecksumIEEE(all)
	return t
}

func countAll(k kind, e *tokenize.BPE) turn {
	var t turn
	start := now()
	for _, text := range k.texts {
		t.ids += e.Count(text)
	}
	t.took = now() - start
	return t
}

func tiktokenGo(k kind, peer tokenizer.Codec) (turn, error) {
	var t turn
	var all []byte
	for _, text := range k.texts {
		s := string(text)
		start := now()
		ids, _, err := peer.Encode(s)
		t.took += now() - start
		if err != nil {
			return t, err
		}
		t.ids += len(ids)
		for _, id := range ids {
			all = binary.LittleEndian.AppendUint32(all, uint32(id))
		}
	}
	t.crc = crc32.ChecksumIEEE(all)
	return t, nil
}

// errUnknown says that a program does not know a vocabulary.
var errUnknown = errors.New("unknown vocabulary")

// A peerProcess is a running peers.py.
type peerProcess struct {
	cmd *exec.Cmd
	in  interface {
		Write([]byte) (int, error)
		Close() error
	}
	out *bufio.Reader
}

func startPeers(python, dir, cache string) (*peerProcess, error) {
	_, file, _, _ := runtime.Caller(0)
	cmd := exec.Command(python, filepath.Join(filepath.Dir(file), "peers.py"), dir, cache)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &peerProcess{cmd, in, bufio.NewReader(out)}, cmd.Start()
}

func (p *peerProcess) ask(program, vocabulary, kind string) (turn, error) {
	if _, err := fmt.Fprintln(p.in, program, vocabulary, kind); err != nil {
		return turn{}, err
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return turn{}, fmt.Errorf("peers.py: %w", err)
	}
	if line == "-\n" {
		return turn{}, errUnknown
	}
	var t turn
	var took int64
	if _, err := fmt.Sscan(line, &took, &t.ids, &t.crc); err != nil {
		return turn{}, fmt.Errorf("peers.py wrote %q: %w", line, err)
	}
	t.took = time.Duration(took)
	return t, nil
}

func (p *peerProcess) stop() error {
	if err := p.in.Close(); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// ranks returns the file of ranks of a vocabulary, in the format of tiktoken.
func ranks(e *tokenize.BPE) []byte {
	var b []byte
	for id := range int32(e.Vocab()) {
		if text, ok := e.Token(id); ok {
			b = fmt.Appendf(b, "%s %d\n", base64.StdEncoding.EncodeToString([]byte(text)), id)
		}
	}
	return b
}

// load returns the load of the machine over the last minute, as Linux says it.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}

// A kind is texts of one kind.
type kind struct {
	name  string
	texts [][]byte
}

func (k kind) size() int {
	n := 0
	for _, t := range k.texts {
		n += len(t)
	}
	return n
}

// file returns the texts as peers.py reads them.
func (k kind) file() []byte {
	var b []byte
	for _, t := range k.texts {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(t))), t...)
	}
	return b
}

// corpus returns the texts: a book and comments of the Go distribution, its code and that of numpy, the names
// of pycountry, and the digits of e and pi.
func corpus(size int, python string) ([]kind, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	src := filepath.Join(strings.TrimSpace(string(root)), "src")
	var prose, code, names, digits bytes.Buffer
	walk := func(top, ext string, to *bytes.Buffer, most int, f func([]byte) []byte) {
		if err != nil {
			return
		}
		seen := to.Len()
		err = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ext || to.Len()-seen > most {
				return err
			}
			b, err := os.ReadFile(path)
			to.Write(f(b))
			return err
		})
	}
	whole := func(b []byte) []byte { return b }
	walk(filepath.Join(src, "testdata"), ".txt", &prose, size/3, whole)
	walk(filepath.Join(src, "compress"), ".txt", &digits, size/2, whole)
	walk(src, ".go", &prose, size, comments)
	walk(src, ".go", &code, size/2, whole)
	walk(filepath.Join(python), ".py", &code, size/2, whole)
	walk(python, ".mo", &names, 4*size, func(b []byte) []byte {
		var out []byte
		for _, name := range bytes.Split(b, []byte{0}) {
			if len(name) > 1 && utf8.Valid(name) {
				out = append(append(out, name...), ", "...)
			}
		}
		return out
	})
	if err != nil {
		return nil, err
	}
	kinds := []kind{cut("prose", prose.Bytes(), size, 1), cut("code", code.Bytes(), size, 1), cut("multilingual", names.Bytes(), size, 4),
		cut("digits", digits.Bytes(), size, 1)}
	for _, k := range kinds {
		if k.size() < size/2 && k.name != "digits" { // of which there are 200 KB
			return nil, fmt.Errorf("only %d bytes of %s; run python3 tokenize/testdata/fetch.py", k.size(), k.name)
		}
	}
	return kinds, nil
}

// comments returns the text of the comments of a Go file.
func comments(b []byte) []byte {
	var out []byte
	for line := range bytes.Lines(b) {
		if line, ok := bytes.CutPrefix(bytes.TrimLeft(line, "\t"), []byte("// ")); ok {
			out = append(out, line...)
		}
	}
	return out
}

// cut returns texts of 16 KB, one of every step.
func cut(name string, b []byte, size, step int) kind {
	k := kind{name: name}
	b = bytes.ToValidUTF8(b, nil)
	total := 0
	for i := 0; len(b) > 0 && total < size; i++ {
		n := min(16<<10, len(b))
		for n < len(b) && !utf8.RuneStart(b[n]) {
			n--
		}
		if i%step == 0 {
			k.texts = append(k.texts, b[:n:n])
			total += n
		}
		b = b[n:]
	}
	return k
}
