package secret

import "bytes"

// The marks of PEM around the kind of a key, without spaces and in lower case.
const (
	pemBegin = "-----begin"
	pemKind  = "privatekey"
	// longestKind is the length of the longest kind, such as "ENCRYPTED PRIVATE KEY", with room for
	// spaces that are written as "+".
	longestKind = 64
	// leastBody is how many digits of base64 in a row make a block of the marks. Documentation has
	// marks with dots between them.
	leastBody = 32
)

// holdsPEM reports whether a view has a private key in PEM: of PKCS #1 or #8, of SEC 1, encrypted or
// not, or of OpenSSH. Spaces may be written as "+", as forms of the web have them.
func holdsPEM(view []byte) bool {
	for {
		i := index(view, pemBegin)
		if i < 0 {
			return false
		}
		view = view[i+len(pemBegin):]
		head := lower(bytes.ReplaceAll(view[:min(len(view), longestKind)], []byte("+"), nil))
		end := bytes.Index([]byte(head), []byte("-----"))
		if end < 0 || !bytes.HasSuffix([]byte(head[:end]), []byte(pemKind)) {
			continue
		}
		body := view[:min(len(view), 1<<10)]
		if close := index(body, "-----end"); close >= 0 {
			body = body[:close]
		}
		if runs(body, &base64Digits, leastBody, func(run []byte) bool {
			return len(bytes.Trim(run, "-")) >= leastBody // the marks are of hyphens, which are digits too
		}) {
			return true
		}
	}
}

// codeOfPEM is holdsPEM for what a code stands for, which has its spaces.
func codeOfPEM(inner []byte) bool {
	if index(inner, pemBegin) < 0 {
		return false
	}
	view, _ := squeeze(inner)
	return holdsPEM(view)
}
