package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/isotope-wm/isotope/internal/agefile"
)

// A keyAccess is how a call gets at encrypted key files.
type keyAccess struct {
	passphrase   string // that was given, for all key files of the call
	passphraseFD int    // -1: ask on the terminal
}

// maxPassphrase is the longest passphrase, in bytes.
const maxPassphrase = 1 << 10

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
	plain, err := agefile.Decrypt(text, c.passphrase)
	if err != nil && !asked && c.passphraseFD < 0 { // another file, and perhaps another passphrase
		c.passphrase = ""
		return c.decryptKeyFile(path, text)
	}
	return plain, err
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
