package kernel

const (
	// chunkBytes of keystream are made at once: they stay in the L1 cache until they
	// have become decisions, and so do those.
	chunkBytes = 4096
	// chunkTokens are decided at once at most.
	chunkTokens = 8192
	// groupSize is how many bytes of keystream the loops decide at once.
	groupSize = 128
)

// Scratch is the working memory of one caller. The zero value is ready for use.
type Scratch struct {
	in, out [BlockSize]byte // what goes through crypto/cipher escapes, and lives here
	buf     []byte          // a whole keystream
	stream  [chunkBytes]byte
	mask    [chunkTokens / 8]byte
	blocks  [laneChunk]Input
}

// A Nonce is a context as the keyed function reads it.
type Nonce = [12]byte
