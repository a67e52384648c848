// Package escalation holds a search: administrators who try every change at random
// for one that gives them a right which they lacked. It has no code of its own.
package escalation
