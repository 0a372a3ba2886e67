package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/textfile"
	"github.com/isotope-wm/isotope/provenance"
)

const logHelp = `Log keeps a transparency log: a directory with entries to which can only be added. The log
shows others which keys an owner committed to, which tests were declared and begun, and in
which order. It holds no key, and it names no tenant and no model.

The owner signs a checkpoint with each entry. Somebody who has a copy of a checkpoint can
tell whether the log still begins as it did. So publish the file DIR/checkpoint, or send it to
somebody who keeps it: the dates of a report are those of such copies.`

const logNewHelp = `New makes a log in DIR, which must be new, and prints its verifier key. Publish that key:
with it others check the signatures. --name is the name of the log, such as the address where
you publish it. If there is no file of --sign-key, New makes a signing key there. The file may
also be an Ed25519 key of OpenSSH.`

const logVerifyHelp = `Verify checks a whole log: the signature of its checkpoint, every hash, and the order of the
times. With --checkpoint it also checks that the log begins with the entries of an older
checkpoint, and that nothing was removed or changed since then.`

const logShowHelp = `Show prints the entries of a log, one a line: the number, a tab and the JSON of the entry. It
checks the log first.`

const logRevokeHelp = `Revoke adds an entry that a key does not mark any more, because it was lost or has leaked.
isotope generate --committed refuses it from then on.`

const logReceiptHelp = `Receipt checks the proof of a receipt, which a server gives a customer on request. A receipt says
which keys marked an answer. With TEXT it also checks that the receipt is of that text, whose
bytes must be those that the server sent. It needs no network and no log.

Give --log-key with the verifier key that the owner of the receipts published.`

func (c *cli) logReceiptCommand() *cobra.Command {
	var logKey string
	cmd := &cobra.Command{
		Use:     "receipt --log-key KEY PROOF [TEXT]",
		Short:   "Check the proof of a receipt",
		Long:    logReceiptHelp,
		Example: `  isotope log receipt --log-key receipts.txt proof.json answer.txt`,
		Args: func(_ *cobra.Command, args []string) error {
			return check([]rule{
				{len(args) == 0, "PROOF is missing: the file of the proof"},
				{len(args) > 2, fmt.Sprintf("receipt takes PROOF and TEXT, and %d names were given", len(args))},
				noSecrets(args...),
			})
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := check([]rule{
				noSecrets(logKey),
				{logKey == "", "--log-key KEY is missing: the verifier key that the owner of the receipts published"},
			}); err != nil {
				return err
			}
			return c.checkReceipt(cmd.Context(), logKey, args)
		},
	}
	registerLogKey(cmd.Flags(), &logKey)
	return cmd
}

// maxReceipt is the longest file of a proof in bytes.
const maxReceipt = 1 << 16

func (c *cli) checkReceipt(ctx context.Context, logKey string, args []string) error {
	v, err := readVerifier(logKey)
	if err != nil {
		return err
	}
	text, err := textfile.Read(args[0], maxReceipt)
	if err != nil {
		return openError(err)
	}
	p, err := provenance.ParseReceiptProof(bytes.TrimSpace(text))
	if err != nil {
		return err
	}
	at, err := p.Check(v)
	if err != nil {
		return err
	}
	says := "the text was not given, so it was not compared"
	if len(args) == 2 {
		f, err := hashFile(ctx, args[1])
		if err != nil {
			return err
		}
		if "sha256:"+f.SHA256 != p.Receipt.Text {
			return fmt.Errorf("the receipt is of the text %s, and %s has sha256:%s; give the bytes that the server sent", p.Receipt.Text, args[1], f.SHA256)
		}
		says = "it is of the text in " + args[1]
	}
	_, err = fmt.Fprintf(c.stdout, "the receipt %s is in the first %d entries of the log %s, and %s\nmarked at %s by its server's clock, with the keys %s\n",
		quoted(p.Receipt.ID), at.Size, v.Name(), says, p.Receipt.Time, strings.Join(p.Receipt.Keys, ", "))
	return err
}

func (c *cli) logCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Keep a transparency log of keys and plans",
		Long:  logHelp,
		Args:  needsVerb,
		RunE:  func(*cobra.Command, []string) error { return nil }, // Args has refused the call
	}
	cmd.AddCommand(c.logNewCommand(), c.logVerifyCommand(), c.logShowCommand(), c.logRevokeCommand(), c.logReceiptCommand())
	return cmd
}

// oneLog is the cobra.Command.Args of a verb that takes the directory of a log.
func oneLog(cmd *cobra.Command, args []string) error {
	return check([]rule{
		{len(args) == 0, fmt.Sprintf("DIR is missing: the directory of the log that %s is for", cmd.Name())},
		{len(args) > 1, fmt.Sprintf("%s takes one DIR, and %d names were given", cmd.Name(), len(args))},
		noSecrets(args...),
	})
}

