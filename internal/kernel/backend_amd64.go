//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

// detect returns the backends of this CPU besides Generic, the fastest last.
func detect() []Backend {
	const f16c, vaes, intel = 1 << 29, 1 << 9, 0x6c65746e // the end of "GenuineIntel"
	if !cpu.X86.HasAVX2 || !cpu.X86.HasAES || cpuidECX(1)&f16c == 0 {
		return nil
	}
	backends := []Backend{AESNI}
	if cpuidECX(7)&vaes != 0 { // HasAVX2 says that the system saves the 256-bit registers
		backends = append(backends, VAES)
		// HasAVX512F says that the system saves the 512-bit registers. Only Intel was measured.
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpuidECX(0) == intel {
			backends = append(backends, AVX512)
		}
	}
	return backends
}

func subWord(w uint32) uint32 { return subWordAESNI(w) }
