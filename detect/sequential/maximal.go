package sequential

// maximals finds all maximal segments of a stream of scores in linear time (Ruzzo and
// Tompa 1999, "A linear time algorithm for finding all maximal scoring subsequences").
// A segment is maximal when its score is above that of every proper part of it, and no
// longer segment with that property contains it. Maximal segments do not overlap.
//
// What is kept are the candidates that later scores may still join. They have
// ascending left sums and no ascending right sums, and all are final as soon as the
// cumulative sum falls to a new minimum, which scores of negative mean do again and
// again: a few candidates are open at a time, whatever the length of the stream. Only
// a sequence made for it, with ever smaller swings, keeps many.
type maximals struct {
	now  int64 // scores taken
	sum  int64 // of all of them since the list was last empty
	open []candidate
	emit func(candidate) // takes final segments, in order
}

// candidate is the scores [from, to): left is the sum before it, right with it.
type candidate struct {
	from, to    int64
	left, right int64
	lower       int // the last candidate before it with a smaller left, or -1
}

func (c candidate) score() int64 { return c.right - c.left }

// add takes the next score.
func (m *maximals) add(score int64) {
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

// join adds a candidate, and what it completes.
func (m *maximals) join(c candidate) {
	// Candidates between a candidate and its lower one have a left at least as large
	// as its own, so that the chain of lower ones skips none that counts.
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
		// The two and what is between them are better than either.
		c.from, c.left = m.open[j].from, m.open[j].left
		next := m.open[j].lower
		m.open = m.open[:j]
		j = next
	}
	// Nothing before it can grow any more.
	m.flush()
	c.right -= c.left
	m.sum -= c.left
	c.left, c.lower = 0, -1
	m.open = append(m.open, c)
}

// flush makes every candidate final.
func (m *maximals) flush() {
	for _, c := range m.open {
		m.emit(c)
	}
	m.open = m.open[:0]
}
