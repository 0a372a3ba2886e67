package testmark

import (
	"os"
	"os/exec"
	"testing"

	"github.com/isotope-wm/isotope/internal/kernel"
)

// A Runner is *testing.T or *testing.B.
type Runner[T any] interface {
	testing.TB
	Run(name string, f func(T)) bool
}

// EachBackend runs f on every backend of package kernel that this machine has, each in a
// subtest "impl=name". The backend is a global setting: f must not run in parallel.
func EachBackend[T Runner[T]](t T, f func(t T, backend kernel.Backend)) {
	t.Helper()
	for _, b := range kernel.Available() {
		t.Run("impl="+b.String(), func(t T) {
			defer kernel.Use(b)()
			f(t, b)
		})
	}
}

// NeedTool returns the path of a program. If it is not installed, the test is skipped, or
// fails when ISOTOPE_REQUIRE_TOOLS is set: in CI a skipped test must not look like a pass.
func NeedTool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("ISOTOPE_REQUIRE_TOOLS") != "":
		t.Fatalf("%s is not installed, and ISOTOPE_REQUIRE_TOOLS is set", name)
	default:
		t.Skipf("NOT CHECKED AGAINST %s: install it, or set ISOTOPE_REQUIRE_TOOLS to make this an error",
			name)
	}
	return path
}

// Must returns v. It panics on an error, which a test's fixed arguments cannot cause.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