func (c *cli) logNewCommand() *cobra.Command {
	var name, signKey string
	cmd := &cobra.Command{
		Use:     "new --name NAME --sign-key FILE DIR",
		Short:   "Make a log",
		Long:    logNewHelp,
		Example: `  isotope log new --name example.com/isotope --sign-key sign.key log`,
		Args:    oneLog,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := check([]rule{
				noSecrets(name, signKey),
				{name == "", "--name NAME is missing: the name of the log, such as example.com/isotope"},
				{signKey == "", "--sign-key FILE is missing: the file of the signing key, which is made if it does not exist"},
				{strings.ContainsAny(name, "+ \t\n") || len(name) > 200, "--name has a space or a plus sign, or more than 200 bytes; choose another name"},
			}); err != nil {
				return err
			}
			return c.newLog(name, signKey, args[0])
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the log")
	cmd.Flags().StringVar(&signKey, "sign-key", "", "`FILE` of the signing key: one that is made, or an Ed25519 key of OpenSSH")
	return cmd
}

func (c *cli) newLog(name, signKey, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("%s exists, and a log is never made over something; choose another name", dir)
		}
		return openError(err)
	}
	vkey, err := c.verifierKeyOf(signKey, name)
	if errors.Is(err, os.ErrNotExist) {
		vkey, err = newSignKey(signKey, name)
	}
	if err == nil {
		err = writeNew(filepath.Join(dir, verifierName), []byte(vkey))
	}
	if err != nil {
		os.Remove(dir) // it is empty
		return err
	}
	_, err = fmt.Fprintln(c.stdout, vkey)
	return err
}

// openReadOnly opens a log that this call does not append to. The verifier key is that of a flag, or
// else the one in the directory.
func openReadOnly(dir, logKey string) (*provenance.Log, error) {
	v, err := logVerifier(dir)
	if logKey != "" {
		v, err = readVerifier(logKey)
	}
	if err != nil {
		return nil, err
	}
	l, err := provenance.OpenLog(dir, v)
	if errors.Is(err, os.ErrNotExist) && !errors.Is(err, provenance.ErrLog) {
		return nil, fmt.Errorf("the log in %s has no entry yet", dir)
	}
	return l, err
}

func registerLogKey(f *pflag.FlagSet, logKey *string) {
	f.StringVar(logKey, "log-key", "", "verifier `KEY` of the log's owner, as text or a file (default: the one that the log or report names)")
}

func (c *cli) logVerifyCommand() *cobra.Command {
	var logKey string
	var checkpoints []string
	cmd := &cobra.Command{
		Use:     "verify DIR",
		Short:   "Check a whole log",
		Long:    logVerifyHelp,
		Example: `  isotope log verify --log-key owner.txt --checkpoint kept-since-march log`,
		Args:    oneLog,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := check([]rule{noSecrets(append(checkpoints, logKey)...)}); err != nil {
				return err
			}
			l, err := openReadOnly(args[0], logKey)
			if err != nil {
				return err
			}
			for _, name := range checkpoints {
				text, err := textfile.Read(name, maxSignKey)
				if err != nil {
					return openError(err)
				}
				if err := l.CheckGrowth(text); err != nil {
					return fmt.Errorf("--checkpoint %s: %w", name, err)
				}
				fmt.Fprintf(c.stdout, "the log begins with the entries of %s\n", name)
			}
			counts := map[provenance.Kind]int64{}
			for i := range l.Size() {
				counts[l.Entry(i).Kind]++
			}
			fmt.Fprintf(c.stdout, "the log %s is whole: %d entries\n", l.Origin(), l.Size())
			for _, kind := range []provenance.Kind{
				provenance.KindCommit, provenance.KindRevoke, provenance.KindReveal, provenance.KindPlan, provenance.KindTest, provenance.KindReport, provenance.KindReceipt,
			} {
				if counts[kind] > 0 {
					fmt.Fprintf(c.stdout, "  %-8s %d\n", kind, counts[kind])
				}
			}
			return nil
		},
	}
	registerLogKey(cmd.Flags(), &logKey)
	cmd.Flags().StringArrayVar(&checkpoints, "checkpoint", nil, "`FILE` of an older checkpoint of the log; repeat it for more")
	return cmd
}

func (c *cli) logShowCommand() *cobra.Command {
	var logKey string
	cmd := &cobra.Command{
		Use:     "show DIR",
		Short:   "Print the entries of a log",
		Long:    logShowHelp,
		Example: `  isotope log show log`,
		Args:    oneLog,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := check([]rule{noSecrets(logKey)}); err != nil {
				return err
			}
			l, err := openReadOnly(args[0], logKey)
			if err != nil {
				return err
			}
			for i := range l.Size() {
				if _, err := fmt.Fprintf(c.stdout, "%d\t%s\n", i, l.Line(i)); err != nil {
					return err
				}
			}
			return nil
		},
	}
	registerLogKey(cmd.Flags(), &logKey)
	return cmd
}

func (c *cli) logRevokeCommand() *cobra.Command {
	var o logFlags
	var id, reason string
	cmd := &cobra.Command{
		Use:     "revoke --log DIR --sign-key FILE --key-id ID --reason TEXT",
		Short:   "Record that a key does not mark any more",
		Long:    logRevokeHelp,
		Example: `  isotope log revoke --log log --sign-key sign.key --key-id 9d34d7cc907c7491 --reason 'disk was lost'`,
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			if err := check(o.rules(), []rule{
				noSecrets(id, reason),
				{id == "", "--key-id ID is missing: the public id of the key, which 'isotope key id' prints"},
				{reason == "", "--reason TEXT is missing: why the key is revoked, for those who read the log"},
			}); err != nil {
				return err
			}
			l, err := c.openLog(&o)
			if err != nil {
				return err
			}
			defer l.close()
			e := c.entry(provenance.KindRevoke)
			e.Key, e.Reason = id, reason
			at, err := l.append(e)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.stdout, "entry %d of the log %s: %s does not mark any more\n", at, l.Origin(), id)
			return err
		},
	}
	o.register(cmd.Flags())
	cmd.Flags().StringVar(&id, "key-id", "", "public `ID` of the key")
	cmd.Flags().StringVar(&reason, "reason", "", "why, in at most 200 bytes of `TEXT`")
	return cmd
}
