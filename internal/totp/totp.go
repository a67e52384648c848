// Package totp computes time-based one-time passwords: RFC 6238 with HMAC-SHA-1,
// six digits and steps of 30 seconds, which is what every authenticator knows.
package totp

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the RFC's; HMAC does not need its collision resistance
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// SeedSize is the length of a seed in bytes: that of the hash, as RFC 4226
// recommends.
const SeedSize = 20

const (
	digits  = 6
	modulus = 1_000_000
	period  = 30
	// window is how many steps a clock may be off, in both directions.
	window = 1
)

// Step is the time step of t.
func Step(t time.Time) int64 {
	s := t.Unix()
	if s < 0 {
		return (s - period + 1) / period
	}
	return s / period
}

// Code is the code of a seed in a time step.
func Code(seed []byte, step int64) string { return code(seed, step, digits, modulus) }

func code(seed []byte, step int64, digits int, modulus uint32) string {
	var message [8]byte
	binary.BigEndian.PutUint64(message[:], uint64(step))
	mac := hmac.New(sha1.New, seed)
	mac.Write(message[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", digits, n%modulus)
}

// Form reports whether text has the form of a code, and returns it without the
// spaces that people type.
func Form(text string) (string, bool) {
	text = strings.ReplaceAll(strings.TrimSpace(text), " ", "")
	if len(text) != digits {
		return "", false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return "", false
		}
	}
	return text, true
}

// Find returns the time step within one of now to which the code belongs, and
// whether there is one. It takes the same time whatever the code.
func Find(seed []byte, text string, now time.Time) (step int64, ok bool) {
	given, form := Form(text)
	if !form {
		given = strings.Repeat("0", digits)
	}
	at := Step(now)
	for s := at - window; s <= at+window; s++ {
		if subtle.ConstantTimeCompare([]byte(Code(seed, s)), []byte(given)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok && form
}

// Text is the form of a seed that people type into an authenticator.
func Text(seed []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(seed)
}

// URI is what a QR code for an authenticator holds (Key URI Format).
func URI(seed []byte, issuer, account string) string {
	label := url.PathEscape(account)
	q := "secret=" + Text(seed)
	if issuer != "" {
		label = url.PathEscape(issuer) + ":" + label
		q += "&issuer=" + url.QueryEscape(issuer)
	}
	// A colon ends the issuer; authenticators want %20 in both parts.
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(q, "+", "%20") + "&algorithm=SHA1&digits=6&period=30"
}
