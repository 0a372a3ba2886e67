// Package pipeline scans a corpus with Apache Beam: the same test as 'isotope scan', on the machines
// of an engine.
//
// The element of the pipeline is a [Shard], which is a group of files. A ParDo tests the documents of
// a shard into a journal, as 'isotope map' does, and stores the journal. The journal is the state
// that merges in any order. A CombineFn gathers the addresses of the journals, each shard once. A
// last ParDo merges them, as 'isotope reduce' does, and writes what 'isotope scan --json' prints.
//
// An engine may run a bundle again after a failure. The CombineFn then keeps one journal of the
// shard, and the last step refuses to count a file twice or to miss one.
package pipeline
