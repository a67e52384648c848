package canon

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Limits of RFC 5321, section 4.5.3.1, and of RFC 1035, in octets. 254 is the
// path limit of 256 without its angle brackets.
const (
	maxEmail  = 254
	maxLocal  = 64
	maxDomain = 253
	maxLabel  = 63

	maxEmailInput = 4 * maxEmail // no longer address can come out short enough
)

// Email checks an e-mail address and returns two forms of it: canonical, which
// is used to send mail, and key, which tells whether two addresses are the same.
//
// An address is a dot-atom, an @ and a domain (RFC 5321, section 4.1.2).
// Quoted local parts, comments, display names, address literals and domains of
// a single label are refused. The local part may contain letters, marks and
// digits of other scripts (RFC 6531); dots neither start nor end it, nor stand
// side by side. The local part has at most 64 octets and the address 254, in
// both forms.
//
// In canonical the domain is in lower case and an internationalised domain in
// its ASCII form (the profile Lookup of golang.org/x/net/idna); the local part
// is as typed, in NFC. In key the local part is in NFKC with full case folding
// as well. Strictly taken only the receiving host knows which local parts are
// the same; no host in practice gives Kim and kim to different people. Nothing
// is assumed of dots and plus signs. Both forms are addresses with the same key.
func Email(s string) (canonical, key string, err error) {
	if key, ok := plainEmail(s); ok {
		return s, key, nil
	}
	return anyEmail(s)
}

func anyEmail(s string) (canonical, key string, err error) {
	if len(s) > maxEmailInput {
		return "", "", refuse(RuleLength, "is too long")
	}
	if !utf8.ValidString(s) {
		return "", "", refuse(RuleEncoding, msgEncoding)
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return "", "", refuse(RuleControl, "must not contain control characters")
		}
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok {
		return "", "", refuse(RuleFormat, "must be an e-mail address, such as name@example.com")
	}
	local = norm.NFC.String(local)
	if err := checkLocal(local); err != nil {
		return "", "", err
	}
	if domain, err = emailDomain(domain); err != nil {
		return "", "", err
	}
	folded, ok := stable(local, foldKey)
	if !ok {
		return "", "", refuse(RuleCharacters, "contains a character that is not allowed")
	}
	if err := checkLocal(folded); err != nil {
		return "", "", err
	}
	canonical, key = local+"@"+domain, folded+"@"+domain
	if len(canonical) > maxEmail || len(key) > maxEmail {
		return "", "", refuse(RuleLength, "is too long")
	}
	return canonical, key, nil
}

func checkLocal(s string) error {
	if len(s) > maxLocal {
		return refuse(RuleLength, "has more than 64 bytes before the @")
	}
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return refuse(RuleFormat, "must have a name before the @, with single dots inside it only")
	}
	for i, r := range s {
		switch {
		case r < utf8.RuneSelf:
			if r != '.' && !atext(byte(r)) {
				return refuse(RuleCharacters, "contains a character that is not allowed")
			}
		case i == 0 && unicode.IsMark(r), ignorable(r),
			!unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.Is(unicode.Nd, r):
			return refuse(RuleCharacters, "contains a character that is not allowed")
		}
	}
	return nil
}

// atext reports whether c is in the rule atext of RFC 5322, section 3.2.3.
func atext(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c > ' ' && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// emailDomain returns the ASCII form, in lower case, of a domain.
func emailDomain(s string) (string, error) {
	domain, err := idna.Lookup.ToASCII(s)
	if err != nil {
		return "", refuse(RuleFormat, "must have a valid domain after the @")
	}
	again, err := idna.Lookup.ToASCII(domain)
	if err != nil || again != domain || len(domain) > maxDomain {
		return "", refuse(RuleFormat, "must have a valid domain after the @")
	}
	labels := 0
	last := ""
	for last = range strings.SplitSeq(domain, ".") {
		if last == "" || len(last) > maxLabel {
			return "", refuse(RuleFormat, "must have a valid domain after the @")
		}
		labels++
	}
	// A last label of digits would be a part of an IPv4 address (RFC 3696,
	// section 2).
	if labels < 2 || strings.Trim(last, "0123456789") == "" {
		return "", refuse(RuleFormat, "must have a full domain after the @, such as example.com")
	}
	return domain, nil
}
