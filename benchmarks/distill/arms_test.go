package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestResume stops in the middle and resumes. Finished arms do not run again, unless their file is
// truncated or belongs to another config.
func TestResume(t *testing.T) {
	w, dir := &world{scale: quickScale}, t.TempDir()
	var mu sync.Mutex
	ran := make(map[string]int)
	arms := func(value int) (list []arm) {
		for _, name := range []string{"a", "b", "c"} {
			list = append(list, arm{name, value, func(*world) (any, error) {
				mu.Lock()
				defer mu.Unlock()
				ran[name]++
				return map[string]int{"Value": value}, nil
			}})
		}
		return list
	}
	all := func(ctx context.Context, list []arm) error {
		return w.runAll(ctx, dir, [workers][]arm{list, nil})
	}
	ctx, stop := context.WithCancel(context.Background())
	list := arms(1)
	inner := list[1].run
	list[1].run = func(w *world) (any, error) { stop(); return inner(w) }
	assert.ErrorIs(t, all(ctx, list), context.Canceled)
	require.Equal(t, 1, ran["b"])

	require.NoError(t, all(context.Background(), arms(1)))
	assert.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1}, ran)
	first, err := os.ReadFile(armPath(dir, "a"))
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(armPath(dir, "b"), first[:len(first)/2], 0o666))
	require.NoError(t, all(context.Background(), arms(1)))
	assert.Equal(t, map[string]int{"a": 1, "b": 2, "c": 1}, ran, "half a file is not a result")

	require.NoError(t, all(context.Background(), arms(2)))
	assert.Equal(t, map[string]int{"a": 2, "b": 3, "c": 2}, ran, "another config")
	w.text = "another corpus"
	require.NoError(t, all(context.Background(), arms(2)))
	assert.Equal(t, map[string]int{"a": 3, "b": 4, "c": 3}, ran)

	result, ok, err := load[struct{ Value int }](dir, "a")
	assert.True(t, ok)
	assert.NoError(t, err)
	assert.Equal(t, 2, result.Value)
	_, ok, err = load[int](dir, "none")
	assert.False(t, ok)
	assert.NoError(t, err)
	left, err := filepath.Glob(filepath.Join(dir, "arms", "*.part"))
	assert.NoError(t, err)
	assert.Empty(t, left)
}

// TestRunAllStops: an arm that fails makes the run fail and leaves no file.
func TestRunAllStops(t *testing.T) {
	w, dir := &world{scale: quickScale}, t.TempDir()
	broken := errors.New("broken")
	bad := arm{"bad", nil, func(*world) (any, error) { return nil, broken }}
	assert.ErrorIs(t, w.runAll(context.Background(), dir, [workers][]arm{{bad}, nil}), broken)
	assert.NoFileExists(t, armPath(dir, "bad"))
}

// TestNames: no two arms have the same file.
func TestNames(t *testing.T) {
	full := append(neuralArms(), ngramArms(fullScale)...)
	for _, arms := range [][]arm{full, quickArms(quickScale)} {
		seen := make(map[string]bool)
		for _, a := range arms {
			assert.False(t, seen[a.name], a.name)
			seen[a.name] = true
		}
	}
}
