package kernel

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// onEachBackend runs f on every backend of this machine. Tests of other packages call
// testmark.EachBackend, which this package cannot import.
func onEachBackend[T interface {
	testing.TB
	Run(name string, f func(T)) bool
}](t T, f func(t T)) {
	t.Helper()
	for _, backend := range Available() {
		t.Run("impl="+backend.String(), func(t T) {
			defer Use(backend)()
			require.Equal(t, backend, Active())
			f(t)
		})
	}
}

// TestRequiredBackend fails where a run must test a backend that this machine lacks: without it
// such a run would pass.
func TestRequiredBackend(t *testing.T) {
	want := os.Getenv("ISOTOPE_REQUIRE_BACKEND")
	if want == "" {
		t.Skip("ISOTOPE_REQUIRE_BACKEND is not set")
	}
	assert.Equal(t, want, Active().String())
}

func TestUse(t *testing.T) {
	all, before := Available(), Active()
	require.Equal(t, Generic, all[0])
	assert.Equal(t, all[len(all)-1], before, "the fastest backend is active at first")
	restore := Use(Generic)
	assert.Equal(t, Generic, Active())
	restore()
	assert.Equal(t, before, Active())
	assert.Panics(t, func() { Use(Backend(len(backendNames))) })
	all[0] = NEON
	assert.Equal(t, Generic, Available()[0], "a caller may change the list")
}
