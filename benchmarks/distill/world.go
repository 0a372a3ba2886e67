package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/isotope-wm/isotope/internal/lm"
	"github.com/isotope-wm/isotope/watermark"
)

// Parameters of the teacher's mark. Its width varies.
const (
	gamma = 0.5
	delta = 2.0
)

// A scale holds the sizes of the experiment. It is part of every arm's digest.
type scale struct {
	Name         string
	Vocab        int // number of ids
	TeacherOrder int // n-gram length of the teacher
	StudentOrder int // n-gram length of the n-gram student
	Document     int // tokens of each text that teacher or student writes

	NgramTrain int // tokens in the training text of an n-gram student
	NgramScore int // tokens that it writes for the tests

	Pretrain       int // tokens of human text that the neural student starts with
	PretrainEpochs int
	FineTune       int // tokens of teacher text after that
	Epochs         int // over the teacher text
	NeuralScore    int // tokens that it writes for the tests
	Again          int // tokens of a second fine-tuning on clean text
	OpenPositions  int // positions of human text in the tests of open weights

	Dummies int // number of control keys, which marked nothing

	CleanStudents int // students of unmarked text
	CleanTrain    int // tokens in the training text of each
	CleanScore    int // tokens that each writes

	Tenants int
	Cohorts int
}

var fullScale = scale{
	Name: "full", Vocab: 1024, TeacherOrder: 5, StudentOrder: 4, Document: 256,
	NgramTrain: 600_000, NgramScore: 200_000,
	Pretrain: 600_000, PretrainEpochs: 1, FineTune: 200_000, Epochs: 2,
	NeuralScore: 100_000, Again: 400_000, OpenPositions: 40_000,
	Dummies:       999,
	CleanStudents: 200, CleanTrain: 60_000, CleanScore: 3_000,
	Tenants: 500, Cohorts: 16,
}

// quickScale is the scale of continuous integration.
var quickScale = scale{
	Name: "quick", Vocab: 1024, TeacherOrder: 5, StudentOrder: 4, Document: 256,
	NgramTrain: 120_000, NgramScore: 40_000,
	Pretrain: 100_000, PretrainEpochs: 1, FineTune: 80_000, Epochs: 1,
	NeuralScore: 25_000, Again: 0, OpenPositions: 15_000,
	Dummies:       99,
	CleanStudents: 10, CleanTrain: 30_000, CleanScore: 3_000,
	Tenants: 40, Cohorts: 4,
}

// A world holds what all arms share. It depends on the scale and the Go distribution alone. Slow parts
// are computed at their first use.
type world struct {
	scale
	corpus     string // name of the human text
	files      string // digest of its files
	text       string // SHA-256 of the text
	tokens     int
	vocabulary *vocabulary

	// Human text.
	human   [][]int32 // training text of the teacher. The neural student starts with its head.
	unseen  [][]int32 // the tail of human, which no neural student starts with
	heldOut [][]int32 // not in the training text of any model

	// base returns a copy of the neural student before it saw text of the teacher. Each arm needs a
	// copy of its own. baseNats is its cross entropy on held-out text in nats per token, set by base.
	base     func() *net[float32]
	baseNats float64
	teacher  *lm.Model

	mu    sync.Mutex
	texts map[string]func() ([][]int32, error)
}

func newWorld(ctx context.Context, s scale) (*world, error) {
	root, err := lm.FindGo(ctx)
	if err != nil {
		return nil, err
	}
	c, err := lm.GoComments(ctx, root, nil)
	if err != nil {
		return nil, err
	}
	return worldOf(c, s)
}

func worldOf(c *lm.Corpus, s scale) (*world, error) {
	w := &world{scale: s, corpus: c.Name, files: c.Digest, texts: make(map[string]func() ([][]int32, error))}
	sum := sha256.Sum256([]byte(strings.Join(c.Documents, "\x00")))
	w.text = "sha256:" + hex.EncodeToString(sum[:])
	w.vocabulary = learnVocabulary(c.Documents, s.Vocab)
	docs := make([][]int32, len(c.Documents))
	for i, d := range c.Documents {
		docs[i] = w.vocabulary.encode(d)
		w.tokens += len(docs[i])
	}
	random("corpus").Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	cut := len(docs) / 10
	w.heldOut, w.human = docs[:cut], docs[cut:]
	var err error
	w.teacher, err = lm.Train(w.human, s.Vocab, lm.Options{
		Order: s.TeacherOrder,
		Break: func(id int32) bool { return id == paragraphEnd },
	})
	if err != nil {
		return nil, err
	}
	head := take(w.human, s.Pretrain)
	w.unseen = w.human[len(head):]
	base := sync.OnceValue(func() *net[float32] {
		n := newNet[float32](s.Vocab, random("base"))
		train(n, head, s.PretrainEpochs, 3e-3, random("pretrain"))
		w.baseNats = w.nats(neural{n})
		return n
	})
	w.base = func() *net[float32] { return base().clone() }
	return w, nil
}

