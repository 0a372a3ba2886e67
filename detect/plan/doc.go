// Package plan computes how much text a test needs, before anything is tested.
//
// Start with [Share], which works for every scheme:
//
//	n, err := plan.Share{Law: mark.Law(), Share: 0.5, Alpha: 1e-6}.Tokens(0.9)
//
// [GreenList] plans for a known rate of green tokens. [Mass] computes that rate, and the cost of a
// bias in nats, for a kind of text or from a model's own log. [DrawEffect] does the same for keyed
// draws. [Student] plans a test of a model that was trained on marked text.
//
// Numbers of tokens always mean scored tokens: distinct pairs outside the prompts. Functions panic
// on numbers outside their stated range. Types are values and safe for concurrent use.
package plan
