package prf

import (
	"crypto/aes"
	"encoding/binary"
	"fmt"

	"github.com/isotope-wm/isotope/internal/kernel"
)

const (
	// MaxWidth is the largest context width.
	MaxWidth = 16
	// MaxVocab is the number of ids that a token can have. The next id means absent.
	MaxVocab = absent

	absent     = 1<<24 - 1
	slotTokens = 4 // contexts up to this width fit a nonce unchanged
	nonceSize  = 12
)

// A Nonce is a context as the keyed function reads it. For widths up to 4 it is a
// bijection of the context.
type Nonce = kernel.Nonce

// A Function is the keyed function under one key, for contexts of one width. It is immutable and
// safe for concurrent use if each caller brings its own [Scratch]. A closure holds the round keys,
// so that reflection does not reach them.
type Function struct {
	width int
	keyed func() *keyed
}

type keyed struct {
	keys *kernel.Keys
	mac  *cmac // nil if contexts fit the nonce
}

// New returns the function of a purpose. width is the number of context tokens, in
// [0, [MaxWidth]]. lane is the number of bits that a token owns, 0 for a purpose without lanes.
func New(leaf *[LeafSize]byte, purpose string, width, lane int, group uint32) (*Function, error) {
	key := subkey(leaf, purpose, width, lane, group)
	context := subkey(leaf, PurposeContext, width, 0, group)
	return newFunction(key, context, width)
}

// publicKey is K_pub.
const publicKey = "isotope/1 dedup\x00"

// Public returns the function whose blocks are dedup tags, for contexts of width tokens.
func Public(width int) (*Function, error) {
	return Tags([16]byte([]byte(publicKey)), width)
}

// Tags returns the function whose blocks order a sample under a run key, for contexts of width
// tokens.
func Tags(key [16]byte, width int) (*Function, error) {
	return newFunction(key[:], key[:], width)
}

func newFunction(key, context []byte, width int) (*Function, error) {
	if width < 0 || width > MaxWidth {
		return nil, fmt.Errorf("prf: context width %d is outside 0 to %d", width, MaxWidth)
	}
	k := &keyed{keys: kernel.NewKeys((*[16]byte)(key))}
	if width > slotTokens {
		wide, err := aes.NewCipher(context)
		if err != nil {
			return nil, fmt.Errorf("prf: %w", err)
		}
		k.mac = newCMAC(wide)
	}
	return &Function{width: width, keyed: func() *keyed { return k }}, nil
}

// Scratch is the working memory of one caller. The zero value is ready for use. Without it every
// call would allocate, because arguments of the interfaces of crypto/cipher escape from the stack.
type Scratch struct {
	in    [16]byte // nonce || BE32(counter)
	out   [16]byte
	msg   [3 * MaxWidth]byte
	loops kernel.Scratch
}

// Nonce returns the nonce of the context that SetContext set last.
func (s *Scratch) Nonce() Nonce { return Nonce(s.in[:nonceSize]) }

// SetContext makes the last width tokens of context the current context.
func (f *Function) SetContext(s *Scratch, context []int32) {
	mac := f.keyed().mac
	if mac == nil {
		for i := range slotTokens {
			t := uint32(absent)
			if i < f.width {
				t = tokenAt(context, i)
			}
			put24(s.in[3*(slotTokens-1-i):], t)
		}
		return
	}
	for i := range f.width {
		put24(s.msg[3*(f.width-1-i):], tokenAt(context, i))
	}
	mac.sum(&s.out, s.msg[:3*f.width])
	copy(s.in[:nonceSize], s.out[:])
}

// Block returns block j of the current context. It is valid until the next call with s.
func (f *Function) Block(s *Scratch, j uint32) *[16]byte {
	binary.BigEndian.PutUint32(s.in[nonceSize:], j)
	f.keyed().keys.Block(&s.out, &s.in)
	return &s.out
}

