// Package canonical writes JSON that is hashed and compared: plans, journals and reports.
// Package strictjson reads it.
package canonical

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Encode returns v as JSON on one line, without a line end. Structs keep the order of their
// fields and maps are sorted by name, so the same value always gives the same bytes. Signs
// that HTML gives a meaning to stay as they are.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Digest returns the name of a text: "sha256:" and 64 hex digits.
func Digest(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}
