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

// lintAMD64 returns what is wrong with assembly for AVX2.
func lintAMD64(source string) (faults []string) {
	vectors, previous := false, ""
	for _, line := range strings.Split(source, "\n") {
		line, _, _ = strings.Cut(line, "//")
		line = strings.TrimSpace(line)
		mnemonic, operands, _ := strings.Cut(line, " ")
		switch {
		case line == "" || strings.HasPrefix(line, "#") || strings.HasSuffix(line, ":") || mnemonic == "DATA" || mnemonic == "GLOBL":
			continue
		case mnemonic == "TEXT":
			vectors, previous = false, ""
			continue
		case highRegister.MatchString(operands):
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
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Empty(t, lintAMD64(string(source)), file)
	}
}

func TestLintFindsFaults(t *testing.T) {
	const good = "TEXT ·f(SB), NOSPLIT, $0-8\n\tMOVQ x+0(FP), AX\n\tVPXOR X0, X0, X15 // MOVQ X1\n\tVZEROUPPER\n\tRET\n"
	assert.Empty(t, lintAMD64(good))
	for _, change := range [][2]string{
		{"VPXOR X0, X0, X15", "VPXOR X0, X0, X16"},
		{"VPXOR X0, X0, X15", "VPXORD Z0, Z0, Z1"},
		{"VPXOR X0, X0, X15", "PXOR X0, X1"},
		{"VPXOR X0, X0, X15", "VPXOR X0, X0, X15\n\tMOVQ AX, X1"},
		{"\tVZEROUPPER\n", ""},
	} {
		assert.Len(t, lintAMD64(strings.Replace(good, change[0], change[1], 1)), 1, change[1])
	}
}

// A run that must test a backend says which: a machine without it would pass otherwise.
func TestRequiredBackend(t *testing.T) {
	want := os.Getenv("ISOTOPE_REQUIRE_BACKEND")
	if want == "" {
		t.Skip("ISOTOPE_REQUIRE_BACKEND is not set")
	}
	assert.Equal(t, want, Active().String())
}
