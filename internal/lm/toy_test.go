package lm

import (
	"bytes"
	"errors"
)

// toy is a tokenizer of bytes. A blank line is the token 256. Id 257 is special. Id 258 has the text of
// another id, so that no text gives it.
type toy struct{ digest string }

func (toy) Name() string     { return "toy" }
func (t toy) Digest() string { return "toy:" + t.digest }
func (toy) Vocab() int       { return 259 }

func (toy) Append(dst []int32, text []byte) []int32 {
	for len(text) > 0 {
		if bytes.HasPrefix(text, []byte("\n\n")) {
			dst, text = append(dst, 256), text[2:]
			continue
		}
		dst, text = append(dst, int32(text[0])), text[1:]
	}
	return dst
}

func (toy) Decode(dst []byte, ids []int32) ([]byte, error) {
	for _, id := range ids {
		switch {
		case 0 <= id && id < 256:
			dst = append(dst, byte(id))
		case id == 256:
			dst = append(dst, "\n\n"...)
		case id == 258:
			dst = append(dst, 'a')
		default:
			return dst, errors.New("toy: unknown id")
		}
	}
	return dst, nil
}
