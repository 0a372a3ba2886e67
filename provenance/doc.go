// Package provenance fixes keys and plans before a test, so that its result can be believed.
//
// A p-value is worth nothing to an opponent if the key could have been chosen after the text was
// known. This package has what shows that it was not:
//
//   - a [Root] derives keys and can stay in a key service or a hardware module
//   - a [Log] is an append-only transparency log on disk, with signed checkpoints
//   - a commitment binds the owner of a log to a key without disclosing it ([NewCommitment])
//   - a [Proof] shows one entry of a log to somebody who has only the proof
//   - a [Plan] declares a test, and a [Report] has its result, the plan and the proofs
//   - [Check] decides which of four claims a report supports
//
// Command isotope signs and reads the files. The formats are in docs/formats/provenance.md.
package provenance
