package lm

// A discount is what is taken from a count of 1, of 2, and of 3 or more, to pay for
// what was not seen.
type discount [3]float64

func (d *discount) of(count uint32) float64 { return d[min(count, 3)-1] }

// estimate derives the discounts from n[j], the number of n-grams with count j+1:
//
//	Y = n1/(n1 + 2 n2),  Dj = j - (j+1) Y n(j+1)/nj
//
// (Chen & Goodman 1999, equation 26). A corpus of a few thousand tokens may have none
// of some count, or a ragged tail that makes a discount negative or larger than the
// count. Then one discount serves all counts, D = Y (Ney, Essen & Kneser 1994), and
// when even that is undefined, 1/2. Every discount is positive, so that every context
// leaves something to the shorter one and no usable id ends with probability 0.
func estimate(n [4]int64) discount {
	if n[0] == 0 || n[1] == 0 {
		return discount{0.5, 0.5, 0.5}
	}
	y := float64(n[0]) / float64(n[0]+2*n[1])
	single := discount{y, y, y}
	if n[2] == 0 || n[3] == 0 {
		return single
	}
	var d discount
	for j := range d {
		c := float64(j + 1)
		// Division last but one: no product feeds a sum, so nothing can be fused.
		d[j] = c - (c+1)*y*float64(n[j+1])/float64(n[j])
		if !(d[j] > 0 && d[j] <= c) {
			return single
		}
	}
	return d
}
