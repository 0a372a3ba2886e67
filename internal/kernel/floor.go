package kernel

// Floor adds c to every entry of x and does nothing else: what any pass that marks a row
// in place costs at least. Benchmarks divide by it. It uses AVX2 where the machine has it,
// whatever backend is active.
func Floor(x []float32, c float32) {
	done := floor(x, c)
	for i := done; i < len(x); i++ {
		x[i] += c
	}
}
