package student_test

import (
	"crypto/sha256"
)

// sealed appends a checksum, so that fuzzing gets past it.
func sealed(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(append([]byte(nil), body...), sum[:]...)
}
