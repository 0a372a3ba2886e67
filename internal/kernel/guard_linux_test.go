package kernel

import (
	"fmt"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// guarded returns size bytes between two pages that may not be touched. The bytes stand at the
// end of the memory between them, or at the start.
func guarded(t *testing.T, size int, atEnd bool) unsafe.Pointer {
	t.Helper()
	page := syscall.Getpagesize()
	inner := (size + page - 1) / page * page
	if inner == 0 {
		inner = page
	}
	mem, err := syscall.Mmap(-1, 0, inner+2*page,
		syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(mem)) })
	require.NoError(t, syscall.Mprotect(mem[:page], syscall.PROT_NONE))
	require.NoError(t, syscall.Mprotect(mem[page+inner:], syscall.PROT_NONE))
	at := page
	if atEnd {
		at += inner - size
	}
	return unsafe.Pointer(unsafe.SliceData(mem[at:]))
}

// slice returns a slice of n values in guarded memory.
func slice[T any](t *testing.T, n int, atEnd bool) []T {
	var zero T
	return unsafe.Slice((*T)(guarded(t, n*int(unsafe.Sizeof(zero)), atEnd)), n)
}

// TestGuardPages runs every loop on arguments next to guard pages. A loop that reads or writes
// outside its arguments ends the program.
func TestGuardPages(t *testing.T) {
	keys := NewKeys(&[16]byte{3})
	nonce := Nonce{1}
	onEachBackend(t, func(t *testing.T) {
		for _, atEnd := range []bool{true, false} {
			for n := range 140 {
				testGuarded(t, keys, &nonce, n, atEnd)
			}
			for _, n := range []int{511, 512, 513, 4095, 4097} {
				testGuarded(t, keys, &nonce, n, atEnd)
			}
		}
	})
}

func testGuarded(t *testing.T, keys *Keys, nonce *Nonce, n int, atEnd bool) {
	t.Run(fmt.Sprintf("n=%d/end=%t", n, atEnd), func(t *testing.T) { // its end unmaps the memory
		row, mask := slice[float32](t, n, atEnd), slice[uint64](t, (n+63)/64, atEnd)
		inputs, tokens := slice[Input](t, n, atEnd), slice[int32](t, n, atEnd)
		half := slice[uint16](t, n, atEnd)
		s := &slice[Scratch](t, 1, atEnd)[0]
		s.buf = slice[byte](t, n+4*BlockSize, atEnd) // so large that no loop puts a Go pointer here
		for _, width := range []int{1, 2, 4, 8} {
			table := NewTable(width, 1, 5, 1)
			stream := slice[byte](t, table.StreamSize(n), atEnd)
			table.Process(s, keys, nonce, row)
			table.ProcessHalf(s, keys, nonce, BF16, row, half)
			table.ProcessHalf(s, keys, nonce, FP16, row, half)
			table.ProcessMask(s, keys, nonce, mask, n)
			table.BiasMask(row, mask)
			table.Bias(s, row, stream)
			table.Mask(mask, stream, n)
			Pack(inputs, tokens, 0, 3)
			table.Score(s, mask, keys, inputs)
			keys.Encrypt(s, inputs, inputs)
			BlockMax(slice[float32](t, len(mask), atEnd), row)
			GroupMax(slice[float32](t, (n+7)/8+7, atEnd), row)
			AtLeast(row[:min(n, ScanBlock)], 1, 2)
			SumExp(slice[float32](t, len(mask), atEnd), row, mask, 1, 2, 3, 1)
			CountLanes(s, keys, &slice[[MaxLanes]int64](t, 1, atEnd)[0], inputs)
			keys.Find255(s, nil, nonce, n)
			keys.Blocks(s, inputs, nonce, slice[uint32](t, n, atEnd))
			if n > 0 {
				Floor(row, 1)
			}
		}
	})
}
