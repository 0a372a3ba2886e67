package provenance

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/watermark"
	"github.com/isotope-wm/isotope/watermark/secretaccess"
)

// MaxMessage is the longest message of a [Root] in bytes. It is the limit of the key services of
// clouds.
const MaxMessage = 4096

// A Root is a secret key of 32 bytes from which other keys derive. The secret may stay in a file, a
// key service or a hardware module.
type Root interface {
	// MAC returns HMAC-SHA-256 of a message of at most MaxMessage bytes under the secret. It is
	// safe for concurrent use. It returns an error if the secret cannot be reached.
	MAC(ctx context.Context, message []byte) ([32]byte, error)
}

// version begins the message of every derivation.
const version = "isotope/1"

// prefixText begins the text form of a key.
const prefixText = "isotope-secret-key-1:"

// Derive returns the key that derives from a root along a path of labels, as
// [watermark.Key.Derive] does for a key in memory. It is HKDF-Expand of RFC 5869, which is one
// HMAC for 32 bytes. It returns an error if the labels have more than some 4,000 bytes.
func Derive(ctx context.Context, r Root, labels ...string) (watermark.Key, error) {
	message := []byte(version + "\x00derive\x00")
	for _, label := range labels {
		message = binary.LittleEndian.AppendUint32(message, uint32(len(label)))
		message = append(message, label...)
	}
	leaf, err := call(ctx, r, append(message, 1))
	if err != nil {
		return watermark.Key{}, err
	}
	text := prefixText + hex.EncodeToString(leaf[:])
	secret.Use(text)
	return watermark.ParseKey(text)
}

// RootID returns the public id of a root, as [watermark.Key.ID] does for a key in memory.
func RootID(ctx context.Context, r Root) (string, error) {
	id, err := call(ctx, r, []byte(version+"\x00id\x01"))
	return hex.EncodeToString(id[:8]), err
}

func call(ctx context.Context, r Root, message []byte) ([32]byte, error) {
	if len(message) > MaxMessage {
		return [32]byte{}, fmt.Errorf("provenance: the labels of a key have more than %d bytes; shorten them", MaxMessage)
	}
	return r.MAC(ctx, message)
}

// KeyRoot returns a root whose secret is a key in memory, such as that of a key file. It returns an
// error for the zero key.
func KeyRoot(k watermark.Key) (Root, error) {
	if k.IsZero() {
		return nil, errors.New("provenance: a root needs a key, and this is the zero key")
	}
	return keyRoot{k}, nil
}

// OpenKeyFile returns a root whose secret is in a key file. A file that is encrypted with age is
// decrypted if the program can, as command isotope does.
func OpenKeyFile(path string) (Root, error) {
	k, err := watermark.ReadKeyFile(path)
	if err != nil {
		return nil, err
	}
	return KeyRoot(k)
}

type keyRoot struct{ key watermark.Key }

func (r keyRoot) MAC(_ context.Context, message []byte) ([32]byte, error) {
	return mac(r.key, message), nil
}

// mac returns HMAC-SHA-256 under a key.
func mac(k watermark.Key, message []byte) (out [32]byte) {
	leaf := leafOf(k)
	h := hmac.New(sha256.New, leaf)
	h.Write(message)
	h.Sum(out[:0])
	clear(leaf)
	return out
}

// leafOf returns the 32 secret bytes of a key.
func leafOf(k watermark.Key) []byte {
	leaf, err := hex.DecodeString(k.Secret(secretaccess.Allow())[len(prefixText):])
	if err != nil {
		panic("provenance: a key has another text form") // unreachable: package watermark wrote it
	}
	return leaf
}
