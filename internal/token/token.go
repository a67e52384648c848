// Package token makes and checks the texts of the library's opaque secrets:
// session tokens, link tokens and API keys.
//
// A token carries no claim and is never stored. What is stored is the SHA-256
// of its text; a plain hash is enough because every token carries at least
// 32 random bytes. The random bytes come from the caller, so that this package
// needs no source of randomness and its results can be tested.
//
// A text is accepted only in the one form its New function gives it, so a
// token has exactly one text. The check functions allocate nothing, and their
// errors never contain any part of the token.
package token

import (
	"crypto/sha256"
	"encoding/base64"
)

const (
	sessionPrefix = "ums_"
	linkPrefix    = "uml_"

	prefixLen = 4
	bodyLen   = 43 // 32 bytes in base64url without padding
	opaqueLen = prefixLen + bodyLen
)

// NewSession returns the session token that carries the 32 given bytes: the
// text "ums_" and their base64url form (RFC 4648, section 5) without padding,
// 47 characters in all. The bytes must come from a cryptographic source.
func NewSession(rand [32]byte) string { return newOpaque(sessionPrefix, rand) }

// SessionHash returns the SHA-256 of the text of a session token. It reports
// false and a zero hash unless token is a text that [NewSession] can return.
func SessionHash(token string) (h [32]byte, ok bool) { return opaqueHash(sessionPrefix, token) }

// NewLink returns the token of a link that is used once, such as a password
// reset or an invitation. It has the form of a session token with the prefix
// "uml_", so that neither kind is ever taken for the other.
func NewLink(rand [32]byte) string { return newOpaque(linkPrefix, rand) }

// LinkHash returns the SHA-256 of the text of a link token. It reports false
// and a zero hash unless token is a text that [NewLink] can return.
func LinkHash(token string) (h [32]byte, ok bool) { return opaqueHash(linkPrefix, token) }

func newOpaque(prefix string, rand [32]byte) string {
	var buf [opaqueLen]byte
	copy(buf[:], prefix)
	base64.RawURLEncoding.Encode(buf[prefixLen:], rand[:])
	return string(buf[:])
}

func opaqueHash(prefix, token string) (h [32]byte, ok bool) {
	if len(token) != opaqueLen || token[:prefixLen] != prefix {
		return h, false
	}
	for i := prefixLen; i < opaqueLen; i++ {
		if base64Value[token[i]] == 0 {
			return h, false
		}
	}
	// 43 characters hold 258 bits: the last two must be zero.
	if (base64Value[token[opaqueLen-1]]-1)&3 != 0 {
		return h, false
	}
	var buf [opaqueLen]byte
	copy(buf[:], token)
	return sha256.Sum256(buf[:]), true
}

// base64Value holds the value plus one of every base64url digit, and 0 for
// every other byte.
var base64Value = digitTable("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

func digitTable(alphabet string) (t [256]uint8) {
	for i := range len(alphabet) {
		t[alphabet[i]] = uint8(i + 1)
	}
	return t
}
