// Package forms has the normal forms in which a text may be tested besides as it is.
//
// Copying, quoting, wrapping, escaping and converting change the bytes of a text, and with
// them its tokens, so that a mark that is there is not seen. A [Form] undoes one such
// change. It is a function of the text alone: it knows neither key nor score. Each form
// that is tested is one more test, which whoever tests must count. A form that leaves a
// text as it is needs no test of its own, and [Variants] leaves it out.
//
// A form returns the changed text and a [Map], which leads from byte offsets of the changed
// text back to the text as it was, so that a span that was found keeps its place in the
// file.
//
// # Composition
//
// Forms compose in the order of [All]: escapes first, then characters, then lines. That
// order is fixed, since an entity may stand for a no-break space and a quote mark may
// stand before an escape. [Chain] puts names into that order. Of unwrap, paragraphs and
// join, which say different things about the ends of lines, a chain takes one.
//
// # What holds
//
// For every text: the map is monotone, its ends are the ends of both texts, and the text is
// unchanged exactly when the map is the identity. Forms with Idempotent set do nothing to
// their own output. The others undo one layer of escapes, so that a second use may undo a
// second layer.
package forms
