// Package scorertest checks implementations of [detect.Scorer], as testing/fstest checks file
// systems. If you write a scorer for a scheme of your own, call both functions in a test:
//
//	func TestScorer(t *testing.T) {
//		scorer := func(i int) (detect.Scorer, error) { return newScorer(testKey(i)) }
//		s, err := scorer(0)
//		if err != nil {
//			t.Fatal(err)
//		}
//		if err := scorertest.Test(s); err != nil {
//			t.Error(err)
//		}
//		if err := scorertest.TestNull(1000, scorer); err != nil {
//			t.Error(err)
//		}
//	}
//
// [Test] checks everything that package detect relies on, apart from the law. [TestNull] checks the
// law: how often are p-values small under keys that the text does not know?
package scorertest
