package tokset

// Counts are the positions of each unit. They take four bytes a unit, which is enough for any text.
// The few units with 2^32 positions or more have the rest in a map.
type counts struct {
	low  pages[uint32]
	high map[int]int64 // multiples of 2^32, at least 1
}

// of returns the count of a unit.
func (c *counts) of(unit int) int64 {
	n := int64(*c.low.at(unit))
	if c.high != nil {
		n += c.high[unit] << 32
	}
	return n
}

// appendTo appends the counts of units [from, to).
func (c *counts) appendTo(dst []int64, from, to int) []int64 {
	at := len(dst)
	for next := from; next < to; {
		run := c.low.run(next, to)
		for _, n := range run {
			dst = append(dst, int64(n))
		}
		next += len(run)
	}
	for unit, high := range c.high {
		if from <= unit && unit < to {
			dst[at+unit-from] += high << 32
		}
	}
	return dst
}

// add adds n positions to a unit.
func (c *counts) add(unit int, n int64) { c.set(unit, c.of(unit)+n) }

// set sets the count of a unit.
func (c *counts) set(unit int, n int64) {
	*c.low.at(unit) = uint32(n)
	if high := n >> 32; high > 0 {
		if c.high == nil {
			c.high = make(map[int]int64)
		}
		c.high[unit] = high
	} else if c.high != nil {
		delete(c.high, unit)
	}
}

// carry is called after the low half of a unit went from 2^32-1 to 0.
func (c *counts) carry(unit int) {
	if c.high == nil {
		c.high = make(map[int]int64)
	}
	c.high[unit]++
}

func (c *counts) reset(units int) {
	c.low.shrink(units)
	c.high = nil
}
