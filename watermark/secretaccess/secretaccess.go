// Package secretaccess gates what gives the bytes of a secret key away.
//
// Methods that return a secret take a [Token], and [Allow] alone makes one that they accept. A
// template, a debugger's method call or code that finds methods by reflection has none. Who
// imports this package can read keys, and a build can forbid the import.
package secretaccess

// A Token allows a call to return a secret. The zero Token allows nothing. It has no exported field
// and no method, so that reflection cannot make one.
type Token struct{ allowed bool }

// Allow returns a Token that allows a call to return a secret. Do not put it into what a template or
// a log gets.
func Allow() Token { return Token{true} }

// Check panics if t allows nothing.
func Check(t Token) {
	if !t.allowed {
		panic("secretaccess: a secret was asked for with the zero Token; use Allow")
	}
}
