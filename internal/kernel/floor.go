package kernel

// Floor adds c to every entry of x and does nothing else. No pass that marks a row in place can
// be cheaper, so benchmarks divide by its time. It uses AVX2 if the machine has it, whatever
// backend is active.
func Floor(x []float32, c float32) {
	done := floor(x, c)
	for i := done; i < len(x); i++ {
		x[i] += c
	}
}
