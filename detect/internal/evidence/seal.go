package evidence

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Seal appends the checksum of dst[from:], which begins with a tag.
func Seal(dst []byte, from int) []byte {
	sum := sha256.Sum256(dst[from:])
	return append(dst, sum[:]...)
}

// Open returns the bytes between the tag and the checksum.
func Open(data []byte, tag string) ([]byte, error) {
	rest, ok := bytes.CutPrefix(data, []byte(tag))
	if !ok || len(rest) < sha256.Size {
		return nil, fmt.Errorf("it does not begin with %q", tag)
	}
	body := data[:len(data)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], data[len(body):]) {
		return nil, errors.New("the checksum is wrong")
	}
	return rest[:len(rest)-sha256.Size], nil
}
