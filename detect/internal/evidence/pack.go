package evidence

// IDSize is the length of a packed id in bytes. Ids are below 2^24.
const IDSize = 3

// Pack appends ids, three bytes each in little-endian order. Equal sequences have equal bytes.
func Pack(dst []byte, ids ...Token) []byte {
	for _, id := range ids {
		dst = append(dst, byte(id), byte(id>>8), byte(id>>16))
	}
	return dst
}

// Unpack returns the ids that Pack wrote.
func Unpack(key string) []Token {
	ids := make([]Token, len(key)/IDSize)
	for i := range ids {
		ids[i] = Token(key[3*i]) | Token(key[3*i+1])<<8 | Token(key[3*i+2])<<16
	}
	return ids
}

// AllBelow reports whether all packed ids are below vocab.
func AllBelow(key string, vocab int) bool {
	for i := 0; i < len(key); i += IDSize {
		if int(key[i])|int(key[i+1])<<8|int(key[i+2])<<16 >= vocab {
			return false
		}
	}
	return true
}
