// Package collect asks an OpenAI-compatible endpoint a list of prompts and keeps the answers as
// evidence.
//
// Everything goes into a [Journal]: a file of JSON lines. Each line has the hash of the line
// before, and is written and synced before the next step depends on it. The first line holds
// what was declared before anything was asked. A question whose answer is in the journal is
// never asked again. A run may be killed at any time, and the same call resumes it.
//
// A line has two parts. The test depends on the canonical part, an [Answer], which is the same
// whenever the endpoint answers the same. The observed part, an [Exchange], has the raw response,
// times and headers. Reading a journal derives every answer from its response again and compares.
//
// A run goes batch by batch. It asks a whole batch before anybody looks at it. What is looked at,
// and when, depends on the answers alone, and not on concurrency or interruptions.
package collect
