package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

const (
	codecNone = iota
	codecSnappy
	codecGzip
	codecLZO
	codecBrotli
	codecLZ4
	codecZstd
	codecLZ4Raw
)

// expand decompresses src into memory of exactly the size that the page says, and never
// more. It returns an error where the page expands to another size.
func (c *columnReader) expand(src []byte, size int) ([]byte, error) {
	wrong := func(err error) error {
		if err != nil {
			return damaged("a page cannot be decompressed (%v)", err)
		}
		return damaged("a page does not have the size that it says")
	}
	if cap(c.page) < size {
		c.page = make([]byte, size)
	}
	dst := c.page[:size]
	switch c.chunk.codec {
	case codecNone:
		if len(src) != size {
			return nil, wrong(nil)
		}
		return src, nil
	case codecSnappy:
		if n, err := snappy.DecodedLen(src); err != nil || n != size {
			return nil, wrong(err)
		}
		out, err := snappy.Decode(dst, src)
		if err != nil {
			return nil, wrong(err)
		}
		return out, nil
	case codecZstd:
		if c.zstd == nil {
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(c.file.limits.Page)+1))
			if err != nil {
				return nil, err
			}
			c.zstd = d
		}
		out, err := c.zstd.DecodeAll(src, dst[:0])
		if err != nil || len(out) != size {
			return nil, wrong(err)
		}
		return out, nil
	case codecLZ4Raw:
		if !lz4(dst, src) {
			return nil, wrong(nil)
		}
		return dst, nil
	case codecGzip, codecBrotli:
		var in io.Reader = brotli.NewReader(bytes.NewReader(src))
		if c.chunk.codec == codecGzip {
			z, err := gzip.NewReader(bytes.NewReader(src))
			if err != nil {
				return nil, wrong(err)
			}
			in = z
		}
		if _, err := io.ReadFull(in, dst); err != nil {
			return nil, wrong(err)
		}
		var one [1]byte
		if n, err := io.ReadFull(in, one[:]); n > 0 || err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, wrong(err)
		}
		return dst, nil
	}
	name := map[int32]string{codecLZO: "LZO", codecLZ4: "LZ4 of the old kind"}[c.chunk.codec]
	if name == "" {
		name = fmt.Sprintf("codec %d", c.chunk.codec)
	}
	return nil, fmt.Errorf("%w: compression by %s", ErrUnsupported, name)
}

// lz4 decompresses a block of LZ4 that has exactly the size of dst.
func lz4(dst, src []byte) bool {
	at := 0
	length := func(n int) (int, bool) {
		if n != 15 {
			return n, true
		}
		for {
			if len(src) == 0 {
				return 0, false
			}
			c := src[0]
			src = src[1:]
			n += int(c)
			if n > len(dst) {
				return 0, false
			}
			if c != 255 {
				return n, true
			}
		}
	}
	for len(src) > 0 {
		token := src[0]
		src = src[1:]
		n, ok := length(int(token >> 4))
		if !ok || n > len(src) || n > len(dst)-at {
			return false
		}
		at += copy(dst[at:], src[:n])
		src = src[n:]
		if len(src) == 0 {
			break // the last sequence has literals alone
		}
		if len(src) < 2 {
			return false
		}
		offset := int(src[0]) | int(src[1])<<8
		src = src[2:]
		n, ok = length(int(token & 15))
		if !ok || offset == 0 || offset > at || n+4 > len(dst)-at {
			return false
		}
		for range n + 4 { // the two may overlap
			dst[at] = dst[at-offset]
			at++
		}
	}
	return at == len(dst)
}
