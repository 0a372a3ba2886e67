package interop

import (
	"encoding/binary"
	"iter"
	"math"
	"math/bits"
	"sync"
	"weak"

	"github.com/isotope-wm/isotope/internal/tail"
	"github.com/isotope-wm/isotope/watermark"
)

// mulShift returns x*w / 2^32, rounded down.
func mulShift(x, w uint64) int64 {
	hi, lo := bits.Mul64(x, w)
	return int64(hi<<32 | lo>>32)
}

func fillVLLM(p *Profile) { setIfZero(&p.Dedup, DedupContext) }

func bindVLLM(p *Profile, k []uint64) (*mark, error) {
	absent := watermark.Token(p.Vocab)
	var m *mark
	if p.Scheme == "vllm-gumbel" {
		f := newVLLMFunction(k[0])
		m = newGumbel(p.Width, func(q watermark.Pair) uniform { return f.uniform(q, absent) })
	} else {
		a, b := vllmHalves(k[0])
		m = newDualGumbel(p.Width, 1-p.Mixing, p.Mixing, func(q watermark.Pair) (uniform, uniform) {
			return a.uniform(q, absent), b.uniform(q, absent)
		})
	}
	m.absent = absent
	return m, nil
}

// sglangMaxContexts is how many contexts of a text SGLang marks at most.
const sglangMaxContexts = 4096

func fillSGLang(p *Profile) {
	setIfZero(&p.Dedup, DedupContext)
	setIfZero(&p.MaxContexts, sglangMaxContexts)
}

func bindSGLang(p *Profile, k []uint64) (*mark, error) {
	absent := watermark.Token(p.Vocab)
	key := func(uint32) uint64 { return k[0] }
	if p.Scheme == "sglang-dual-gumbel" {
		if p.Mixing == 0 || p.Mixing == 1 {
			return nil, paramError("mixing", "%v is outside (0,1)", p.Mixing)
		}
		threshold := uint64(p.Mixing * (1 << 32))
		key = func(context uint32) uint64 {
			if sglangFirst(k[0], k[1], context, threshold) {
				return k[0]
			}
			return k[1]
		}
	}
	m := newGumbel(p.Width, func(q watermark.Pair) uniform {
		c := sglangContext(q.Context, absent)
		return sglangUniform(key(c), c, q.Token)
	})
	m.absent = absent
	return m, nil
}

// greenLaw is the law of a green list of exactly this share, with the same bits on every machine.
func (p *Profile) greenLaw(share float64) watermark.Bernoulli {
	odds := tail.Exp(p.Delta)
	return watermark.Bernoulli{P: share, Marked: share * odds / (1 + float64(share*(odds-1)))}
}

// listMark returns a mark of lists that are permutations of torch. seed returns the seed of a pair,
// which depends on its token if own is set.
func (p *Profile) listMark(context int, last, own bool, seed func(watermark.Pair) uint32) (*mark, error) {
	size := int(float64(p.Vocab) * p.Gamma)
	if size < 1 {
		return nil, paramError("gamma", "%v of %d ids is not one id", p.Gamma, p.Vocab)
	}
	green := newList(p.Vocab, size, last)
	m := newMark(context, p.greenLaw(float64(size)/float64(p.Vocab)), func(q watermark.Pair) int64 {
		return one64(green.has(seed(q), p.shifted(q.Token)))
	})
	m.unit = func(dst []byte, q watermark.Pair) []byte { return appendUnit(dst, uint64(seed(q)), q.Token) }
	m.own = own
	return m, nil
}

// shifted returns the id whose place in a list decides about t.
func (p *Profile) shifted(t watermark.Token) watermark.Token {
	if p.Message == 0 {
		return t
	}
	return watermark.Token((int(t) + p.Message) % p.Vocab)
}

func one64(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// appendUnit names an input by its seed and token.
func appendUnit(dst []byte, seed uint64, token watermark.Token) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(dst, seed), uint32(token))
}

// withCandidate returns the tokens of a window that ends with the candidate.
func withCandidate(q watermark.Pair) []watermark.Token {
	return append(append(make([]watermark.Token, 0, watermark.MaxWidth), q.Context...), q.Token)
}