// seed returns the seed of the stream of random numbers with this label.
func seed(label ...any) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "distill %q", fmt.Sprint(label...)))
}

// random returns the stream of random numbers with this label.
func random(label ...any) *rand.Rand { return rand.New(rand.NewChaCha8(seed(label...))) }

// root is a fixed, public key. A measurement needs no secret.
var root = func() watermark.Key {
	secret := hex.EncodeToString([]byte("isotope/1 benchmarks/distill key"))
	k, err := watermark.ParseKey("isotope-secret-key-1:" + secret)
	if err != nil {
		panic(err)
	}
	return k
}()

// mark returns the teacher's mark of a context width, under the key of a label.
func (w *world) mark(width int, label ...string) *watermark.Mark {
	return w.markIn(nil, width, label...)
}

// markIn is mark with options.
func (w *world) markIn(band []watermark.Option, width int, label ...string) *watermark.Mark {
	scheme := watermark.GreenList{Gamma: gamma, Delta: delta, Width: width}
	m, err := watermark.New(root.Derive(label...), scheme, w.Vocab, band...)
	if err != nil {
		panic(err) // unreachable: the parameters are constants
	}
	return m
}

// dummies returns the marks of n control keys, which marked nothing.
func (w *world) dummies(n, width int, label string) []*watermark.Mark {
	marks := make([]*watermark.Mark, n)
	for i := range marks {
		marks[i] = w.mark(width, "dummy", label, strconv.Itoa(i))
	}
	return marks
}

// write returns text of the teacher. Each document starts without a prompt.
func (w *world) write(label string, tokens int, marks ...*watermark.Mark) ([][]int32, error) {
	return w.teacher.Generate(context.Background(), lm.Job{
		Prompts: make([][]int32, (tokens+w.Document-1)/w.Document), Tokens: w.Document, Marks: marks,
		Sampler: watermark.Sampler{Temperature: 1}, Seed: seed("teacher", label),
	})
}

// shared returns teacher text for several arms, and writes it once. The text is marked under the key of
// name, or unmarked if width is negative. A shorter text is the start of a longer one.
func (w *world) shared(width int, name string, tokens int) ([][]int32, error) {
	id := fmt.Sprint(name, " ", width)
	w.mu.Lock()
	text, ok := w.texts[fmt.Sprint(id, tokens)]
	if !ok {
		text = sync.OnceValues(func() ([][]int32, error) {
			if width < 0 {
				return w.write(id, tokens)
			}
			return w.write(id, tokens, w.mark(width, name))
		})
		w.texts[fmt.Sprint(id, tokens)] = text
	}
	w.mu.Unlock()
	return text()
}

// mixture returns training text of the given number of tokens, of which a share is marked. Its documents
// are in random order.
func (w *world) mixture(share float64, tokens, width int, key, label string) ([][]int32, error) {
	docs := (tokens + w.Document - 1) / w.Document
	marked := int(math.Round(share * float64(docs)))
	clean, err := w.shared(-1, "unmarked", w.NgramTrain)
	if err != nil {
		return nil, err
	}
	mix := slices.Clone(clean[:docs-marked])
	if marked > 0 {
		text, err := w.shared(width, key, marked*w.Document)
		if err != nil {
			return nil, err
		}
		mix = append(mix, text...)
	}
	random("mixture", label).Shuffle(len(mix), func(i, j int) { mix[i], mix[j] = mix[j], mix[i] })
	return mix, nil
}

// take returns the first documents with about the given number of tokens.
func take(docs [][]int32, tokens int) [][]int32 {
	n := 0
	for i, d := range docs {
		if n >= tokens {
			return docs[:i]
		}
		n += len(d)
	}
	return docs
}

// length returns the number of tokens.
func length(docs [][]int32) (n int) {
	for _, d := range docs {
		n += len(d)
	}
	return n
}
