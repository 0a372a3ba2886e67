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
			if last == 1 {
				convolveTwo(law[:top+1], tilted[0], tilted[1], g.atoms[1].x)
				continue
			}
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

// convolveTwo adds a term with the values 0 and step, of weights no and yes. It is the loop of convolve
// for two atoms, with the same roundings, in half the time. law has more than step elements.
func convolveTwo(law []float64, no, yes float64, step int64) {
	for x := int64(len(law)) - 1; x >= step; x-- {
		law[x] = float64(no*law[x]) + float64(yes*law[x-step])
	}
	for x := range law[:step] {
		law[x] *= no
	}
}