func bindHF(p *Profile, k []uint64) (*mark, error) {
	if p.Scheme == "hf-lefthash" {
		return p.listMark(p.Width, false, false, func(q watermark.Pair) uint32 {
			return uint32(mulSeed(k[0]%seedModulus, uint64(q.Context[len(q.Context)-1])))
		})
	}
	// The table depends on the key.
	table := &hfTable{seed: uint32(k[0])}
	w := &window{name: "anchored_minhash_prf", width: p.Width, own: true, key: k[0], hash: func(x int64) int64 { return tableHash(table.get().ids)(x) }}
	return p.listMark(w.context(), false, true, func(q watermark.Pair) uint32 { return uint32(w.kgwSeed(withCandidate(q))) })
}

// An hfTable is the table of one key, which takes 10 ms and 4 MB. It is let go under pressure of
// memory, because a test of a student binds a thousand keys.
type hfTable struct {
	seed uint32
	mu   sync.Mutex
	kept weak.Pointer[permutation]
}

func (h *hfTable) get() *permutation {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.kept.Value()
	if p == nil {
		p = hfTables.get(h.seed)
		h.kept = weak.Make(p)
	}
	return p
}

// hfTables keeps the tables of a few keys.
var hfTables = permutationCache{size: tableSize, limit: 4}

// fixedHash is the hash of lm-watermarking and sbw by their fixed table.
var fixedHash = sync.OnceValue(func() tokenHash { return tableHash(kgwTable()) })

func bindKGW(p *Profile, k []uint64) (*mark, error) {
	at, err := kgwPreset(p.Preset)
	if err != nil {
		return nil, err
	}
	w := &window{name: at.function, width: at.width, own: at.own, key: k[0], hash: func(x int64) int64 { return fixedHash()(x) }}
	return p.listMark(w.context(), p.Legacy, w.own, func(q watermark.Pair) uint32 { return uint32(w.kgwSeed(w.of(q))) })
}

// of returns the tokens of the window of a pair.
func (w *window) of(q watermark.Pair) []watermark.Token {
	if w.own {
		return withCandidate(q)
	}
	return q.Context
}

func bindSBW(p *Profile, k []uint64) (*mark, error) {
	at, err := sbwPreset(p.Preset)
	if err != nil {
		return nil, err
	}
	w := &window{name: at.function, width: at.width, own: at.own, key: k[0], hash: jenkins}
	if !at.jenkins {
		w.hash = func(x int64) int64 { return fixedHash()(x) }
	}
	if !at.philox {
		return p.listMark(w.context(), false, w.own, func(q watermark.Pair) uint32 { return uint32(w.sbwSeed(w.of(q))) })
	}
	threshold := sbwThreshold(p.Gamma)
	if threshold == 0 || threshold == 1<<31 {
		return nil, paramError("gamma", "%v is too close to 0 or 1", p.Gamma)
	}
	seed := func(q watermark.Pair) uint64 { return uint64(w.value(w.of(q))) }
	m := newMark(w.context(), p.greenLaw(math.Ldexp(float64(threshold), -31)), func(q watermark.Pair) int64 {
		return one64(sbwWord(seed(q), q.Token) < threshold)
	})
	m.unit = func(dst []byte, q watermark.Pair) []byte { return appendUnit(dst, seed(q), q.Token) }
	m.own = w.own
	return m, nil
}

func bindTGI(p *Profile, k []uint64) (*mark, error) {
	if hi, _ := bits.Mul64(k[0], uint64(p.Vocab-1)); hi != 0 {
		return nil, paramError("key", "times an id is above 2^64, which the engine does not accept")
	}
	return p.listMark(1, false, false, func(q watermark.Pair) uint32 { return uint32(k[0] * uint64(q.Context[0])) })
}

func fillThreeBricks(p *Profile) {
	p.pairs()
	setIfZero(&p.Generator, GeneratorTorchCPU)
	setIfZero(&p.Salt, 35317)
	if p.Scheme == "three-bricks-greenlist" {
		setIfZero(&p.Delta, 4)
		p.lists(0.25)
	}
}

