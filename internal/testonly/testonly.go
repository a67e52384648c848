// Package testonly holds what only this module's own packages can name.
package testonly

// Permit allows settings that are fit for tests alone. Hosts cannot make one.
type Permit struct{ Weak bool }
