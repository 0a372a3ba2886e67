// Package corpus reads what people bring: files, pipes and readers of any of the kinds
// that hold text, and yields their documents one at a time, in memory that does not grow
// with the input.
//
//	c, err := corpus.New(nil)
//	var n corpus.Counts
//	for item := range c.Path(ctx, "dump.jsonl.zst") {
//		n.Add(item)
//		switch x := item.(type) {
//		case *corpus.Document: // a row with its texts
//		case *corpus.Skip: // a row without, and why
//		case *corpus.Source: // how a file was read, at its end
//		}
//	}
//	err = n.Check() // rows = documents + skips
//
// # What a file is
//
// The kind of a file is found by its content: magic bytes, then a byte order mark, then
// the first bytes that are not blank. Its name decides only what the content leaves open,
// such as whether lines without any JSON are a text or the broken lines of a .jsonl file.
// [Options.Format] overrides both. A [Source] says what was taken and by what. A file that
// looks like JSON, CSV, a container or binary never becomes "one text": it is read as what
// it is, or skipped with a reason.
//
// # Nothing vanishes
//
// Every row becomes one Document or one Skip. A row is a line of JSON, an element of a
// list, a record of CSV or of a crawl, a row of parquet, a message, or a file that is one
// text. What cannot be cut into rows, such as the rest of a damaged file, is one row and
// one Skip. Values of a row that were not read, although they might hold text, are in
// [Document.Unread]. Records that hold no text by their nature, such as the requests of a
// crawl, are counted in [Source.Passed].
//
// # Places
//
// A [Place] leads another tool to the row: the file, the members of archives, the number of
// the line or row, the row group, the byte offset, the URL and the id of a record.
//
// docs/formats/inputs.md lists all kinds and shapes, and what is said about each.
package corpus
