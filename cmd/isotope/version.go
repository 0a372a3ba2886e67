package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"

	"github.com/spf13/cobra"
)

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program and of the wire format",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(c.stdout, toolVersion())
			return err
		},
	}
}

// versionOf names the source of a program: the commit, or the version of the module and its
// checksum. A program that was built without either is named by its own hash. Evidence must say what
// computed it.
func versionOf(info *debug.BuildInfo, hash func() string) string {
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	version := info.Main.Version
	if version == "" {
		version = "(devel)"
	}
	commit := settings["vcs.revision"]
	if settings["vcs.modified"] == "true" {
		commit += " with changes"
	}
	switch {
	case commit != "":
		return version + ", commit " + commit
	case info.Main.Sum != "":
		return version + ", " + info.Main.Sum
	}
	return version + ", program " + hash()
}

// executableHash returns the SHA-256 of this program.
var executableHash = sync.OnceValue(func() string {
	name, err := os.Executable()
	if err != nil {
		return "unknown"
	}
	f, err := os.Open(name)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "unknown"
	}
	return fmt.Sprintf("sha256:%x", h.Sum(nil))
})
