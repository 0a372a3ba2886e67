// Package testmark holds the keys, marks and texts that the tests of this module share.
// Only files that end in _test.go import it.
//
// A value depends on the arguments alone, so a test that uses them has one fixed outcome.
//
//   - [Key], [RepeatKey], [SecretKey] and [HexKey] return keys that everybody may know.
//   - [Mark], [Green] and [Sequence] bind them, and fail the test on an error.
//   - [Uniform] and [Zipf] return token ids without a mark, [Sentences] returns English.
//   - [Write] samples a text with marks, or without any, from logits that a [Rows] fills.
//   - [ReadVectors] and [VectorMark] read testdata/vectors.
//   - [EachBackend] runs a test on every backend of package kernel.
//   - [NeedTool] finds a program, or skips the test.
//
// Package nulltext below it holds real texts for null panels. Package race tells whether
// the race detector is on. Package mutate makes neighbours of the seeds of fuzz targets.
//
// Tests that are part of package watermark, prf or kernel can import race alone, because
// testmark imports these packages. Tests of package watermark_test can import everything.
package testmark