func bindThreeBricks(p *Profile, k []uint64) (*mark, error) {
	seed := func(q watermark.Pair) uint32 {
		s := k[0]
		for _, t := range q.Context {
			s = addSeed(mulSeed(s%seedModulus, p.Salt%seedModulus), uint64(t))
		}
		return uint32(s)
	}
	if p.Scheme == "three-bricks-greenlist" {
		return p.listMark(p.Width, false, false, seed)
	}
	m := newGumbel(p.Width, func(q watermark.Pair) uniform {
		n := uint64(1<<24-torchUniform24(seed(q), int(p.shifted(q.Token)))) << 40
		return uniform{atLeast: n, complement: n} // u is a multiple of 2^-24
	})
	m.unit = func(dst []byte, q watermark.Pair) []byte { return appendUnit(dst, uint64(seed(q)), q.Token) }
	return m, nil
}

func bindTextSeal(p *Profile, k []uint64) (*mark, error) {
	var m *mark
	switch p.Scheme {
	case "textseal-greenlist":
		green := textsealGreen(p.Gamma)
		if green == 0 || green == textsealValues {
			return nil, paramError("gamma", "%v is too close to 0 or 1", p.Gamma)
		}
		m = newMark(p.Width, p.greenLaw(float64(green)/textsealValues), func(q watermark.Pair) int64 {
			return one64(textsealHash(k[0], q.Context, q.Token) < green)
		})
	case "textseal-gumbel":
		m = newGumbel(p.Width, func(q watermark.Pair) uniform {
			return textsealUniform(textsealHash(k[0], q.Context, q.Token))
		})
	default:
		m = newDualGumbel(p.Width, p.Mixing, 1-p.Mixing, func(q watermark.Pair) (uniform, uniform) {
			return textsealUniform(textsealHash(k[0], q.Context, q.Token)), textsealUniform(textsealHash(k[1], q.Context, q.Token))
		})
	}
	m.limits = Limits{Floor: textsealFloor, Warnings: []error{ErrTextSealFunction}}
	return m, nil
}

func layers(p *Profile) int { return p.Depth }

func fillSynthID(p *Profile) {
	setIfZero(&p.Dedup, DedupContext)
	setIfZero(&p.Leaves, 2)
	if p.Scheme == "synthid-hf" {
		setIfZero(&p.TableSize, 1<<16)
		setIfZero(&p.Generator, GeneratorTorchCPU)
	}
}

func bindSynthID(p *Profile, k []uint64) (*mark, error) {
	law := watermark.Layers{Depth: p.Depth, Weighted: p.Weighted, Marked: 1 - math.Ldexp(1, -p.Leaves)}
	weights := law.Weights()
	var row synthidBits
	if p.Scheme == "synthid-hf" {
		seed := uint32(p.TableSeed)
		table := sync.OnceValue(func() synthidBits { return synthidTable(k, p.TableSize, seed) })
		row = func(c []watermark.Token, t watermark.Token) uint64 { return table()(c, t) }
	} else {
		row = synthidHash(k)
	}
	score := func(q watermark.Pair) int64 {
		var sum int64
		for b := row(q.Context, q.Token); b != 0; b &= b - 1 {
			sum += weights[bits.TrailingZeros64(b)]
		}
		return sum
	}
	m := newMark(p.Width, law, score)
	if p.Weighted {
		total := int64(0)
		for _, w := range weights {
			total += w
		}
		m.sum = func(pairs iter.Seq[watermark.Pair]) float64 {
			var sum int64
			for q := range pairs {
				sum += score(q)
			}
			return float64(sum) * float64(p.Depth) / float64(total) // weights that sum to the depth
		}
	}
	m.limits = Limits{Floor: hashFloor, Warnings: []error{ErrSynthIDHash}}
	if p.Scheme == "synthid-hf" {
		m.limits = Limits{Floor: tableFloor, Warnings: []error{ErrSynthIDTable}}
	}
	return m, nil
}
