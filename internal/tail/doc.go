// Package tail computes how unlikely a score is under the null laws of the
// watermark tests: the log10 of P(S >= s), at any depth. A p-value of 10^-10000 is
// a number like any other; nothing underflows and nothing is floored.
//
// Every function returns a number in [-Inf, 0], and every tail is P(S >= s), never
// P(S > s) and never the mid-p between them, which is not a valid p-value.
package tail
