package provenance

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/isotope-wm/isotope/watermark"
)

// helperEnv makes the test binary behave as a helper of a Root.
const helperEnv = "ISOTOPE_TEST_HELPER"

func TestMain(m *testing.M) {
	if mode := os.Getenv(helperEnv); mode != "" {
		helper(mode)
		return
	}
	os.Exit(m.Run())
}

// helper answers as a helper does, or as one does that is out of order.
func helper(mode string) {
	if mode == "silent" {
		return
	}
	if mode == "other hello" {
		fmt.Println("hello")
		return
	}
	fmt.Println(helloLine)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		message, err := hex.DecodeString(strings.TrimPrefix(in.Text(), "mac "))
		switch {
		case err != nil || !strings.HasPrefix(in.Text(), "mac "):
			fmt.Println("error not a request")
		case mode == "refuses":
			fmt.Println("error the session has ended")
		case mode == "short":
			fmt.Println("ok 00")
		case mode == "capitals":
			fmt.Println("ok " + strings.Repeat("AA", 32))
		case mode == "long":
			fmt.Println("ok " + strings.Repeat("00", 4096))
		case mode == "half":
			fmt.Print("ok 00")
			return
		case mode == "ends":
			return
		case mode == "hangs":
			time.Sleep(time.Hour)
		default:
			sum := mac(testKey(7), message)
			fmt.Printf("ok %x\n", sum)
		}
	}
}

// testKey returns a key whose bytes are all the same.
func testKey(b byte) watermark.Key {
	k, err := watermark.ParseKey(prefixText + strings.Repeat(hex.EncodeToString([]byte{b}), 32))
	if err != nil {
		panic(err)
	}
	return k
}

// zeros reads as zeros, so that keys of tests are fixed.
type zeros byte

func (z zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(z)
	}
	return len(p), nil
}

// testSigner returns the keys of a log. Each number gives other ones.
func testSigner(t testing.TB, name string, number byte) (note.Signer, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(zeros(number), name)
	require.NoError(t, err)
	s, err := note.NewSigner(private)
	require.NoError(t, err)
	v, err := note.NewVerifier(public)
	require.NoError(t, err)
	return s, v
}

// noon is a time of tests.
var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

const testScheme = "sha256:" + "ab" + "000000000000000000000000000000000000000000000000000000000000" + "cd"
