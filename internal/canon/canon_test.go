package canon

import (
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// rule returns the rule of an error of this package, "" if it is nil.
func rule(t require.TestingT, err error) string {
	if err == nil {
		return ""
	}
	var e *Error
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Message)
	require.Equal(t, e.Message, err.Error())
	return e.Rule
}

// everyCodePoint calls f with all code points, or with some of them under the
// race detector, in several goroutines.
func everyCodePoint(f func(r rune)) {
	const parts = 8
	var wait sync.WaitGroup
	for part := range rune(parts) {
		wait.Go(func() {
			for r := part * stride; r <= unicode.MaxRune; r += parts * stride {
				if utf8.ValidRune(r) {
					f(r)
				}
			}
		})
	}
	wait.Wait()
}

func TestName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Team A":                     "team a",
		"Zürich  Ops":                "zürich ops",
		"Zu\u0308rich ops":           "zürich ops",
		"STRASSE":                    "strasse",
		"Straße":                     "strasse",
		"ΣΊΣΥΦΟΣ":                    "σίσυφοσ",
		"a\u00a0b":                   "a b",
		"a \u3000 b":                 "a b",
		"Ｔｅａｍ":                       "team",
		"№ 1":                        "no 1",
		"R&D (2026) – €, <x>":        "r&d (2026) – €, <x>",
		"❤\ufe0f team":               "❤ team",
		"می\u200cخواهم":              "میخواهم",
		"\U0001f468\u200d\U0001f469": "\U0001f468\U0001f469",
		"¨":                          "\u0308",
	} {
		key, err := Name(in)
		if assert.NoError(t, err, "%q", in) {
			assert.Equal(t, want, key, "%q", in)
		}
	}
	for in, want := range map[string]string{
		"":                                 RuleLength,
		strings.Repeat("a", 256):           RuleLength,
		strings.Repeat("ß", 128):           RuleLength,
		" a":                               RuleSpace,
		"a ":                               RuleSpace,
		"a\u00a0":                          RuleSpace,
		"\ta":                              RuleSpace,
		"a\tb":                             RuleControl,
		"a\x00b":                           RuleControl,
		"a\nb":                             RuleControl,
		"a\u0085b":                         RuleControl,
		"a\u202eb":                         RuleCharacters,
		"a\u2066b":                         RuleCharacters,
		"a\u200fb":                         RuleCharacters,
		"a\u200bb":                         RuleCharacters,
		"a\u00adb":                         RuleCharacters,
		"a\u2028b":                         RuleCharacters,
		"a\u3164b":                         RuleCharacters,
		"a\U000e0041b":                     RuleCharacters,
		"a\ue000b":                         RuleCharacters,
		"a\u0378b":                         RuleCharacters,
		"a\ufffeb":                         RuleCharacters,
		"\u200d":                           RuleCharacters,
		"\xff":                             RuleEncoding,
		"\xed\xa0\x80":                     RuleEncoding,
		"a" + strings.Repeat("\u0301", 40): RuleCharacters,
	} {
		key, err := Name(in)
		assert.Equal(t, want, rule(t, err), "%q", in)
		assert.Empty(t, key)
	}
}

func TestNameIdempotent(t *testing.T) {
	t.Parallel()
	check := func(t require.TestingT, s string) {
		key, err := Name(s)
		if rule(t, err) != "" {
			return
		}
		again, err := Name(key)
		require.NoError(t, err, "%q", s)
		require.Equal(t, key, again, "%q", s)
	}
	everyCodePoint(func(r rune) {
		check(t, string(r))
		check(t, "a"+string(r)+"b")
	})
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.String().Draw(t, "s")) })
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in        string
		multiline bool
		want      string
	}{
		{"", false, ""},
		{"héllo", false, ""},
		{"héllo!", false, RuleLength},
		{"a\nb", true, ""},
		{"a\tb", true, ""},
		{"a\nb", false, RuleControl},
		{"a\tb", false, RuleControl},
		{"a\r\nb", true, RuleControl},
		{"a\x00b", true, RuleControl},
		{"a\x7fb", true, RuleControl},
		{"a\u009fb", true, RuleControl},
		{"a\u2028b", true, ""},
		{"a\u2028b", false, RuleControl},
		{"a\u2029b", false, RuleControl},
		{"\xff", true, RuleEncoding},
	} {
		assert.Equal(t, c.want, rule(t, Text(c.in, 5, c.multiline)), "%q", c.in)
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                        "",
		" correct  horse ":        " correct  horse ",
		"cafe\u0301":              "café",
		"ｐａｓｓ①":                   "pass1",
		"a\u00a0b":                "a b",
		strings.Repeat("a", 1024): strings.Repeat("a", 1024),
		strings.Repeat("ａ", 1024): strings.Repeat("a", 1024),
	} {
		got, err := Password(in)
		if assert.NoError(t, err) {
			assert.Equal(t, want, string(got))
		}
	}
	for in, want := range map[string]string{
		"\xff":                    RuleEncoding,
		strings.Repeat("a", 1025): RuleLength,
		strings.Repeat("ａ", 1366): RuleLength,
		strings.Repeat("ﷺ", 40):   RuleLength,
	} {
		got, err := Password(in)
		assert.Equal(t, want, rule(t, err))
		assert.Nil(t, got)
	}
	assert.Equal(t, 4, PasswordLength([]byte("café")))
	assert.Equal(t, 0, PasswordLength(nil))
}
