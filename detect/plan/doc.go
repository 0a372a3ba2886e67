// Package plan computes how much text a test needs, before anything is tested.
//
// # Getting started
//
// [Share] works for every scheme:
//
//	n, err := plan.Share{Law: mark.Law(), Share: 0.5}.Tokens(0.9)
//
// Where to start:
//
//   - a share of marked text, by a stated reference: [Share]
//   - a known rate of green tokens: [GreenList]
//   - the green rate that a bias causes, and its cost in nats, for a kind of text: [Text],
//     [Entropy], [Mass]
//   - the same from a model's own rows or log: [Row], [Histogram], [Mix]
//   - a keyed draw on a kind of text: [TextDraw]
//   - a model that was trained on marked text: [Student]
//
// A number of tokens always means scored tokens: distinct pairs outside the prompts. Functions
// panic on numbers outside their stated range. The types are values, or immutable, and safe for
// concurrent use.
package plan
