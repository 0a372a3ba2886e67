package sequential

// A segmentFinder finds all maximal segments of a stream of scores in linear time. (Ruzzo and Tompa
// 1999, "A linear time algorithm for finding all maximal scoring subsequences".) A segment is
// maximal if its score is above that of every proper part of it, and no longer segment with that
// property contains it. Maximal segments do not overlap.
//
// It keeps the candidates that later scores may still join. Their left sums ascend, and their right
// sums do not. All of them are final as soon as the cumulative sum falls to a new minimum. If
// scores have a negative mean, that happens again and again. So few candidates are open at a time,
// however long the stream is. Only a stream made for the purpose, with ever smaller swings, keeps
// many open.
type segmentFinder struct {
	now  int64 // number of scores taken
	sum  int64 // sum of the scores since the list was last empty
	open []candidate
	emit func(candidate) // receives final segments, in order
}

// A candidate is the scores [from, to). left is the sum before it, and right the sum at its end.
type candidate struct {
	from, to    int64
	left, right int64
	lower       int // index of the last candidate before it with a smaller left, or -1
}

func (c candidate) score() int64 { return c.right - c.left }

// add takes the next score.
func (m *segmentFinder) add(score int64) {
	before := m.sum
	m.sum += score
	m.now++
	if score > 0 {
		m.join(candidate{from: m.now - 1, to: m.now, left: before, right: m.sum})
		return
	}
	if len(m.open) > 0 && m.sum <= m.open[0].left {
		m.flush()
	}
}

// join adds a candidate, and completes the segments that it ends.
func (m *segmentFinder) join(c candidate) {
	// The left of a candidate between c and its lower one is at least c's own. So the chain of
	// lower ones does not skip a candidate that counts.
	j := len(m.open) - 1
	for {
		for j >= 0 && m.open[j].left >= c.left {
			j = m.open[j].lower
		}
		if j < 0 {
			break
		}
		if m.open[j].right >= c.right {
			c.lower = j
			m.open = append(m.open, c)
			return
		}
		// Both with everything between them have a larger score than either.
		c.from, c.left = m.open[j].from, m.open[j].left
		next := m.open[j].lower
		m.open = m.open[:j]
		j = next
	}
	// The candidates before it cannot grow any more.
	m.flush()
	c.right -= c.left
	m.sum -= c.left
	c.left, c.lower = 0, -1
	m.open = append(m.open, c)
}

// flush makes every candidate final.
func (m *segmentFinder) flush() {
	for _, c := range m.open {
		m.emit(c)
	}
	m.open = m.open[:0]
}
