// Package fresh holds the test that no process allows what another one has taken
// away. It has no code of its own.
package fresh
