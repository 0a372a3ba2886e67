// Package agefile decrypts key files that age encrypted under a passphrase.
package agefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/armor"
)

const (
	// maxWork is the work factor that the passphrase of a key file may ask for: 2^maxWork rounds of
	// scrypt, for which the program needs 2^(maxWork-10) MiB. "age -p" uses 18.
	maxWork = 20
	// maxDecrypted is the longest decrypted key file, in bytes.
	maxDecrypted = 1 << 16
)

// Decrypt decrypts a key file that "age -p" encrypted, armored or not. Its errors quote neither the text
// nor the passphrase.
func Decrypt(text []byte, passphrase string) ([]byte, error) {
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
