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

// The mark of the teacher. Its width varies.
const (
	gamma = 0.5
	delta = 2.0
)

// A scale says how much of everything there is. It is part of every arm's digest.
type scale struct {
	Name         string
	Vocab        int // ids
	TeacherOrder int // n-gram length of the teacher
	StudentOrder int // and of the n-gram student
	Document     int // tokens of a text that teacher or student writes

	NgramTrain int // tokens an n-gram student is trained on
	NgramScore int // tokens it writes to be scored

	Pretrain       int // tokens of human text the neural student begins with
	PretrainEpochs int
	FineTune       int // tokens of teacher text that follow
	Epochs         int
	NeuralScore    int // tokens it writes to be scored
	Again          int // tokens of a second fine-tuning on clean text
	OpenPositions  int // positions of human text in the tests of open weights

	Dummies int // keys that marked nothing

	CleanStudents int // of the null
	CleanTrain    int // tokens each is trained on
	CleanScore    int // tokens each writes

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

// quickScale is for continuous integration.
var quickScale = scale{
	Name: "quick", Vocab: 1024, TeacherOrder: 5, StudentOrder: 4, Document: 256,
	NgramTrain: 120_000, NgramScore: 40_000,
	Pretrain: 100_000, PretrainEpochs: 1, FineTune: 80_000, Epochs: 1,
	NeuralScore: 25_000, Again: 0, OpenPositions: 15_000,
	Dummies:       99,
	CleanStudents: 10, CleanTrain: 30_000, CleanScore: 3_000,
	Tenants: 40, Cohorts: 4,
}

// A world is what all arms share. Everything in it is a function of the scale and of the
// Go distribution; what takes time is made when it is first asked for.
type world struct {
	scale
	corpus     string // where the human text comes from
	files      string // digest of its files
	text       string // SHA-256 of the text itself
	tokens     int
	vocabulary *vocabulary

	// Human text, each document in one of the three.
	human   [][]int32 // the teacher learned from it, and the neural student begins with its head
	unseen  [][]int32 // the tail of human, which no neural student began with
	heldOut [][]int32 // nobody was trained on it

	teacher  *lm.Model
	base     func() *net[float32] // a copy of the neural student before it met the teacher: a net serves one arm at a time
	baseNats float64              // its cross entropy on held-out text, in nats a token; known after base

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

// seed names a stream of random numbers.
func seed(label ...any) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "distill %q", fmt.Sprint(label...)))
}

func random(label ...any) *rand.Rand { return rand.New(rand.NewChaCha8(seed(label...))) }

// root is a fixed and public key: a measurement has nothing to hide.
var root = func() watermark.Key {
	k, err := watermark.ParseKey("isotope-secret-key-1:69736f746f70652f312062656e63686d61726b732f64697374696c6c206b6579")
	if err != nil {
		panic(err)
	}
	return k
}()

// mark returns the teacher's mark of a width under the key of a label.
func (w *world) mark(width int, label ...string) *watermark.Mark {
	return w.markIn(nil, width, label...)
}

func (w *world) markIn(band []watermark.Option, width int, label ...string) *watermark.Mark {
	m, err := watermark.New(root.Derive(label...), watermark.GreenList{Gamma: gamma, Delta: delta, Width: width}, w.Vocab, band...)
	if err != nil {
		panic(err) // the parameters are constants
	}
	return m
}

// dummies returns marks of keys that marked nothing.
func (w *world) dummies(n, width int, label string) []*watermark.Mark {
	marks := make([]*watermark.Mark, n)
	for i := range marks {
		marks[i] = w.mark(width, "dummy", label, strconv.Itoa(i))
	}
	return marks
}

// write returns text of the teacher, in documents that begin without a prompt.
func (w *world) write(label string, tokens int, marks ...*watermark.Mark) ([][]int32, error) {
	return w.teacher.Generate(context.Background(), lm.Job{
		Prompts: make([][]int32, (tokens+w.Document-1)/w.Document), Tokens: w.Document, Marks: marks,
		Sampler: watermark.Sampler{Temperature: 1}, Seed: seed("teacher", label),
	})
}

// shared returns text that several arms use, written once: marked under the key of a name, or
// unmarked when the width is negative. Fewer tokens are the beginning of more.
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

// mixture returns training text of so many tokens, a share of it marked, in random order.
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

// take returns documents from the front, about so many tokens.
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

func length(docs [][]int32) (n int) {
	for _, d := range docs {
		n += len(d)
	}
	return n
}
