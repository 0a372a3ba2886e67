// Package tail computes how unlikely a score is under the null laws of the watermark tests. Each
// function returns log10 P(S >= s), at any depth. A p-value of 10^-10000 is a number like any
// other: it does not underflow, and no function replaces it by a floor.
//
//	[Binomial]             green tokens, tournament bits
//	[Gamma]                Gumbel scores
//	[WeightedBernoulli]    green tokens or bits with integer weights
//	[PoissonBinomial]      green tokens with a probability each
//	[LatticeSum]           any other integer scores
//	[WeightedExponential]  weighted Gumbel scores
//	[Normal]               z-scores, for comparison only
//
// [Minimax] returns the logarithm of an e-value of a Gumbel score. [Sidak] and [Bonferroni] adjust
// a p-value for several tests. [BinomialCritical] returns the smallest count that reaches a level.
//
// # Guarantees
//
// Every tail is P(S >= s). It is not P(S > s), nor the mid-p between them, which is not a valid
// p-value. Every result is in [-Inf, 0]: 0 for a value that S always reaches, -Inf for one that it
// never reaches.
//
// No result claims more evidence than there is, except for the rounding of the last operations. It
// is at least the exact log10 P less 1e-13 * max(1, |log10 P|). Every approximation errs upwards,
// and the doc comment of the function says by how much. The result is monotone in s to the same
// tolerance.
//
// The result has the same bits on every machine. The package uses only operations that IEEE 754
// defines exactly, and has elementary functions of its own.
//
// Invalid arguments, such as a probability outside [0, 1], are mistakes of the programmer and
// panic. All functions are safe for concurrent use.
//
// # Methods
//
// The binomial and the gamma tail are the product of a probability and a sum. The probability has
// Loader's saddle-point form. A positive integral replaces a long sum.
//
// All other sums of independent scores use the inversion integral of the tail along a line through
// the saddle point. There it does not oscillate, and the depth is a factor that can stay a
// logarithm. For integer scores the sum over its nodes equals the tail plus positive terms with a
// proven bound, so accuracy does not rest on convergence. Small problems, and those in which the
// integral loses digits, are convolved instead.
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
