//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

// detect returns the backends of this CPU beside Generic, the fastest last.
func detect() []Backend {
	if !cpu.X86.HasAVX2 || !cpu.X86.HasAES {
		return nil
	}
	backends := []Backend{AESNI}
	const vaes = 1 << 9
	if extendedFeatures()&vaes != 0 { // that the system saves the registers, HasAVX2 says
		backends = append(backends, VAES)
	}
	return backends
}

func subWord(w uint32) uint32 { return subWordAESNI(w) }
