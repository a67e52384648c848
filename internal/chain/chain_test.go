package chain_test

import (
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/usermgmt/usermgmt/internal/chain"
)

func sum(domain string, parts ...string) [chain.Size]byte {
	d := chain.New(domain)
	for _, p := range parts {
		d.Text(p)
	}
	return d.Sum()
}

func TestNoTwoListsAreTheSame(t *testing.T) {
	t.Parallel()
	lists := [][]string{{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"b", "a"}, {"a", "", "b"}, {"a", "b", ""}, {"\x00"}}
	seen := map[[chain.Size]byte]int{}
	for i, l := range lists {
		for _, domain := range []string{"", "x", "y"} {
			if domain == "" && i == 3 {
				continue
			}
			_, twice := seen[sum(domain, l...)]
			assert.False(t, twice, "%q in %q", l, domain)
			seen[sum(domain, l...)] = i
		}
	}
}

func TestTheFormIsFixed(t *testing.T) {
	t.Parallel()
	d := chain.New("")
	d.Fixed([]byte{1, 2})
	d.Text("ab")
	d.Int(-1)
	assert.Equal(t, sha256.Sum256([]byte("\x01\x02\x00\x00\x00\x00\x00\x00\x00\x02ab\xff\xff\xff\xff\xff\xff\xff\xff")), d.Sum())
}
