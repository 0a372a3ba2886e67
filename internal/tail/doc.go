// Package tail computes how unlikely a score is under the null laws of the watermark
// tests: log10 P(S >= s), at any depth. A p-value of 10^-10000 is a number like any
// other; nothing underflows and nothing is floored.
//
//	[Binomial]             green tokens, tournament bits
//	[Gamma]                Gumbel scores
//	[WeightedBernoulli]    green tokens or bits with integer weights
//	[PoissonBinomial]      green tokens with a probability each
//	[LatticeSum]           any other integer scores
//	[WeightedExponential]  weighted Gumbel scores
//	[Normal]               z-scores, for comparison only
//
// [Minimax] is the log of an e-value of a Gumbel score. [Sidak] and [Bonferroni] count the tests that were tried, and [BinomialCritical] is
// the least count that a level asks for.
//
// # What is promised
//
// Every tail is P(S >= s), never P(S > s) and never the mid-p between them, which is
// not a valid p-value. Every result is in [-Inf, 0]: 0 for a value that S always
// reaches, -Inf for one that it never reaches.
//
// No result claims more than the truth, but for the rounding of the last operations:
// it is at least the exact log10 P less 1e-13 * max(1, |log10 P|). Where something is
// approximated, the approximation errs upwards, and the documentation says by how much.
// The result is monotone in s to the same tolerance.
//
// The result has the same bits on every machine: the package uses only operations that
// IEEE 754 pins down, its own elementary functions included.
//
// Invalid arguments, such as a probability outside [0, 1], are mistakes of the
// programmer and panic. All functions are safe for concurrent use.
//
// # Methods
//
// The binomial and the gamma tail are a probability in Loader's saddle-point form and
// a short sum, or a positive integral where the sum would be long. All other sums of
// independent scores go through one idea: the inversion integral of the tail, taken
// through the saddle point, where nothing oscillates and the depth is a factor that can
// stay a logarithm. For integer scores the sum over its nodes is the tail plus positive
// terms with a proven bound, so accuracy does not rest on convergence; small problems,
// and those in which the integral loses digits, are convolved instead.
//
// References: C. Loader, "Fast and accurate computation of binomial probabilities"
// (2000); H. E. Daniels, "Saddlepoint approximations in statistics" (1954) and "Tail
// probability approximations" (1987); R. Lugannani and S. Rice, "Saddle point
// approximation for the distribution of the sum of independent random variables"
// (1980), whose formula these tails replace; L. N. Trefethen and J. A. C. Weideman, "The
// exponentially convergent trapezoidal rule" (2014); M. Abramowitz and I. A. Stegun,
// "Handbook of Mathematical Functions"; NIST Digital Library of Mathematical Functions,
// dlmf.nist.gov.
package tail
