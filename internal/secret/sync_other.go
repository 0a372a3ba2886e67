//go:build !unix

package secret

// SyncDir does nothing: these systems make the name of a file last with the file.
func SyncDir(string) error { return nil }
