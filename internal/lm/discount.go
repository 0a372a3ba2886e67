package lm

// A discount holds the amounts to take from a count of 1, of 2, and of 3 or more. Unseen tokens get
// their sum.
type discount [3]float64

func (d *discount) of(count uint32) float64 { return d[min(count, 3)-1] }

// estimate returns the discounts by equation 26 of Chen and Goodman 1999. n[j] is the number of n-grams
// with count j+1.
//
//	Y = n1/(n1 + 2 n2),  Dj = j - (j+1) Y n(j+1)/nj
//
// In a small corpus a count may be missing, or a discount may be negative or larger than its count.
// Then one discount serves all counts: D = Y (Ney, Essen and Kneser 1994), or 1/2 if Y is undefined.
// Every discount is positive. So every context leaves weight to the shorter one, and every usable id
// has a positive probability.
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
		// A division stands between the products and the sum, so nothing can be fused.
		d[j] = c - (c+1)*y*float64(n[j+1])/float64(n[j])
		if !(d[j] > 0 && d[j] <= c) {
			return single
		}
	}
	return d
}
