// Package intoto has a test that reads the signed plans and reports of command isotope with the
// libraries of in-toto and DSSE.
package intoto
