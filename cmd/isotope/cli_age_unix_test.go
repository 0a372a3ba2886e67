//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// dupFD returns a copy of a file's descriptor.
func dupFD(t *testing.T, f *os.File) int {
	fd, err := syscall.Dup(int(f.Fd()))
	require.NoError(t, err)
	return fd
}
