package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// peersScript is the program that runs the code of other projects.
const peersScript = "speed/peers.py"

// peerVersions returns the versions of the packages that the Pythons of -peers have.
func peerVersions(pythons string) (string, error) {
	var all []string
	for python := range strings.SplitSeq(pythons, string(os.PathListSeparator)) {
		out, err := exec.Command(python, peersScript, "versions").Output()
		if err != nil {
			return "", fmt.Errorf("%s %s: %w", python, peersScript, err)
		}
		all = append(all, strings.TrimSpace(string(out)))
	}
	return strings.Join(all, ", "), nil
}

// peerTable compares the code of other projects with this library, on all processors where it was
// measured.
func peerTable(m *measured) string {
	var g grid
	head := []string{"the code of others"}
	for _, r := range m.processors {
		head = append(head, r.processor+", time or rate", r.processor+", ours is as fast")
	}
	g.head(head...)
	for _, p := range []struct{ text, name string }{
		{"transformers: green list of gamma 1/2 on a row of 128,256", "Peers/peer=greenlist/vocab=128256"},
		{"transformers: top-k 40, top-p 0.9, no mark, flat rows", "Peers/peer=sampler/rows=flat/vocab=128256"},
		{"quicktok: cl100k_base, 16 KB of text", "Peers/peer=quicktok/encoding=cl100k_base/bytes=16384"},
		{"quicktok: o200k_base, 16 KB of text", "Peers/peer=quicktok/encoding=o200k_base/bytes=16384"},
	} {
		cells := []string{p.text}
		for _, r := range m.processors {
			cost := duration(r.get("ns/op", "%s", p.name))
			if mb, ok := r.get("MB/s", "%s", p.name); ok {
				cost = megabytes(mb, ok)
			}
			cells = append(cells, cost, times(r.get("x_ours", "%s", p.name)))
		}
		g.row(cells...)
	}
	return g.String()
}
