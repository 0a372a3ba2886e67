package main

import (
	"strings"

	"github.com/isotope-wm/isotope/cmd/isotope/internal/collect"
)

// peerWords says who answered: the address, the proxy and the certificate.
func peerWords(p collect.Peer) string {
	words := p.Address
	if p.Proxy != "" {
		words += ", through the proxy " + p.Proxy
	}
	if p.TLS == "" {
		return words + ", without TLS"
	}
	words += ", " + p.TLS
	if p.Certificate != "" {
		words += ", certificate " + p.Certificate + " of " + p.Subject + " by " + p.Issuer
	}
	return words
}

// isPlainHTTP reports whether an endpoint is reached without TLS.
func isPlainHTTP(endpoint string) bool {
	return len(endpoint) > 5 && strings.EqualFold(endpoint[:5], "http:")
}

// printHead prints the head of a journal's chain. Whoever keeps it elsewhere can show later that
// the journal was not cut or written anew.
func (c *cli) printHead(records int64, hash string) {
	c.hint("journal: %d records, the hash of the last one is sha256:%s", records, hash)
}
