package secret

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// block is a block of PEM. Its body is not a key.
func block(kind, body string) string {
	return fmt.Sprintf("-----BEGIN %s-----\n%s\n-----END %[1]s-----\n", kind, body)
}

// TestPEM: private keys in PEM do not leave the machine, in any writing. Certificates, public keys and
// the marks alone may.
func TestPEM(t *testing.T) {
	body := strings.Repeat("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC+Kcw\n", 4)
	for _, kind := range []string{"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"} {
		for _, w := range writings {
			if w.name == "full width" {
				continue // there is no such space and no such line end
			}
			t.Run(kind+", "+w.name, func(t *testing.T) {
				for _, place := range []string{"%s", "my key: %s.", "?key=%s&x=1"} {
					text := fmt.Sprintf(place, w.write(block(kind, body)))
					assert.True(t, MayHold(text), "%q", text)
					assert.Error(t, Refuse("the prompt", text))
				}
			})
		}
		spaces := strings.NewReplacer(" ", "%20", "\n", "%0A").Replace(block(kind, body))
		assert.True(t, MayHold(spaces), "spaces of URLs")
		assert.True(t, MayHold(strings.ReplaceAll(block(kind, body), " ", "+")), "spaces of forms")
		assert.True(t, MayHold(block(kind, "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011\n\n"+body)), "with headers")
		assert.False(t, MayHold(block(kind, "...")), "the marks alone")
	}
	for _, kind := range []string{"CERTIFICATE", "PUBLIC KEY", "PGP PUBLIC KEY BLOCK"} {
		assert.False(t, MayHold(block(kind, body)), kind)
		assert.True(t, MayHold(block(kind, body)+block("PRIVATE KEY", body)), "after "+kind)
	}
}
