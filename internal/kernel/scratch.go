package kernel

const (
	// BlockSize is the number of bytes of a block of keystream. Streams are whole blocks.
	BlockSize = 16
	// chunkBytes is how many bytes of keystream are made at once. They and their decisions fit
	// the L1 cache.
	chunkBytes = 4096
	// chunkTokens is the largest number of tokens that are decided at once.
	chunkTokens = 8192
	// groupSize is how many bytes of keystream the loops decide at once.
	groupSize = 128
)

// Scratch is the working memory of one caller. The zero value is ready for use. Two goroutines
// must not share one.
type Scratch struct {
	in, out [BlockSize]byte // arguments of crypto/cipher, which would escape from the stack
	buf     []byte          // a whole keystream
	stream  [chunkBytes]byte
	mask    [chunkTokens / 8]byte
	blocks  [laneChunk]Input
}

// A Nonce is a context as the keyed function reads it.
type Nonce = [12]byte