// Stream returns the first n bytes, rounded up to whole blocks, of the current context's keystream.
// They are valid until the next call with s.
func (f *Function) Stream(s *Scratch, n int) []byte {
	nonce := s.Nonce()
	return f.keyed().keys.Stream(&s.loops, &nonce, n)
}

// Process marks a row in place with the current context's keystream. See [kernel.Table.Process].
func (f *Function) Process(s *Scratch, t *kernel.Table, row []float32) {
	nonce := s.Nonce()
	t.Process(&s.loops, f.keyed().keys, &nonce, row)
}

// ProcessHalf is Process for a row in half precision. See [kernel.Table.ProcessHalf].
func (f *Function) ProcessHalf(
	s *Scratch, t *kernel.Table, format kernel.Format, dst []float32, src []uint16,
) {
	nonce := s.Nonce()
	t.ProcessHalf(&s.loops, f.keyed().keys, &nonce, format, dst, src)
}

// Widen writes a row in half precision to dst as float32, unmarked.
func Widen(s *Scratch, format kernel.Format, dst []float32, src []uint16) {
	kernel.Widen(&s.loops, format, dst, src)
}

// Mask writes the decisions of n tokens in the current context as a bitmap. See
// [kernel.Table.Mask].
func (f *Function) Mask(s *Scratch, t *kernel.Table, dst []uint64, n int) {
	nonce := s.Nonce()
	t.ProcessMask(&s.loops, f.keyed().keys, &nonce, dst, n)
}

// An Input is a pair as the keyed function reads it: the nonce of its context, then the token in
// big-endian order. Its block under the public key is the dedup tag. For widths up to [MaxPacked]
// it is a bijection of the pair, and the same under every key.
type Input = kernel.Input

// MaxPacked is the largest width whose contexts fit a nonce unchanged.
const MaxPacked = kernel.MaxPacked

// PackOne writes the input of a pair for a width up to [MaxPacked]. The last width ids of context
// count.
func PackOne(dst *Input, context []int32, token int32, width int) {
	kernel.PackOne(dst, context, token, width)
}

// Input writes the input of a pair.
func (f *Function) Input(s *Scratch, dst *Input, context []int32, token int32) {
	f.SetContext(s, context)
	copy(dst[:], s.in[:nonceSize])
	binary.BigEndian.PutUint32(dst[nonceSize:], uint32(token))
}

// Inputs sets dst[i] to the input of tokens[from+i] after the tokens before it.
func (f *Function) Inputs(s *Scratch, dst []Input, tokens []int32, from int) {
	if f.width <= MaxPacked {
		kernel.Pack(dst, tokens, from, f.width)
		return
	}
	for i := range dst {
		f.Input(s, &dst[i], tokens[:from+i], tokens[from+i])
	}
}

// Encrypt writes the block of each input. dst may be inputs.
func (f *Function) Encrypt(s *Scratch, dst, inputs []Input) {
	f.keyed().keys.Encrypt(&s.loops, dst, inputs)
}

// Score decides the token of each input by a table. See [kernel.Table.Score]. The width is at most
// [MaxPacked].
func (f *Function) Score(s *Scratch, t *kernel.Table, dst []uint64, inputs []Input) {
	t.Score(&s.loops, dst, f.keyed().keys, inputs)
}

// CountLanes adds to ones[i] the number of inputs that read a 1 in tenant lane i. See
// [kernel.CountLanes].
func (f *Function) CountLanes(s *Scratch, ones *[kernel.MaxLanes]int64, inputs []Input) {
	kernel.CountLanes(&s.loops, f.keyed().keys, ones, inputs)
}

// tokenAt returns the id i places before the last one of context, or absent.
func tokenAt(context []int32, i int) uint32 {
	if i >= len(context) {
		return absent
	}
	return min(uint32(context[len(context)-1-i]), absent) // a negative id becomes a large one
}

func put24(b []byte, v uint32) {
	b[0], b[1], b[2] = byte(v), byte(v>>8), byte(v>>16)
}
