package tokenize

// A Span is the place of an id in a text: the bytes from Start up to but not including End.
type Span struct{ Start, End int }

// AppendSpans is like [BPE.Append] and also appends the span of each id. ids and spans grow by the same
// number.
//
// In general the spans cover the text without gaps or overlaps, and the bytes of a span are those of its
// token. A span may end inside a character. There are three exceptions:
//
//   - A tokenizer that changes texts first, as Qwen's does to NFC: each id of a sequence of characters that
//     changed has the span of the whole sequence.
//   - A tokenizer that puts a space before a text, as Llama 2's does: the span of that space is empty.
//   - A tokenizer without tokens for all bytes: bytes of [BPE.Lacks] are in no span.
//
// AppendSpans allocates a table of eight bytes for each byte of a text that the tokenizer changes.
func (e *BPE) AppendSpans(ids []int32, spans []Span, text []byte) ([]int32, []Span) {
	var m merger
	var align alignment
	e.added.each(e, text, false, &align, func(c chunk) {
		if c.id >= 0 {
			ids = append(ids, c.id)
			spans = append(spans, Span{c.from, c.to})
			return
		}
		at := 0 // in c.text
		e.eachPiece(c.text, func(piece []byte) {
			first := len(ids)
			ids = e.appendPiece(ids, piece, &m)
			start := at
			for _, id := range ids[first:] {
				n := len(e.vocab.token(id))
				for n < len(piece) && e.lacks != nil && e.lacks[c.text[start]] {
					start++
				}
				spans = append(spans, Span{c.base + align.start(c.at+start), c.base + align.end(c.at+start+n)})
				start += n
			}
			at += len(piece)
		})
	})
	return ids, spans
}
