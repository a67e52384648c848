// Package equality holds tests only: they drive random sequences of service
// calls by random actors against every store at once and against a naive model
// of the documented rules, and compare results, kinds of errors, orders of lists
// and the final state.
package equality
