package canon

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestEmail(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("d", 61)
	long := strings.Repeat("a", 64) + "@" + strings.Repeat(label+".", 3) + "com" // 254 octets
	require.Len(t, long, 254)
	for in, want := range map[string][2]string{
		"Ann@Example.com":           {"Ann@example.com", "ann@example.com"},
		"a.b+c@sub.example.co.uk":   {"a.b+c@sub.example.co.uk", "a.b+c@sub.example.co.uk"},
		"!#$%&'*+-/=?^_`{|}~@x.org": {"!#$%&'*+-/=?^_`{|}~@x.org", "!#$%&'*+-/=?^_`{|}~@x.org"},
		"a@1.example":               {"a@1.example", "a@1.example"},
		"Ann@BÜCHER.example":        {"Ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"},
		"ann@straße.de":             {"ann@xn--strae-oqa.de", "ann@xn--strae-oqa.de"},
		"ann@XN--BCHER-KVA.example": {"ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"},
		"ann@example。com":           {"ann@example.com", "ann@example.com"},
		"Jose\u0301@example.com":    {"José@example.com", "josé@example.com"},
		"Straße@example.com":        {"Straße@example.com", "strasse@example.com"},
		"\u212aim@example.com":      {"Kim@example.com", "kim@example.com"},
		"ｋim@example.com":           {"ｋim@example.com", "kim@example.com"},
		"用户@例子.广告":                  {"用户@xn--fsqu00a.xn--4rr70v", "用户@xn--fsqu00a.xn--4rr70v"},
		long:                        {long, long},
	} {
		canonical, key, err := Email(in)
		if assert.NoError(t, err, "%q", in) {
			assert.Equal(t, want, [2]string{canonical, key}, "%q", in)
		}
	}
	for in, want := range map[string]string{
		"":                                           RuleFormat,
		"ann":                                        RuleFormat,
		"@example.com":                               RuleFormat,
		"ann@":                                       RuleFormat,
		"ann@localhost":                              RuleFormat,
		"ann@example.":                               RuleFormat,
		"ann@example.com.":                           RuleFormat,
		"ann@.example.com":                           RuleFormat,
		"ann@example..com":                           RuleFormat,
		"ann@-example.com":                           RuleFormat,
		"ann@ex_ample.com":                           RuleFormat,
		"ann@exa mple.com":                           RuleFormat,
		"ann@xn--a.example":                          RuleFormat,
		"ann@127.0.0.1":                              RuleFormat,
		"ann@[127.0.0.1]":                            RuleFormat,
		"ann@a@example.com":                          RuleFormat,
		".ann@example.com":                           RuleFormat,
		"ann.@example.com":                           RuleFormat,
		"a..n@example.com":                           RuleFormat,
		"\"a n\"@example.com":                        RuleCharacters,
		"Ann <ann@example.com>":                      RuleCharacters,
		"ann(x)@example.com":                         RuleCharacters,
		"a n@example.com":                            RuleCharacters,
		"ann@example.com (x)":                        RuleFormat,
		"ann@example.com\r\nBcc: x@y.z":              RuleControl,
		"a\x00@example.com":                          RuleControl,
		"a\u200b@example.com":                        RuleCharacters,
		"a\u3164@example.com":                        RuleCharacters,
		"a\u202e@example.com":                        RuleCharacters,
		"\u0301a@example.com":                        RuleCharacters,
		"a²@example.com":                             RuleCharacters,
		"=\u0338@example.com":                        RuleCharacters,
		"ﷺ@example.com":                              RuleCharacters,
		"\xff@example.com":                           RuleEncoding,
		"x" + long:                                   RuleLength,
		strings.Repeat("a", 65) + "@example.com":     RuleLength,
		strings.Repeat("é", 33) + "@example.com":     RuleLength,
		"a@" + strings.Repeat("d", 64) + ".com":      RuleFormat,
		strings.Repeat("a", 64) + "@d" + long[65:]:   RuleLength,
		strings.Repeat("a", 2000) + "@example.com":   RuleLength,
		"a@" + strings.Repeat("b.", 126) + "example": RuleFormat,
	} {
		canonical, key, err := Email(in)
		assert.Equal(t, want, rule(t, err), "%q", in)
		assert.Empty(t, canonical+key, "%q", in)
	}
}

func checkEmail(t require.TestingT, s string) {
	canonical, key, err := Email(s)
	if rule(t, err) != "" {
		return
	}
	require.LessOrEqual(t, len(canonical), maxEmail)
	require.LessOrEqual(t, len(key), maxEmail)
	for _, form := range []string{canonical, key} {
		_, again, err := Email(form)
		require.NoError(t, err, "%q", s)
		require.Equal(t, key, again, "%q", s)
		_, domain, _ := strings.Cut(form, "@")
		for _, c := range []byte(domain) {
			require.True(t, c == '.' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z', "%q", s)
		}
	}
	again, _, err := Email(canonical)
	require.NoError(t, err, "%q", s)
	require.Equal(t, canonical, again, "%q", s)
}

func TestEmailIdempotent(t *testing.T) {
	t.Parallel()
	everyCodePoint(func(r rune) {
		c := string(r)
		checkEmail(t, c+"@example.com")
		checkEmail(t, "a"+c+"b@example.com")
		checkEmail(t, "a@b"+c+"d.example")
	})
	letters := rapid.RuneFrom(nil, unicode.L, unicode.M, unicode.Nd)
	rapid.Check(t, func(t *rapid.T) {
		local := rapid.StringOfN(letters, 1, 10, -1).Draw(t, "local")
		domain := rapid.StringOfN(letters, 1, 10, -1).Draw(t, "domain")
		checkEmail(t, local+"@example.com")
		checkEmail(t, "a@"+domain+".example")
		checkEmail(t, rapid.String().Draw(t, "any"))
	})
}

func FuzzEmail(f *testing.F) {
	for _, s := range []string{
		"Ann@Example.com", "ann@BÜCHER.example", "用户@例子.广告", "a@xn--bcher-kva.example", "a..b@x.y", "\xff@x.y",
		"a@b@c.d", "ann@example。com", "a@\u200d.example", "a@ß.ẞ", "=\u0338@x.y", "\u0345a@b.cd",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkEmail(t, s) })
}
