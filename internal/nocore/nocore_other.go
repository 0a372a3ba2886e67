//go:build !unix

package nocore

// Disable does nothing: these systems write no core dumps unless somebody asks for them.
func Disable() error { return nil }
