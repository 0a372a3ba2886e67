package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/internal/secret"
	"github.com/isotope-wm/isotope/watermark/interop"
)

const exportHelp = `Export derives the key of another engine from a key of isotope, and writes the configuration
that the engine reads. So epochs, tenants and registries work for that engine as well. The
same key and profile always give the same configuration.

The profile has the scheme of the engine, such as vllm-gumbel: docs/interop.md lists them.
The configuration holds the engine's key. Only the owner of the file can read it.`

// exportFlags are the flags of export.
type exportFlags struct{ profile, key, config, newKey string }

func (c *cli) exportCommand() *cobra.Command {
	var o exportFlags
	cmd := &cobra.Command{
		Use:   "export --profile FILE --key FILE --config FILE --new-key FILE",
		Short: "Write the configuration of another engine, with a key of isotope's",
		Long:  exportHelp,
		Example: `  isotope key derive --from root.key --path epoch/2026-12 epoch.key
  isotope export --profile vllm.json --key epoch.key --config wm.json --new-key vllm.key`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if err := check([]rule{
				noSecrets(o.profile, o.key, o.config, o.newKey),
				{o.profile == "", "--profile FILE is missing: the profile of the engine's mark"},
				{o.key == "", "--key FILE is missing: the key to derive from"},
				{o.config == "", "--config FILE is missing: the file to write the configuration to"},
				{o.newKey == "", "--new-key FILE is missing: the file to write the engine's key to, for detect"},
			}); err != nil {
				return err
			}
			return c.exportConfig(&o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&o.profile, "profile", "p", "", "profile `FILE` with the scheme of the engine")
	f.StringVarP(&o.key, "key", "k", "", "key `FILE` of isotope, from which the engine's key derives")
	f.StringVar(&o.config, "config", "", "write the engine's configuration to `FILE`, which must not exist")
	f.StringVar(&o.newKey, "new-key", "", "write the engine's key to `FILE`, which must not exist")
	return cmd
}

// exportConfig writes the configuration and the key of an engine.
func (c *cli) exportConfig(o *exportFlags) error {
	p, err := readProfile(o.profile)
	if err != nil {
		return err
	}
	if p.Engine == nil {
		return usagef("%s is a profile of isotope/1, which no other engine reads; give one of another engine", o.profile)
	}
	key, err := readNativeKey(o.key)
	if err != nil {
		return err
	}
	exported, err := interop.Export(p.Engine, key)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(o.config); err == nil { // before the key is written
		return keyExists(o.config, fs.ErrExist)
	}
	if err := writeEngineKey(o.newKey, exported.Key, fmt.Sprintf("key of %s, derived from key %s; keep it secret", p.Engine.Engine(), key.ID())); err != nil {
		return err
	}
	switch err := secret.WriteFile(o.config, exported.Config); {
	case errors.Is(err, fs.ErrExist):
		return keyExists(o.config, err)
	case err != nil:
		return openError(err)
	}
	for _, note := range exported.Notes {
		c.hint("note: %s", note)
	}
	_, err = fmt.Fprintln(c.stdout, exported.Key.ID())
	return err
}
