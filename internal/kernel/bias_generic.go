package kernel

// biasGeneric adds delta to the green tokens of row and 0 to the red ones, one float32
// addition each: NaN and infinities stay what they are, and -0 becomes +0. stream
// holds at least [Table.StreamSize] of len(row) bytes.
func (t *Table) biasGeneric(row []float32, stream []byte) {
	whole := len(row) / t.perRow
	switch {
	case t.bias8 != nil:
		for j := range whole {
			add, x := &t.bias8[stream[j^t.flip]], (*[8]float32)(row[8*j:])
			x[0] += add[0]
			x[1] += add[1]
			x[2] += add[2]
			x[3] += add[3]
			x[4] += add[4]
			x[5] += add[5]
			x[6] += add[6]
			x[7] += add[7]
		}
	case t.bias4 != nil:
		for j := range whole {
			add, x := &t.bias4[stream[j^t.flip]], (*[4]float32)(row[4*j:])
			x[0] += add[0]
			x[1] += add[1]
			x[2] += add[2]
			x[3] += add[3]
		}
	case t.bias2 != nil:
		for j := range whole {
			add, x := &t.bias2[stream[j^t.flip]], (*[2]float32)(row[2*j:])
			x[0] += add[0]
			x[1] += add[1]
		}
	default:
		for j := range whole {
			row[j] += t.bias1[stream[j^t.flip]][0]
		}
	}
	if rest := row[whole*t.perRow:]; len(rest) > 0 {
		add := t.biases(stream[whole^t.flip])
		for i := range rest {
			rest[i] += add[i]
		}
	}
}
