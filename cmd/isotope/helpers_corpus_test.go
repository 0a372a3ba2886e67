package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// writeCorpus makes a directory of text for the embedded model: sentences from a
// small grammar, enough of them for the prompts of a demo.
func writeCorpus(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(words string) string {
		list := strings.Fields(words)
		return list[rng.IntN(len(list))]
	}
	nouns := "river mountain library engine garden letter window harbor market teacher painter captain village bridge forest kitchen lantern orchard station theatre"
	verbs := "watches follows remembers repairs describes visits crosses paints opens answers measures forgets carries builds hears"
	adjectives := "old quiet bright narrow green distant careful heavy early gentle broken famous hidden patient wooden"
	for i := range 8 {
		var b strings.Builder
		for range 700 {
			for range 1 + rng.IntN(3) {
				fmt.Fprintf(&b, "The %s %s %s the %s %s near the %s, and a %s %s %s. ", pick(adjectives), pick(nouns), pick(verbs),
					pick(adjectives), pick(nouns), pick(nouns), pick(adjectives), pick(nouns), pick(verbs))
			}
			b.WriteString("\n\n")
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.txt", i)), []byte(b.String()), 0o644))
	}
	return dir
}

// writeWordCorpus makes a directory of sentences whose words follow each other by
// chance, so that a mark finds much choice in few tokens.
func writeWordCorpus(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(3, 4))
	words := strings.Fields("river mountain library engine garden letter window market teacher painter captain village bridge forest kitchen station " +
		"theatre watches follows repairs visits crosses paints opens answers measures carries builds hears old quiet bright narrow green early broken " +
		"famous hidden the a near and of under behind")
	for i := range 4 {
		var b strings.Builder
		for range 400 {
			for range 3 + rng.IntN(20) {
				b.WriteString(words[rng.IntN(len(words))] + " ")
			}
			b.WriteString("\n\n")
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.txt", i)), []byte(b.String()), 0o600))
	}
	return dir
}
