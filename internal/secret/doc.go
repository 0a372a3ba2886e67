// Package secret finds secrets where they do not belong, and hides them.
//
// A marking key that has left the machine is lost for good: whoever saw it can mark text for ever.
// So every reader of what people give, and every writer of what others see, asks this package.
// [Holds] finds the text form of a marking key in any case, escape, encoding or position. With
// [Remember] it also finds the bare digits of the keys in use. [Finder] finds other secrets, such
// as the API key of an endpoint. [MayHold] also finds private keys in PEM and of OpenSSH, for what
// leaves the machine.
//
// The package looks through one layer of writing at a time: white space and invisible characters
// inside a key, escapes of JSON, of URLs, of HTML and of mail, UTF-16, hexadecimal and base64. It
// cannot find a key that somebody encrypted or spelt in a way of their own.
//
// All functions are linear in the length of the text, and safe for concurrent use.
package secret
