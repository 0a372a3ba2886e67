//go:build (linux || darwin || windows) && (amd64 || arm64) && !nollama

package llamacpp

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"unsafe"

	"github.com/hybridgroup/yzma/pkg/llama"
	"github.com/hybridgroup/yzma/pkg/loader"
)

// loaded is the directory of the libraries, which a process loads once.
var loaded struct {
	sync.Mutex
	dir string
}

// loadLibrary loads llama.cpp from a directory.
func loadLibrary(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("llamacpp: %w", err)
	}
	for _, name := range []string{"ggml", "ggml-base", "llama"} {
		if _, err := os.Stat(loader.GetLibraryFilename(dir, name)); err != nil {
			return fmt.Errorf("llamacpp: %s holds no llama.cpp: %w; %s", dir, err, howToFetch)
		}
	}
	loaded.Lock()
	defer loaded.Unlock()
	switch loaded.dir {
	case dir:
		return nil
	case "":
	default:
		return fmt.Errorf("llamacpp: this process has loaded llama.cpp from %s already; use one directory", loaded.dir)
	}
	if err := llama.Load(dir); err != nil {
		return fmt.Errorf("llamacpp: the libraries in %s do not fit: %w; use llama.cpp %s: %s", dir, err, LlamaVersion, howToFetch)
	}
	if os.Getenv("ISOTOPE_LLAMA_LOG") == "" {
		llama.LogSet(llama.LogSilent())
	}
	llama.Init()
	loaded.dir = dir
	return nil
}

// file is a model file that llama.cpp has loaded.
type file struct {
	model llama.Model
	vocab llama.Vocab
	n     int
}

func openWeights(path string) (weights, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("llamacpp: %w", err)
	}
	var magic [4]byte
	_, err = f.ReadAt(magic[:], 0)
	if err = errors.Join(err, f.Close()); err != nil || string(magic[:]) != "GGUF" {
		return nil, fmt.Errorf("llamacpp: %s is not a GGUF file", path)
	}
	model, err := llama.ModelLoadFromFile(path, llama.ModelDefaultParams())
	if err != nil {
		return nil, fmt.Errorf("llamacpp: llama.cpp cannot load %s: %w; set ISOTOPE_LLAMA_LOG=1 to see why", path, err)
	}
	m := &file{model: model, vocab: llama.ModelGetVocab(model)}
	m.n = int(llama.VocabNTokens(m.vocab))
	if m.n < 1 || m.n > watermarkMaxVocab {
		m.free()
		return nil, fmt.Errorf("llamacpp: %s has a vocabulary of %d tokens; 1 to %d are possible", path, m.n, watermarkMaxVocab)
	}
	if llama.ModelHasEncoder(model) || !llama.ModelHasDecoder(model) || llama.ModelIsDiffusion(model) {
		m.free()
		return nil, fmt.Errorf("llamacpp: %s is not a model that writes a text token by token", path)
	}
	return m, nil
}

func (m *file) facts() facts {
	f := facts{
		vocab: m.n, trained: int(llama.ModelNCtxTrain(m.model)), addStart: llama.VocabGetAddBOS(m.vocab),
		start: Token(llama.VocabBOS(m.vocab)), end: Token(llama.VocabEOS(m.vocab)),
		recurrent: llama.ModelIsRecurrent(m.model) || llama.ModelIsHybrid(m.model), describe: llama.ModelDesc(m.model),
	}
	f.template, _ = llama.ModelMetaValStr(m.model, "tokenizer.chat_template")
	return f
}

func (m *file) piece(t Token) []byte {
	buf := make([]byte, 64)
	n := llama.TokenToPiece(m.vocab, llama.Token(t), buf, 0, false)
	if n < 0 {
		buf = make([]byte, -n)
		n = llama.TokenToPiece(m.vocab, llama.Token(t), buf, 0, false)
	}
	return buf[:max(n, 0)]
}

func (m *file) name(t Token) string { return llama.VocabGetText(m.vocab, llama.Token(t)) }

func (m *file) kind(t Token) kind {
	switch {
	case llama.VocabIsEOG(m.vocab, llama.Token(t)):
		return ending
	case llama.VocabIsControl(m.vocab, llama.Token(t)):
		return control
	}
	return plain
}

func (m *file) tokenize(text string, special bool) []Token {
	if text == "" {
		return nil
	}
	return fromLlama(llama.Tokenize(m.vocab, text, false, special))
}

// fromLlama returns the same memory; both types are int32.
func fromLlama(t []llama.Token) []Token {
	return unsafe.Slice((*Token)(unsafe.SliceData(t)), len(t))
}

func (m *file) free() { _ = llama.ModelFree(m.model) }

