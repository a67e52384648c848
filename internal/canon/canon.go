// Package canon checks the names and texts that people type, and turns names
// into keys: two names are the same name if their keys are the same bytes.
//
// A key is its own key: a function that returns a key accepts it and returns
// it unchanged. What Unicode knows as a character, and so what is accepted,
// follows the Unicode version of the Go release and of golang.org/x/text.
//
// Every error is an [*Error]. No result is of use when there is one.
package canon

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// The rules that an [Error] can name. They are stable.
const (
	RuleEncoding   = "encoding"   // not valid UTF-8
	RuleLength     = "length"     // too short or too long
	RuleControl    = "control"    // contains a control character
	RuleSpace      = "space"      // starts or ends with white space
	RuleCharacters = "characters" // contains a character that is not allowed
	RuleScript     = "script"     // mixes scripts that look alike
	RuleFormat     = "format"     // not built as it must be
)

// Error reports the rule that a text breaks.
type Error struct {
	Rule    string // one of the Rule constants
	Message string // for people; never contains any part of the text
}

func (e *Error) Error() string { return e.Message }

func refuse(rule, message string) error { return &Error{rule, message} }

const msgEncoding = "must be valid UTF-8"

const (
	maxNameLength = 255 // code points
	maxMarks      = 30  // in a row, which keeps NFKC from inserting U+034F

	maxPasswordInput = 4096 // bytes
	maxPassword      = 1024 // bytes
)

// Name returns the key of the name of an organisation, a role or a team.
//
// A name has 1 to 255 code points, typed and as a key, and starts and ends
// with something else than white space. It consists of letters, marks,
// numbers, punctuation, symbols and spaces, with at most 30 marks in a row
// (Unicode Standard Annex 15, section 13). Invisible characters are refused,
// among them the ones that change the direction of text, but for the joiners
// U+200C and U+200D and the variation selectors U+FE00 to U+FE0F, which some
// languages and emoji need.
//
// The key is the name in NFKC with full case folding (Unicode Standard,
// section 3.13), without the invisible characters and with every run of spaces
// as one space.
func Name(s string) (key string, err error) {
	if key, ok := plainName(s); ok {
		return key, nil
	}
	return anyName(s)
}

func anyName(s string) (key string, err error) {
	if err := checkName(s); err != nil {
		return "", err
	}
	key, ok := stable(s, nameKey)
	if !ok || key == "" {
		return "", refuse(RuleCharacters, "contains a character that is not allowed")
	}
	if err := checkName(key); err != nil {
		return "", err
	}
	return key, nil
}

func checkName(s string) error {
	if !utf8.ValidString(s) {
		return refuse(RuleEncoding, msgEncoding)
	}
	if n := utf8.RuneCountInString(s); n < 1 || n > maxNameLength {
		return refuse(RuleLength, "must have 1 to 255 characters")
	}
	first, _ := utf8.DecodeRuneInString(s)
	last, _ := utf8.DecodeLastRuneInString(s)
	if unicode.IsSpace(first) || unicode.IsSpace(last) {
		return refuse(RuleSpace, "must not start or end with white space")
	}
	marks := 0
	for _, r := range s {
		marks++
		if !unicode.IsMark(r) {
			marks = 0
		}
		switch {
		case unicode.IsControl(r):
			return refuse(RuleControl, "must not contain control characters")
		case marks > maxMarks:
			return refuse(RuleCharacters, "contains too many marks in a row")
		case ignorable(r):
			if !joiner(r) {
				return refuse(RuleCharacters, "must not contain invisible characters")
			}
		case !unicode.IsGraphic(r):
			return refuse(RuleCharacters, "contains a character that is not allowed")
		}
	}
	return nil
}

// joiner reports whether r is an invisible character that names may contain.
func joiner(r rune) bool {
	return r == '\u200c' || r == '\u200d' || '\ufe00' <= r && r <= '\ufe0f'
}

// ignorable reports whether r has the property Default_Ignorable_Code_Point
// (Unicode Standard Annex 44), in a wider sense: all format characters are in.
func ignorable(r rune) bool {
	return r >= 0xad && unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

func nameKey(s string) string {
	s = foldKey(s)
	key := make([]byte, 0, len(s))
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = true
		case !ignorable(r):
			if space && len(key) > 0 {
				key = append(key, ' ')
			}
			space = false
			key = utf8.AppendRune(key, r)
		}
	}
	return string(key)
}

// foldKey returns s in NFKC with full case folding.
func foldKey(s string) string {
	if lower, ok := lowerASCII(s); ok {
		return lower
	}
	// A Caser must not be shared, by its contract.
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))
}

// lowerASCII returns s in lower case if all of it is ASCII.
func lowerASCII(s string) (lower string, ok bool) {
	upper := false
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return "", false
		}
		upper = upper || 'A' <= s[i] && s[i] <= 'Z'
	}
	if !upper {
		return s, true
	}
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b), true
}

// stable applies f until its result does not change any more, and reports
// whether that is the case after a few times.
func stable(s string, f func(string) string) (string, bool) {
	for range 4 {
		next := f(s)
		if next == s {
			return s, true
		}
		s = next
	}
	return "", false
}

// Text checks free text: valid UTF-8 of at most maxCodePoints code points
// without control characters. A multiline text may contain line feeds and
// tabs; any other must not contain the line and paragraph separators either.
func Text(s string, maxCodePoints int, multiline bool) error {
	if plain, _ := plainText(s); plain && len(s) <= maxCodePoints {
		return nil
	}
	return anyText(s, maxCodePoints, multiline)
}

func anyText(s string, maxCodePoints int, multiline bool) error {
	if !utf8.ValidString(s) {
		return refuse(RuleEncoding, msgEncoding)
	}
	if utf8.RuneCountInString(s) > maxCodePoints {
		return refuse(RuleLength, "is too long")
	}
	for _, r := range s {
		switch {
		case multiline && (r == '\n' || r == '\t'):
		case unicode.IsControl(r):
			return refuse(RuleControl, "must not contain control characters")
		case !multiline && (r == '\u2028' || r == '\u2029'):
			return refuse(RuleControl, "must not contain line ends")
		}
	}
	return nil
}

// Password returns the bytes of a password that are to be hashed: its NFKC
// form, as NIST SP 800-63B advises, so that a password is the same from every
// keyboard. This is version 1 of the preparation; a change of it, which would
// lock people out, needs another version stored beside the hash.
//
// A password is never trimmed or cut. It is refused if it is not valid UTF-8
// or has more than 4096 bytes typed, or more than 1024 bytes in NFKC. The empty
// password is returned as it is: how short is too short is for the policy of
// the caller, which measures with [PasswordLength].
func Password(s string) ([]byte, error) {
	if len(s) > maxPasswordInput {
		return nil, refuse(RuleLength, "is too long")
	}
	if !utf8.ValidString(s) {
		return nil, refuse(RuleEncoding, msgEncoding)
	}
	b := norm.NFKC.AppendString(nil, s)
	if len(b) > maxPassword {
		return nil, refuse(RuleLength, "is too long")
	}
	return b, nil
}

// PasswordLength returns the length in code points of what [Password] returned.
func PasswordLength(password []byte) int { return utf8.RuneCount(password) }
