// Package collect asks an OpenAI-compatible endpoint a list of prompts and keeps what
// it says as evidence.
//
// Everything goes to a [Journal]: JSON lines in a file, each with the hash of the one
// before, written and synced before the next step depends on them. The first line
// holds what was declared before anything was asked. An answer that is in the journal
// is never asked for again, so a run may be killed at any time and continued by the
// same call.
//
// A line has two parts. What the test depends on, [Answer], is the same whenever the
// endpoint says the same. What it came with, [Exchange], has the raw response, times
// and headers. Reading a journal derives the first from the second again and compares.
//
// A run goes batch by batch, and a batch is asked for whole before anybody looks at
// it: what is looked at, and when, depends on the answers alone and neither on
// concurrency nor on interruptions.
package collect
