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

// ErrNoGo is the error if there is no Go distribution to train on.
var ErrNoGo = errors.New("no Go distribution found")

// FindGo returns the root of the Go distribution on this machine. It asks the go command. Without one
// it tries $GOROOT and the distribution that built this program. If all fail, the error wraps
// [ErrNoGo].
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
	return "", fmt.Errorf("%w: the embedded model trains on its doc comments; "+
		"install Go, set GOROOT, or give a directory of text files with --corpus DIR", ErrNoGo)
}

func askGo(ctx context.Context) string {
	cmd := exec.CommandContext(ctx, "go", "env", "GOROOT")
	// The go.mod of the current directory must not make the go command download a toolchain.
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOWORK=off", "GOFLAGS=")
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(out))
}

// isGoRoot reports whether root has the documentation of the predeclared identifiers. Every Go
// distribution has it, unless the sources are packaged separately.
func isGoRoot(root string) bool {
	info, err := os.Stat(filepath.Join(root, "src", "builtin", "builtin.go"))
	return err == nil && info.Mode().IsRegular()
}
