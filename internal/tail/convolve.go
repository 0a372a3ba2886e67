package tail

// convolveTop bounds the memory of a convolution, in values of S.
const convolveTop = 1 << 20

// work returns the number of steps of a convolution of all terms.
func (l *lattice) work() float64 {
	sum := 0.0
	for _, g := range l.groups {
		sum += float64(float64(g.count) * float64(len(g.atoms)))
	}
	return sum * (float64(l.top) + 1) / 2
}

// convolve estimates the tail by repeated convolution of the tilted laws, for small problems. All
// terms are positive, so it keeps its digits where the integral loses them: in gaps between the
// values of S.
func (p *line) convolve() (e estimate, ok bool) {
	law := make([]float64, p.top+1)
	law[0] = 1
	top, roundings := int64(0), 0.0
	for i := range p.groups {
		g := &p.groups[i]
		last := len(g.atoms) - 1
		tilted, _, _ := g.tilted(p.theta)
		for range g.count {
			top += g.atoms[last].x
			for x := top; x >= 0; x-- {
				sum := 0.0
				for i := range g.atoms {
					y := g.atoms[i].x
					if y > x {
						break
					}
					sum += float64(tilted[i] * law[x-y])
				}
				law[x] = sum
			}
		}
		roundings += float64(float64(g.count) * float64(len(tilted)+2))
	}
	sum := 0.0
	for x := p.top; x >= p.s; x-- {
		sum += float64(law[x] * exp(-float64(p.theta*float64(x-p.s))))
	}
	return estimate{p.exponent + ln(sum), float64(roundings*0x1p-53) + p.loss}, sum > 1e-280
}
