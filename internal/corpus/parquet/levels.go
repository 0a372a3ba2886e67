package parquet

import "math/bits"

// A hybrid reads numbers in the RLE and bit-packed encoding, one at a time.
type hybrid struct {
	b      []byte
	width  uint // bits of a number
	run    int  // how often value comes again
	value  uint32
	packed int // numbers left of a bit-packed run
	bits   uint64
	have   uint
}

func newHybrid(b []byte, width uint) hybrid { return hybrid{b: b, width: width} }

// next returns the next number. After the last it returns false.
func (h *hybrid) next() (uint32, bool) {
	if h.width == 0 {
		return 0, true // numbers without bits take no bytes
	}
	for {
		if h.run > 0 {
			h.run--
			return h.value, true
		}
		if h.packed > 0 {
			for h.have < h.width {
				if len(h.b) == 0 {
					return 0, false
				}
				h.bits |= uint64(h.b[0]) << h.have
				h.b = h.b[1:]
				h.have += 8
			}
			v := uint32(h.bits & (1<<h.width - 1))
			h.bits >>= h.width
			h.have -= h.width
			h.packed--
			return v, true
		}
		header, n := uvarint(h.b)
		if n <= 0 {
			return 0, false
		}
		h.b = h.b[n:]
		if header&1 == 1 {
			groups := header >> 1
			if groups == 0 || groups > 1<<27 {
				return 0, false
			}
			h.packed, h.bits, h.have = int(groups)*8, 0, 0
			continue
		}
		count := header >> 1
		size := int(h.width+7) / 8
		if count == 0 || count > 1<<31-1 || len(h.b) < size {
			return 0, false
		}
		h.value = 0
		for i := range size {
			h.value |= uint32(h.b[i]) << (8 * i)
		}
		h.b = h.b[size:]
		h.run = int(count)
	}
}

func uvarint(b []byte) (uint64, int) {
	var x uint64
	for i, c := range b {
		if i == 10 {
			return 0, -1
		}
		x |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return x, i + 1
		}
	}
	return 0, 0
}

func bitWidth(most int) uint { return uint(bits.Len(uint(most))) }

// A delta reads numbers in the encoding DELTA_BINARY_PACKED, one at a time.
type delta struct {
	b      []byte // what comes after the numbers read so far
	block  int    // numbers of a block
	minis  int    // miniblocks of a block
	left   int64  // numbers that are to come
	last   int64
	first  bool
	min    int64
	widths []byte
	mini   int // of the miniblock at hand
	inMini int // numbers left of it
	packed []byte
	bits   uint64
	have   uint
}

// newDelta reads the header.
func newDelta(b []byte) (d delta, ok bool) {
	next := func() uint64 {
		x, n := uvarint(b)
		if n <= 0 {
			ok = false
			return 0
		}
		b = b[n:]
		return x
	}
	ok = true
	block, minis, total := next(), next(), next()
	first := next()
	if !ok || block == 0 || block%128 != 0 || block > 1<<20 || minis == 0 || block%minis != 0 || block/minis%32 != 0 || total > 1<<31 {
		return delta{}, false
	}
	return delta{b: b, block: int(block), minis: int(minis), left: int64(total), last: int64(first>>1) ^ -int64(first&1), first: true}, true
}

// next returns the next number.
func (d *delta) next() (int64, bool) {
	if d.left <= 0 {
		return 0, false
	}
	d.left--
	if d.first {
		d.first = false
		return d.last, true
	}
	if d.inMini == 0 && !d.nextMini() {
		return 0, false
	}
	d.inMini--
	width := uint(d.widths[d.mini-1])
	var x uint64
	if width > 0 {
		x = d.take(width)
	}
	d.last += d.min + int64(x)
	return d.last, true
}

// take returns the next number of the miniblock, whose bytes are known to be there.
func (d *delta) take(width uint) uint64 {
	var x uint64
	for got := uint(0); got < width; {
		if d.have == 0 {
			d.bits = uint64(d.packed[0])
			d.packed = d.packed[1:]
			d.have = 8
		}
		n := min(d.have, width-got)
		x |= d.bits & (1<<n - 1) << got
		d.bits >>= n
		d.have -= n
		got += n
	}
	return x
}

// nextMini goes to the next miniblock, and to the next block after the last of one.
func (d *delta) nextMini() bool {
	if d.widths == nil || d.mini == d.minis {
		m, n := uvarint(d.b)
		if n <= 0 || len(d.b)-n < d.minis {
			return false
		}
		d.min = int64(m>>1) ^ -int64(m&1)
		d.widths = d.b[n : n+d.minis]
		d.b = d.b[n+d.minis:]
		d.mini = 0
	}
	width := int(d.widths[d.mini])
	d.mini++
	d.inMini = d.block / d.minis
	size := d.inMini * width / 8
	if width > 64 || len(d.b) < size {
		return false
	}
	d.packed, d.bits, d.have = d.b[:size], 0, 0
	d.b = d.b[size:]
	return true
}

// after returns what comes after all numbers.
func (d delta) after() ([]byte, bool) {
	if d.left > 0 && d.first {
		d.left--
		d.first = false
	}
	for d.left > 0 {
		if d.inMini == 0 && !d.nextMini() {
			return nil, false
		}
		n := min(int64(d.inMini), d.left)
		d.left -= n
		d.inMini -= int(n)
	}
	return d.b, true
}
