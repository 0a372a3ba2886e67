package kernel

import "encoding/binary"

// An Input is a pair as its dedup tag reads it: the nonce of the context, then the token in
// big-endian order. For contexts that fit a nonce it is the pair itself.
type Input = [BlockSize]byte

// MaxPacked is the width of the largest context that an [Input] holds as it is.
const MaxPacked = 4

// absent24 is the id of a token that is absent.
const absent24 = 1<<24 - 1

// Pack sets dst[i] to the input of tokens[from+i] after the width tokens before it. width is in
// [0, [MaxPacked]]. In a context, places before the first token are absent, and so are ids
// outside [0, 2^24-1).
func Pack(dst []Input, tokens []int32, from, width int) {
	if active != Generic {
		if head := min(max(MaxPacked-from, 0), len(dst)); head < len(dst) {
			packGeneric(dst[:head], tokens, from, width)
			_ = tokens[from+len(dst)-1]
			packPlaces(&dst[head], &tokens[from+head], len(dst)-head, &absentSlots[width])
			return
		}
	}
	packGeneric(dst, tokens, from, width)
}

// PackOne sets dst to the input of one pair. The last width ids of context count.
func PackOne(dst *Input, context []int32, token int32, width int) {
	for i := range MaxPacked {
		t := uint32(absent24)
		if i < width && i < len(context) {
			t = min(uint32(context[len(context)-1-i]), absent24) // a negative id becomes a large one
		}
		slot := dst[3*(MaxPacked-1-i):]
		slot[0], slot[1], slot[2] = byte(t), byte(t>>8), byte(t>>16)
	}
	binary.BigEndian.PutUint32(dst[12:], uint32(token))
}

// absentSlots has, for each width, FF in the slots of a nonce that hold no context.
var absentSlots = func() (slots [MaxPacked + 1]Input) {
	for width := range slots {
		for i := range 3 * (MaxPacked - width) {
			slots[width][i] = 0xff
		}
	}
	return slots
}()