func (m *file) context(c contextConfig) (runner, error) {
	p := llama.ContextDefaultParams()
	p.NCtx, p.NSeqMax = uint32(c.length*c.sequences), uint32(c.sequences)
	p.NBatch, p.NUbatch = uint32(c.batch), uint32(c.batch)
	p.NThreads, p.NThreadsBatch = int32(c.threads), int32(c.threads)
	// A sequence has a memory of its own. In a memory that all share, logits depend on the places
	// that the other sequences have left, by up to one nat, and a step takes longer.
	p.KVUnified, p.NoPerf = 0, 1
	ctx, err := llama.InitFromModel(m.model, p)
	if err != nil {
		return nil, fmt.Errorf("llamacpp: llama.cpp cannot make %d contexts of %d tokens: %w; use fewer slots or a shorter context", c.sequences, c.length, err)
	}
	memory, err := llama.GetMemory(ctx)
	if err != nil {
		return nil, errors.Join(err, llama.Free(ctx))
	}
	return &decoder{ctx: ctx, memory: memory, batch: llama.BatchInit(int32(c.batch), 0, 1), vocab: m.n, one: make([]llama.SeqId, 1)}, nil
}

// decoder is a runner.
type decoder struct {
	ctx    llama.Context
	memory llama.Memory
	batch  llama.Batch
	vocab  int
	one    []llama.SeqId
}

func (d *decoder) decode(batch []entry) error {
	if err := d.batch.Clear(); err != nil {
		return err
	}
	for _, e := range batch {
		d.one[0] = llama.SeqId(e.seq)
		if err := d.batch.Add(llama.Token(e.token), llama.Pos(e.pos), d.one, e.logits); err != nil {
			return err
		}
	}
	code, err := llama.Decode(d.ctx, d.batch)
	switch {
	case err != nil:
		return err
	case code == 1:
		return errors.New("llamacpp: the memory of the context is full; use a larger context or fewer slots")
	case code != 0:
		return fmt.Errorf("llamacpp: llama_decode failed with code %d; set ISOTOPE_LLAMA_LOG=1 to see why", code)
	}
	return nil
}

func (d *decoder) row(i int) ([]float32, error) {
	row, err := llama.GetLogitsIth(d.ctx, int32(i), d.vocab)
	if err == nil && row == nil {
		err = fmt.Errorf("llamacpp: llama.cpp has no logits for entry %d of the batch", i)
	}
	return row, err
}

func (d *decoder) remove(seq, from int) bool {
	ok, err := llama.MemorySeqRm(d.memory, llama.SeqId(seq), llama.Pos(from), -1)
	if err == nil && ok {
		return true
	}
	_, _ = llama.MemorySeqRm(d.memory, llama.SeqId(seq), -1, -1) // a whole sequence can always go
	return false
}

func (d *decoder) share(from, to, n int) {
	// llama.cpp copies whole memories only.
	_ = llama.MemorySeqCp(d.memory, llama.SeqId(from), llama.SeqId(to), -1, -1)
	_, _ = llama.MemorySeqRm(d.memory, llama.SeqId(to), llama.Pos(n), -1)
}

func (d *decoder) free() {
	_ = llama.BatchFree(d.batch)
	_ = llama.Free(d.ctx)
}

// gbnf is a grammar in llama.cpp's own form.
type gbnf struct {
	sampler llama.Sampler
	all     []llama.TokenData // the vocabulary, for mask
	one     []llama.TokenData
	array   *llama.TokenDataArray
}

func (m *file) grammar(text string) (grammar, error) {
	s := llama.SamplerInitGrammar(m.vocab, text, "root")
	if s == 0 {
		return nil, errors.New("llamacpp: the grammar cannot be read; write it in llama.cpp's GBNF, with a rule named root")
	}
	return &gbnf{sampler: s, all: make([]llama.TokenData, m.n), one: make([]llama.TokenData, 1), array: new(llama.TokenDataArray)}, nil
}

func (g *gbnf) apply(list []llama.TokenData) {
	*g.array = llama.TokenDataArray{Data: unsafe.SliceData(list), Size: uint64(len(list)), Selected: -1}
	llama.SamplerApply(g.sampler, g.array)
}

func (g *gbnf) mask(row []float32) {
	list := g.all[:min(len(row), len(g.all))]
	for i := range list {
		list[i] = llama.TokenData{Id: llama.Token(i), Logit: row[i]}
	}
	g.apply(list)
	for _, d := range list { // llama.cpp keeps their order, but does not promise it
		row[d.Id] = d.Logit
	}
}

func (g *gbnf) allows(t Token) bool {
	g.one[0] = llama.TokenData{Id: llama.Token(t)}
	g.apply(g.one)
	return !math.IsInf(float64(g.one[0].Logit), -1)
}

func (g *gbnf) accept(t Token) { llama.SamplerAccept(g.sampler, llama.Token(t)) }

func (g *gbnf) free() { llama.SamplerFree(g.sampler) }

// devices names what llama.cpp computes on, for the log of a server.
func devices() []string {
	var list []string
	for i := range llama.GGMLBackendDeviceCount() {
		list = append(list, llama.GGMLBackendDeviceName(llama.GGMLBackendDeviceGet(i)))
	}
	return slices.Compact(list)
}
