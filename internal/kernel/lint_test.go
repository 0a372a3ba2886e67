package kernel

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	vectorRegister = regexp.MustCompile(`\b[XYZ][0-9]+\b`)
	highRegister   = regexp.MustCompile(`\b[XY](1[6-9]|2[0-9]|3[01])\b|\bZ[0-9]+\b|\bK[0-7]\b`)
)

// lintAMD64 returns the lines that break the rules of _asm/main.go. avx512 allows the registers of AVX-512.
func lintAMD64(source string, avx512 bool) (faults []string) {
	vectors, previous := false, ""
	for _, line := range strings.Split(source, "\n") {
		line, _, _ = strings.Cut(line, "//")
		line = strings.TrimSpace(line)
		mnemonic, operands, _ := strings.Cut(line, " ")
		switch {
		case line == "" || strings.HasPrefix(line, "#") || strings.HasSuffix(line, ":"),
			mnemonic == "DATA" || mnemonic == "GLOBL":
			continue
		case mnemonic == "TEXT":
			vectors, previous = false, ""
			continue
		case !avx512 && highRegister.MatchString(operands):
			faults = append(faults, "a register of AVX-512: "+line)
		case vectorRegister.MatchString(operands) && !strings.HasPrefix(mnemonic, "V"):
			faults = append(faults, "a legacy SSE instruction: "+line)
		case mnemonic == "RET" && vectors && previous != "VZEROUPPER":
			faults = append(faults, "RET without VZEROUPPER, after "+previous)
		}
		vectors = vectors || vectorRegister.MatchString(operands)
		previous = mnemonic
	}
	return faults
}

func TestAssemblyObeysTheRules(t *testing.T) {
	files, err := filepath.Glob("*_amd64.s")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Empty(t, lintAMD64(string(source), strings.HasSuffix(file, "512_amd64.s")))
		})
	}
}

func TestLintFindsFaults(t *testing.T) {
	const good = `TEXT ·f(SB), NOSPLIT, $0-8
	MOVQ x+0(FP), AX
	VPXOR X0, X0, X15 // MOVQ X1
	VZEROUPPER
	RET
`
	assert.Empty(t, lintAMD64(good, false))
	for _, c := range []struct{ name, old, new, fault string }{
		{"high register", "VPXOR X0, X0, X15", "VPXOR X0, X0, X16", "a register of AVX-512"},
		{"512-bit register", "VPXOR X0, X0, X15", "VPXORD Z0, Z0, Z1", "a register of AVX-512"},
		{"SSE instruction", "VPXOR X0, X0, X15", "PXOR X0, X1", "a legacy SSE instruction"},
		{"SSE move", "VPXOR X0", "MOVQ AX, X1\n\tVPXOR X0", "a legacy SSE instruction"},
		{"no VZEROUPPER", "\tVZEROUPPER\n", "", "RET without VZEROUPPER"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := strings.Replace(good, c.old, c.new, 1)
			faults := lintAMD64(bad, false)
			require.Len(t, faults, 1)
			assert.Contains(t, faults[0], c.fault)
			if faults = lintAMD64(bad, true); strings.Contains(c.fault, "AVX-512") {
				assert.Empty(t, faults)
			} else {
				assert.Len(t, faults, 1)
			}
		})
	}
}
