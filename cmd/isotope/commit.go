package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/isotope-wm/isotope/internal/keyring"
	"github.com/isotope-wm/isotope/provenance"
	"github.com/isotope-wm/isotope/watermark"
)

const commitHelp = `Commit binds the owner of a log to keys before they mark. It adds a commitment to each key
to the log. A commitment has the public id, the epoch, the identity of the profile, and a
salted hash that only the key opens. The log names no tenant. Commit also adds entries that
no key opens, up to a power of two. So the log does not show how many keys there are.

Keys come from files, or derive from a root along the paths of --paths, one a line. The root
is a key file, or a helper program that keeps it in a key service or a hardware module. The
format of its lines is in docs/formats/provenance.md.

Commit prints a line for each key: its id and the number of its entry. --proofs writes a proof
of each entry, of about 1 KB, that needs no network and no log.

Publish the file DIR/checkpoint afterwards. A copy that somebody else holds shows that the
keys were fixed by then.`

// commitFlags are the flags of commit.
type commitFlags struct {
	logFlags
	profile, epoch, paths, root, helper, proofs string
}

func (c *cli) commitCommand() *cobra.Command {
	var o commitFlags
	cmd := &cobra.Command{
		Use:   "commit --log DIR --sign-key FILE --profile FILE --epoch NAME {KEYFILE... | --paths FILE --root FILE}",
		Short: "Commit to keys before they mark",
		Long:  commitHelp,
		Example: `  isotope commit --log log --sign-key sign.key --profile my.json --epoch 2026-12 my.key
  isotope commit --log log --sign-key sign.key --profile my.json --epoch 2026-12 --root root.key --paths tenants.txt
  isotope commit --log log --sign-key sign.key --profile my.json --epoch 2026-12 --helper 'sh helper.sh' --paths tenants.txt`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := check(o.rules(args)); err != nil {
				return err
			}
			return c.commit(cmd.Context(), &o, args)
		},
	}
	f := cmd.Flags()
	o.register(f)
	f.StringVarP(&o.profile, "profile", "p", "", "profile `FILE` that the keys are for")
	f.StringVar(&o.epoch, "epoch", "", "`NAME` of the epoch, such as 2026-12")
	f.StringVar(&o.root, "root", "", "key `FILE` from which the keys derive")
	f.StringVar(&o.helper, "helper", "", "`PROGRAM` with its arguments that keeps the root, in place of --root")
	f.StringVar(&o.paths, "paths", "", "`FILE` of derivation paths, one a line, such as tenant/acme/2026-12")
	f.StringVar(&o.proofs, "proofs", "", "write a proof for each key to a file in `DIR`")
	return cmd
}

func (o *commitFlags) rules(args []string) []rule {
	return append(o.logFlags.rules(), []rule{
		noSecrets(append(args, o.profile, o.epoch, o.root, o.helper, o.paths, o.proofs)...),
		{o.profile == "", "--profile FILE is missing: the profile that the keys are for; a commitment holds for one profile"},
		{o.epoch == "", "--epoch NAME is missing: the epoch that the keys are for, such as 2026-12"},
		{len(args) == 0 && o.paths == "", "KEYFILE is missing: the keys, or --paths with --root or --helper"},
		{len(args) > 0 && (o.paths != "" || o.root != "" || o.helper != ""), "keys come from files, or from paths of a root; give one of them"},
		{o.root != "" && o.helper != "", "--root and --helper are two roots; give one of them"},
		{len(args) == 0 && o.root == "" && o.helper == "", "--root FILE is missing: the key from which the paths derive, or --helper"},
		{len(args) == 0 && o.paths == "", "--paths FILE is missing: the paths of the keys, one a line"},
	}...)
}

// rootOf opens a root. The caller calls done.
func (c *cli) rootOf(ctx context.Context, file, helper string) (r provenance.Root, done func() error, err error) {
	done = func() error { return nil }
	if helper == "" {
		k, err := readNativeKey(file)
		if err != nil {
			return nil, done, err
		}
		r, err = provenance.KeyRoot(k)
		return r, done, err
	}
	words := strings.Fields(helper)
	if len(words) == 0 {
		return nil, done, usagef("--helper is empty; name a program")
	}
	p, err := provenance.StartProcess(ctx, c.stderr, words[0], words[1:]...)
	if err != nil {
		return nil, done, err
	}
	return p, p.Close, nil
}

// keysOf reads or derives the keys of a call.
func (c *cli) keysOf(ctx context.Context, o *commitFlags, args []string) (keys []watermark.Key, err error) {
	if len(args) > 0 {
		for _, name := range args {
			k, err := readNativeKey(name)
			if err != nil {
				return nil, err
			}
			keys = append(keys, k)
		}
		return keys, nil
	}
	text, err := c.readSmallFile(o.paths, keyring.MaxFile)
	if err != nil {
		return nil, err
	}
	paths, err := keyring.ParsePaths(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.paths, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s has no derivation path; write one path a line, such as tenant/acme/2026-12", o.paths)
	}
	root, done, err := c.rootOf(ctx, o.root, o.helper)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	for _, p := range paths {
		k, err := provenance.Derive(ctx, root, strings.Split(p.Path, "/")...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", quoted(p.Path), err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// commit adds the commitments to keys to a log.
func (c *cli) commit(ctx context.Context, o *commitFlags, args []string) error {
	profile, err := readNativeProfile(o.profile)
	if err != nil {
		return err
	}
	keys, err := c.keysOf(ctx, o, args)
	if err != nil {
		return err
	}
	l, err := c.openLog(&o.logFlags)
	if err != nil {
		return err
	}
	defer l.close()
	book := l.Keys()
	entries := make([]provenance.Entry, 0, len(keys))
	mine := make(map[string]watermark.Key, len(keys))
	now := time.Now()
	for _, k := range keys {
		e, err := provenance.NewCommitment(k, o.epoch, profile.ID(), now)
		if err != nil {
			return err
		}
		if _, ok := mine[k.ID()]; ok {
			return usagef("the key %s was given twice; leave one out", k.ID())
		}
		if book.Check(o.epoch, profile.ID(), k) == nil {
			return fmt.Errorf("the log has a commitment to the key %s for this epoch and profile already; leave it out", k.ID())
		}
		mine[k.ID()] = k
		entries = append(entries, e)
	}
	padded, err := provenance.Pad(entries)
	if err != nil {
		return err
	}
	first, err := l.append(padded...)
	if err != nil {
		return err
	}
	at := make(map[string]int64, len(keys))
	for i, e := range padded {
		at[e.Key] = first + int64(i)
	}
	if o.proofs != "" {
		if err := os.MkdirAll(o.proofs, 0o755); err != nil {
			return openError(err)
		}
	}
	for _, k := range keys {
		i := at[k.ID()]
		if _, err := fmt.Fprintf(c.stdout, "%s  entry %d\n", k.ID(), i); err != nil {
			return err
		}
		if o.proofs == "" {
			continue
		}
		p, err := l.Prove(i)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(o.proofs, k.ID()+".tlog-proof"), p.Text(), 0o644); err != nil {
			return fmt.Errorf("the proof cannot be written: %w", err)
		}
	}
	c.hint("publish %s: a copy that somebody else holds shows that these keys were fixed by then", filepath.Join(o.log, "checkpoint"))
	return nil
}
