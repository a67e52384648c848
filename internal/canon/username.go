package canon

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

const (
	minUsername = 3   // code points
	maxUsername = 255 // code points
)

// Username returns the key of a user name.
//
// A user name has 3 to 255 code points, typed and as a key. It is an e-mail
// address, when it contains an @, or consists of letters, marks, digits and
// the characters . _ - and starts with a letter or digit.
//
// The key of an address is the one [Email] returns. The key of any other name
// is its form in the profile UsernameCaseMapped of RFC 8265: half-width and
// full-width characters mapped, lower case, NFC. So Kim and kim have the same
// key, but straße and strasse have not.
//
// The letters of a name, or of the local part of an address, must be of one
// script, or of scripts that are written together: the level "highly
// restrictive" of Unicode Technical Standard 39, section 5.2. That keeps a
// Cyrillic а out of admin. It does not tell apart whole words that look alike
// in two scripts.
func Username(s string) (key string, err error) {
	if len(s) >= minUsername && len(s) <= maxUsername && plainUsername(s) && s[0] != '.' && s[0] != '_' && s[0] != '-' {
		key, _ = lowerASCII(s)
		return key, nil
	}
	return anyUsername(s)
}

func anyUsername(s string) (key string, err error) {
	if !utf8.ValidString(s) {
		return "", refuse(RuleEncoding, msgEncoding)
	}
	if err := usernameLength(s); err != nil {
		return "", err
	}
	name := s
	if strings.Contains(s, "@") {
		if _, key, err = Email(s); err != nil {
			return "", err
		}
		name, _, _ = strings.Cut(key, "@")
	} else {
		if key, err = usernameKey(s); err != nil {
			return "", err
		}
		name = key
	}
	if err := usernameLength(key); err != nil {
		return "", err
	}
	if !oneScript(name) {
		return "", refuse(RuleScript, "must not mix scripts")
	}
	return key, nil
}

func usernameLength(s string) error {
	if n := utf8.RuneCountInString(s); n < minUsername || n > maxUsername {
		return refuse(RuleLength, "must have 3 to 255 characters")
	}
	return nil
}

// usernameKey returns the key of a name that is not an address. It checks the
// key and not the name, so that a key passes the same checks.
func usernameKey(s string) (string, error) {
	key := ""
	if plainUsername(s) {
		key, _ = lowerASCII(s)
	} else {
		for _, r := range s {
			if unicode.IsControl(r) {
				return "", refuse(RuleControl, "must not contain control characters")
			}
		}
		var err error
		if key, err = precis.UsernameCaseMapped.String(s); err != nil {
			return "", refuse(RuleCharacters, "contains a character that is not allowed")
		}
		if again, err := precis.UsernameCaseMapped.String(key); err != nil || again != key {
			return "", refuse(RuleCharacters, "contains a character that is not allowed")
		}
	}
	for i, r := range key {
		switch {
		case unicode.IsLetter(r) || unicode.Is(unicode.Nd, r):
		case i == 0:
			return "", refuse(RuleFormat, "must start with a letter or digit")
		case r == '.' || r == '_' || r == '-' || unicode.IsMark(r):
		default:
			return "", refuse(RuleCharacters, "must consist of letters, digits and . _ -")
		}
	}
	return key, nil
}

// plainUsername reports whether s consists of ASCII letters, digits, and . _ -
// only, for which the profile does nothing but mapping to lower case.
func plainUsername(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// The scripts that are written together with others.
const (
	latin = 1 << iota
	han
	hiragana
	katakana
	hangul
	bopomofo
)

// togetherScripts is in the order of how common they are.
var togetherScripts = [...]struct {
	table *unicode.RangeTable
	bit   uint8
}{
	{unicode.Latin, latin},
	{unicode.Han, han},
	{unicode.Hiragana, hiragana},
	{unicode.Katakana, katakana},
	{unicode.Hangul, hangul},
	{unicode.Bopomofo, bopomofo},
}

// oneScript reports whether the characters of s are of one script, or of
// Latin, Han and one of Hiragana with Katakana, Hangul or Bopomofo. Characters
// of no script of their own, such as digits, are of every script.
func oneScript(s string) bool {
	var together uint8            // scripts of togetherScripts found
	var alone *unicode.RangeTable // another script found
next:
	for _, r := range s {
		if r < utf8.RuneSelf {
			if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
				together |= latin
			}
			continue
		}
		if alone != nil && unicode.Is(alone, r) || unicode.In(r, unicode.Common, unicode.Inherited) {
			continue
		}
		for _, script := range togetherScripts {
			if unicode.Is(script.table, r) {
				together |= script.bit
				continue next
			}
		}
		if alone != nil {
			return false
		}
		if alone = scriptOf(r); alone == nil {
			return false
		}
	}
	if alone != nil {
		return together == 0
	}
	for _, allowed := range [...]uint8{
		latin | han | hiragana | katakana,
		latin | han | hangul,
		latin | han | bopomofo,
	} {
		if together&^allowed == 0 {
			return true
		}
	}
	return false
}

// scriptOf returns the table of the script of r, or nil if it has none.
func scriptOf(r rune) *unicode.RangeTable {
	for _, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return table
		}
	}
	return nil
}
