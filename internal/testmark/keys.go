package testmark

import (
	"fmt"
	"strings"

	"github.com/isotope-wm/isotope/watermark"
)

// SecretPrefix begins the text form of every key.
const SecretPrefix = "isotope-secret-key-1:"

// Secret is the text form of the key whose 32 bytes are 0, 1, ..., 31.
const Secret = SecretPrefix + "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

// SecretKey returns the key of [Secret].
func SecretKey() watermark.Key { return parse(Secret) }

// Key returns the key whose 32 bytes are the number n in big-endian order.
func Key(n uint64) watermark.Key { return HexKey(fmt.Sprintf("%064x", n)) }

// RepeatKey returns the key whose 32 bytes are all b.
func RepeatKey(b byte) watermark.Key { return HexKey(strings.Repeat(fmt.Sprintf("%02x", b), 32)) }

// HexKey returns the key whose bytes are the 64 lower-case hex digits of leaf. It panics if
// they are not.
func HexKey(leaf string) watermark.Key { return parse(SecretPrefix + leaf) }

func parse(secret string) watermark.Key {
	k, err := watermark.ParseKey(secret)
	if err != nil {
		panic("testmark: want 64 lower-case hex digits")
	}
	return k
}
