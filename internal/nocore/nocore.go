// Package nocore keeps the memory of a program that holds a secret key out of core dumps.
//
// A core dump has every key that the program read, in bytes and in hex digits. Programs call
// [Disable] when they have read one. Libraries must not: it changes the process.
package nocore
