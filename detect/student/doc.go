// Package student tests whether a model was trained on marked text, and through which accounts.
//
// # Getting started
//
// A [Test] takes what the suspect wrote, with the prompts that it received:
//
//	decoys, err := student.NewDecoys(detect.NewRunKey(), student.DefaultDecoys, bind)
//	...
//	test, err := student.New(mark, decoys, nil)
//	...
//	test.Add(prompt, output)
//	fmt.Println(test.Result().Verdict)
//
// The Example of this package runs such a test. Where to start:
//
//   - outputs of a closed model: [Test]
//   - the same while the model is asked, until there is enough: [Sequential]
//   - the accounts through which the text went: [Test.Trace], with the registry's [Accounts]
//   - what may be concluded, in words: [Conclude]
//   - open weights, against the model from which they were tuned: [Difference]
//   - open weights alone: [Choices] for arg-max tokens, [NewMass] for rows of probabilities
//   - open weights, on your own marked outputs: [Marked]
//
// Declare beforehand what will be tested: keys, options, prompts, and when to stop.
//
// # What is tested
//
// The null hypothesis is that the outputs, or the model and the texts it reads, do not depend on
// the key. Given them, the colours of distinct (context, token) pairs are independent. So every
// p-value is an exact tail, or holds at any time. All tests need a green list: under other laws
// there is no exact tail here for weights of either sign. Control keys run besides the real one and
// test the tester, see [Decoys]. docs/students.md has the proofs.
//
// A rejection says that the outputs or weights depend on the key. It does not say who trained the
// model, or why.
package student
