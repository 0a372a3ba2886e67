package nocore

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestDisable runs in a process of its own, because there is no way back.
func TestDisable(t *testing.T) {
	if os.Getenv("ISOTOPE_TEST_NOCORE") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDisable$")
		cmd.Env = append(os.Environ(), "ISOTOPE_TEST_NOCORE=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	require.NoError(t, Disable())
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_CORE, &limit))
	assert.Zero(t, limit.Cur)
	assert.Zero(t, limit.Max, "nobody turns them on again")
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	require.NoError(t, err)
	assert.Zero(t, dumpable)
}
