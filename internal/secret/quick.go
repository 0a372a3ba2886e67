package secret

// A glance looks at a view once and finds what every secret in it has: the beginning of a prefix, as it
// is or in base64, or a long run of hex digits. It is many times as fast as the search, and most views
// do not have such a thing.
//
// It may be wrong in one direction alone: where it finds nothing, the search finds nothing.
type glance struct {
	digits bool // look for the digits of remembered keys too
}

// may reports whether the search might find something in a view.
func (g glance) may(view []byte) bool {
	var (
		last uint64 // the last 8 bytes, with the bit of lower case set
		bits uint64 // of the last digits of base64
		run  int    // digits of base64 in a row
		hex  int    // hex digits in a row
	)
	for _, b := range view {
		last = last<<8 | uint64(b|0x20)
		if last == beginKey || last == beginEngine || last == beginAge {
			return true
		}
		d := base64Digits[b]
		if d < 0 {
			run, hex = 0, 0
			continue
		}
		if hexDigits[b] < 0 {
			hex = 0
		} else if hex++; hex >= 2*len(keyPrefix) {
			return true
		}
		// Codes begin at any digit, so a decoded byte begins at any even bit.
		bits = bits<<6 | uint64(d)
		if (bits>>16)&0xd7 == 'A' && begins(bits) || (bits>>18)&0xd7 == 'A' && begins(bits>>2) || (bits>>20)&0xd7 == 'A' && begins(bits>>4) {
			return true // the letters "a" and "i" differ in one bit, and those of lower case in another
		}
		if run++; g.digits && run >= 24 && run%16 == 0 && (hexBytes(bits) || hexBytes(bits>>2) || hexBytes(bits>>4) || hexBytes(bits>>6)) {
			return true
		}
	}
	return false
}

// The first 8 bytes of prefixes, with the bit of lower case set.
var beginKey, beginEngine, beginAge = first8(keyPrefix), first8(enginePrefix), first8(agePrefix)

func first8(prefix string) (v uint64) {
	for _, b := range []byte(prefix[:8]) {
		v = v<<8 | uint64(b|0x20)
	}
	return v
}

// begins reports whether the last 3 decoded bytes may begin a prefix. The search leaves out NULs between
// letters, as UTF-16 has them.
func begins(bits uint64) bool {
	first, second, third := byte(bits>>16)|0x20, byte(bits>>8)|0x20, byte(bits)|0x20
	for _, prefix := range [...]string{keyPrefix, enginePrefix, agePrefix} {
		if first == prefix[0] && (second == prefix[1] && (third == prefix[2] || third == 0x20) || second == 0x20 && (third == prefix[1] || third == 0x20)) {
			return true // a NUL with the bit of lower case is 0x20
		}
	}
	return false
}

// hexBytes reports whether the last 7 decoded bytes are hex digits or NULs.
func hexBytes(bits uint64) bool {
	for range 7 {
		if b := byte(bits); b != 0 && hexDigits[b] < 0 {
			return false
		}
		bits >>= 8
	}
	return true
}
