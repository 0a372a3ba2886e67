package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"golang.org/x/term"
)

// A keyAccess is how a call gets at encrypted key files.
type keyAccess struct {
	passphrase   string // that was given, for all key files of the call
	passphraseFD int    // -1: ask on the terminal
}

const (
	// maxWork is the work factor that the passphrase of a key file may ask for: 2^maxWork rounds of
	// scrypt, for which the program needs 2^(maxWork-10) MiB. "age -p" uses 18.
	maxWork = 20
	// maxDecrypted is the longest decrypted key file, in bytes.
	maxDecrypted = 1 << 16
	// maxPassphrase is the longest passphrase, in bytes.
	maxPassphrase = 1 << 10
)

// decryptKeyFile decrypts a key file that "age -p" encrypted. It asks for the passphrase once, and
// tries it on every key file of the call.
func (c *cli) decryptKeyFile(path string, text []byte) ([]byte, error) {
	asked := c.passphrase == ""
	if asked {
		passphrase, err := c.readPassphrase(path)
		if err != nil {
			return nil, err
		}
		c.passphrase = passphrase
	}
	plain, err := decryptAge(text, c.passphrase)
	if err != nil && !asked && c.passphraseFD < 0 { // another file, and perhaps another passphrase
		c.passphrase = ""
		return c.decryptKeyFile(path, text)
	}
	return plain, err
}

// decryptAge decrypts text under a passphrase. Its errors quote neither.
func decryptAge(text []byte, passphrase string) ([]byte, error) {
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, errors.New("the passphrase is empty")
	}
	identity.SetMaxWorkFactor(maxWork)
	var in io.Reader = bytes.NewReader(text)
	if bytes.HasPrefix(text, []byte(armor.Header)) {
		in = armor.NewReader(in)
	}
	r, err := age.Decrypt(in, identity)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none) && !errors.Is(err, age.ErrIncorrectIdentity):
		return nil, errors.New("it is encrypted with age in a way that needs more than a passphrase; decrypt it with: age -d")
	case errors.As(err, &none):
		return nil, errors.New("the passphrase does not fit, or the file is encrypted to a recipient; decrypt such a file with: age -d")
	case err != nil:
		return nil, errors.New("it is encrypted with age, and is damaged or asks for too much work; decrypt it with: age -d")
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxDecrypted+1))
	switch {
	case err != nil:
		return nil, errors.New("it is encrypted with age, and is damaged")
	case len(plain) > maxDecrypted:
		return nil, fmt.Errorf("it is longer than %d bytes", maxDecrypted)
	}
	return plain, nil
}

// readPassphrase reads a passphrase from --passphrase-fd, or from the terminal.
func (c *cli) readPassphrase(path string) (string, error) {
	if c.passphraseFD >= 0 {
		f := os.NewFile(uintptr(c.passphraseFD), "the passphrase")
		if f == nil {
			return "", fmt.Errorf("--passphrase-fd %d is not an open file descriptor", c.passphraseFD)
		}
		defer f.Close()
		line, err := bufio.NewReader(io.LimitReader(f, maxPassphrase)).ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			if err == nil || err == io.EOF {
				err = errors.New("it is empty")
			}
			return "", fmt.Errorf("the passphrase cannot be read from --passphrase-fd %d: %w", c.passphraseFD, err)
		}
		return line, nil
	}
	terminal, err := openTerminal()
	if err != nil {
		return "", errors.New("it is encrypted, and there is no terminal to ask for the passphrase; give --passphrase-fd, or the output of: age -d")
	}
	defer terminal.Close()
	fmt.Fprintf(terminal, "Passphrase of %s: ", visibleText(path))
	text, err := term.ReadPassword(int(terminal.Fd()))
	fmt.Fprintln(terminal)
	if err != nil || len(text) == 0 {
		return "", errors.New("it is encrypted, and no passphrase was given")
	}
	return string(text), nil
}

// openTerminal opens the terminal of the process, whatever standard input is.
var openTerminal = func() (*os.File, error) { return os.OpenFile("/dev/tty", os.O_RDWR, 0) }
