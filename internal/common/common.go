// Package common knows the commonest passwords.
package common

import (
	"encoding/json"
	"strings"
	"sync"

	"github.com/ccojocar/zxcvbn-go/data"
)

// passwords is the frequency list of the zxcvbn project, most common first:
// about 7,000 entries. It is read once, when first needed.
var passwords = sync.OnceValue(func() map[string]struct{} {
	var list struct{ List []string }
	raw, err := data.Asset("data/Passwords.json")
	if err != nil || json.Unmarshal(raw, &list) != nil {
		return nil // a test proves that this does not happen
	}
	out := make(map[string]struct{}, len(list.List))
	for _, p := range list.List {
		out[strings.ToLower(p)] = struct{}{}
	}
	return out
})

const (
	minPart = 4  // shorter entries are parts of too much
	maxPart = 32 // no entry is longer
	maxScan = 64 // longer passwords are not made of two common ones
)

// Password reports whether p, whatever its case, is one of the commonest
// passwords, or is made of at most two different ones, runs of one character
// or ascending or descending sequences, each as often as one likes:
// "passwordpassword", "qwerty123456789". A list alone says nothing about
// passwords of 15 characters and more; nearly all of its entries are shorter.
func Password(p string) bool {
	p = strings.ToLower(p)
	if _, ok := passwords()[p]; ok {
		return true
	}
	return p != "" && len(p) <= maxScan && made(p, "", "")
}

// made reports whether s is made of a, b and, where those are still empty, of
// parts yet to be chosen.
func made(s, a, b string) bool {
	if s == "" {
		return true
	}
	for _, known := range [2]string{a, b} {
		if known != "" && strings.HasPrefix(s, known) && made(s[len(known):], a, b) {
			return true
		}
	}
	if b != "" {
		return false
	}
	for n := min(len(s), maxPart); n >= minPart; n-- {
		part := s[:n]
		if _, ok := passwords()[part]; !ok && !sequence(part) {
			continue
		}
		if a == "" && made(s[n:], part, "") || a != "" && made(s[n:], a, part) {
			return true
		}
	}
	return false
}

// sequence reports whether the letters or digits of s rise by one, fall by one,
// or are all equal; after 9 comes 0.
func sequence(s string) bool {
	if c := s[0]; c < '0' || c > '9' && c < 'a' || c > 'z' {
		return false // NIST SP 800-63B: any mixture is fine, be it only spaces
	}
	step := int(s[1]) - int(s[0])
	if step < -1 || step > 1 {
		return false
	}
	for i := 1; i < len(s); i++ {
		d := int(s[i]) - int(s[i-1])
		if d != step && !(step == 1 && s[i-1] == '9' && s[i] == '0') && !(step == -1 && s[i-1] == '0' && s[i] == '9') {
			return false
		}
	}
	return true
}
