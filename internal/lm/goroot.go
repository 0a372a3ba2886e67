package lm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNoGo says that no Go distribution was found to learn from.
var ErrNoGo = errors.New("no Go distribution found")

// FindGo finds the Go distribution on this machine and returns its root. It asks the
// go command, which knows about $GOROOT, and when there is none looks at $GOROOT and
// at the place this program was built with.
func FindGo(ctx context.Context) (string, error) {
	for _, root := range []func() string{
		func() string { return askGo(ctx) },
		func() string { return os.Getenv("GOROOT") },
		func() string { return build.Default.GOROOT },
	} {
		if r := root(); r != "" && isGoRoot(r) {
			return r, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return "", fmt.Errorf("%w: the embedded model learns from its doc comments; "+
		"install Go, set GOROOT, or name a directory of text files with --corpus DIR", ErrNoGo)
}

func askGo(ctx context.Context) string {
	cmd := exec.CommandContext(ctx, "go", "env", "GOROOT")
	// The go.mod of whatever directory we happen to be in must not make the go command
	// fetch another toolchain.
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOWORK=off", "GOFLAGS=")
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(out))
}

// isGoRoot looks for the documentation of the predeclared identifiers, which every
// distribution has and no other directory does. Some distributions package the
// sources separately.
func isGoRoot(root string) bool {
	info, err := os.Stat(filepath.Join(root, "src", "builtin", "builtin.go"))
	return err == nil && info.Mode().IsRegular()
}
