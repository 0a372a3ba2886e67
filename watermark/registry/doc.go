// Package registry keeps the list of who has which key. It lists the accounts of a trace, each
// with the path that derives its key from one root. It never holds a key.
//
// Getting started: a server marks requests from a registry. An auditor tests a suspect model from
// the same file, so both sides use the same keys and bands.
//
//	reg, err := registry.Generate(root.ID(), "2026-11", []registry.Tenant{{ID: "acme", Cohort: "east"}}, 100)
//	...
//	text, err := json.Marshal(reg) // the file
//	...
//	marker, err := reg.Marker(root, "2026-11", scheme, vocab) // in the server, once
//	marks, err := marker.Marks("acme")                        // for each request
//	...
//	master, cohorts, tenants, err := reg.Accounts(root, "2026-11", scheme, vocab) // in the audit
//
// [Parse] reads the file again. A [Split] divides the contexts of one request between the keys of
// the master, a cohort and a tenant. Use it alone if you keep your own list of keys.
//
// # Control keys
//
// A decoy is a control key: an account whose key is derived like the others and never
// issued. Nothing was ever marked with it. A trace tests the decoys together with the
// real accounts, and the decoys show how often an unrelated key looks guilty.
//
// # Compatibility
//
// The file format isotope_registry 1 is fixed; docs/students.md describes it. The Go API
// may change until version 1.
package registry
