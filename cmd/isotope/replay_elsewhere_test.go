package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReplayElsewhere repeats declared tests on another processor, which ISOTOPE_EMULATOR emulates:
// a command such as qemu-aarch64, for the GOARCH that ISOTOPE_EMULATED names. The reports are made
// here. `make qemu` calls it.
func TestReplayElsewhere(t *testing.T) {
	emulator, arch := os.Getenv("ISOTOPE_EMULATOR"), os.Getenv("ISOTOPE_EMULATED")
	if emulator == "" || arch == "" {
		t.Skip("ISOTOPE_EMULATOR and ISOTOPE_EMULATED name no other processor; make qemu does")
	}
	program := filepath.Join(t.TempDir(), "isotope")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	c := newScanChain(t)
	mustRun(t, c.planned("@scan-report.json")...)
	p := c.provider
	texts := []string{"@corpus/sub/a.txt", "@corpus/b.txt", "@corpus/c.jsonl"}
	mustRun(t, c.own(append([]string{"detect", "-q", "--declare", "@detect-plan.json", "--key", "@my.key", "--profile", "@my.json", "--spans", "--rate", "0.3"}, texts...)...)...)
	mustRun(t, c.own(append([]string{"detect", "-q", "--plan-file", "@detect-plan.json", "--key", "@my.key", "--signed-report", "@detect-report.json"}, texts...)...)...)
	mustRun(t, c.own("audit", "-q", "--declare", "@audit-plan.json", "--key", "@my.key", "--profile", "@my.json", "--reference", "none", "--decoys", "100", "--c1", "0.3", "--c1-pairs", "10000", "@corpus/c.jsonl")...)
	mustRun(t, c.own("audit", "-q", "--plan-file", "@audit-plan.json", "--key", "@my.key", "--signed-report", "@audit-report.json", "@corpus/c.jsonl")...)
	for _, row := range []struct {
		name string
		args []string
	}{
		{"detect", append([]string{"@detect-report.json"}, texts...)},
		{"scan", []string{"--clean", "@clean", "@scan-report.json", "@corpus"}},
		{"audit", []string{"@audit-report.json", "@corpus/c.jsonl"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			args := at(p, append([]string{program, "verify", "-q", "--replay", "--log-key", "@owner.txt", "--key", "@my.key"}, row.args...)...)
			out, err := exec.Command(emulator, args...).CombinedOutput()
			require.NoError(t, err, "%s", out)
			assert.Regexp(t, `(?m)^ok +replay +the test was repeated, and gave the same bytes: `, string(out))
		})
	}
}
