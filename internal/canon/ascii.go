package canon

import "strings"

// Most names and texts are plain ASCII. The functions here answer for those
// what the others would, without looking anything up in tables. Where they do
// not answer, which needs no reason, the others do.

// The kinds of ASCII characters.
const (
	printable = 1 << iota // from ' ' to '~'
	upper
	ldh  // lower-case letter, digit or hyphen: what labels of a domain consist of
	atom // atext of RFC 5322 or a dot
)

var asciiKinds = func() (kinds [256]uint8) {
	for c := byte(' '); c <= '~'; c++ {
		kinds[c] = printable
		if 'A' <= c && c <= 'Z' {
			kinds[c] |= upper
		}
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' {
			kinds[c] |= ldh
		}
		if atext(c) || c == '.' {
			kinds[c] |= atom
		}
	}
	return kinds
}()

// plainText reports whether s consists of printable ASCII characters, and
// whether some are in upper case.
func plainText(s string) (plain, hasUpper bool) {
	all, some := uint8(printable), uint8(0)
	for i := range len(s) {
		k := asciiKinds[s[i]]
		all &= k
		some |= k
	}
	return all != 0, some&upper != 0
}

// plainName is Name for a printable ASCII name without two spaces in a row.
func plainName(s string) (key string, ok bool) {
	if s == "" || len(s) > maxNameLength || s[0] == ' ' || s[len(s)-1] == ' ' {
		return "", false
	}
	plain, hasUpper := plainText(s)
	if !plain || strings.Contains(s, "  ") {
		return "", false
	}
	if hasUpper {
		s, _ = lowerASCII(s)
	}
	return s, true
}

// plainEmail is Email for an ASCII address whose domain is in lower case and
// not internationalised.
func plainEmail(s string) (key string, ok bool) {
	at := strings.IndexByte(s, '@')
	if at < 1 || at > maxLocal || len(s) > maxEmail || s[0] == '.' || s[at-1] == '.' {
		return "", false
	}
	all, some := uint8(atom), uint8(0)
	for i := range at {
		k := asciiKinds[s[i]]
		if s[i] == '.' && s[i+1] == '.' {
			return "", false
		}
		all &= k
		some |= k
	}
	if all == 0 || !plainDomain(s[at+1:]) {
		return "", false
	}
	if some&upper != 0 {
		s, _ = lowerASCII(s)
	}
	return s, true
}

// plainDomain reports whether s is a domain of two labels or more, none of
// which has two hyphens in a row. The last one begins with a letter.
func plainDomain(s string) bool {
	if len(s) > maxDomain {
		return false
	}
	begin, labels := 0, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '.' {
			if asciiKinds[s[i]]&ldh == 0 || s[i] == '-' && i > 0 && s[i-1] == '-' {
				return false
			}
			continue
		}
		if i == begin || i-begin > maxLabel || s[begin] == '-' || s[i-1] == '-' {
			return false
		}
		labels++
		if i < len(s) {
			begin = i + 1
		}
	}
	return labels > 1 && 'a' <= s[begin] && s[begin] <= 'z'
}
