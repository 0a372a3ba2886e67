package watermark_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// needTool returns the path of a program. Without the program it skips the test, or fails it if
// ISOTOPE_REQUIRE_TOOLS is set, as CI does.
func needTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("ISOTOPE_REQUIRE_TOOLS") != "":
		t.Fatalf("%s is not installed, and ISOTOPE_REQUIRE_TOOLS is set", name)
	default:
		t.Skipf("NOT CHECKED AGAINST %s: it is not installed. Install it, or set ISOTOPE_REQUIRE_TOOLS to make this an error.", name)
	}
	return path
}

// TestOpenSSLGivesTheLists checks the claim of docs/spec.md that any crypto library gives the
// lists. OpenSSL's AES-CTR from K_green and nonce || 00000000, cut into lanes, equals Mask.
func TestOpenSSLGivesTheLists(t *testing.T) {
	openssl := needTool(t, "openssl")
	for _, v := range readGreenLists(t) {
		t.Run(v.Name, func(t *testing.T) {
			size := max((v.Vocab+127)*v.W/8+16, len(v.Keystream)/2)
			cmd := exec.Command(openssl, "enc", "-aes-128-ctr", "-K", v.KGreen, "-iv", v.Nonce+"00000000")
			cmd.Stdin = bytes.NewReader(make([]byte, size))
			stream, err := cmd.Output()
			require.NoError(t, err)
			require.Len(t, stream, size)
			assert.Equal(t, v.Keystream, hex.EncodeToString(stream[:len(v.Keystream)/2]))

			want := make([]byte, (v.Vocab+7)/8)
			for token := range v.Vocab {
				bit := (token ^ v.Lane) * v.W
				if lane := int(stream[bit/8]) >> (bit % 8) & (1<<v.W - 1); lane < v.M {
					want[token/8] |= 1 << (token % 8)
				}
			}
			assert.True(t, bytes.Equal(want, bitmap(v.mark(t), v.Before)), "Mask is not OpenSSL's list")
		})
	}
}
