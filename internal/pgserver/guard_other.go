//go:build !unix

package pgserver

import "fmt"

type guard struct{ dir string }

type proc struct {
	done chan struct{}
	err  error
}

func newGuard(bool) (*guard, error) {
	return nil, fmt.Errorf("%w: not on this operating system", ErrNoServer)
}

func (g *guard) spawn(string, string, ...string) (*proc, error) { return nil, ErrNoServer }
func (g *guard) close() error                                   { return nil }
func (g *guard) own(string) error                               { return nil }
func (p *proc) killTree() ([]int, error)                        { return nil, ErrNoServer }
func ended(int) bool                                            { return true }
