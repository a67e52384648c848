package canon

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/secure/precis"
	"pgregory.net/rapid"
)

func TestUsername(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ann":                        "ann",
		"Ann.Example_2-x":            "ann.example_2-x",
		"007":                        "007",
		"\u212aim":                   "kim",
		"Kim":                        "kim",
		"ａdmin":                      "admin",
		"jose\u0301":                 "josé",
		"JOSÉ":                       "josé",
		"straße":                     "straße",
		"STRASSE":                    "strasse",
		"ınci":                       "ınci",
		"İnci":                       "i\u0307nci",
		"Иван":                       "иван",
		"Αλέξης":                     "αλέξης",
		"ΑΛΈΞΗΣ":                     "αλέξησ",
		"山田太郎":                       "山田太郎",
		"山田たろうタロウ":                   "山田たろうタロウ",
		"ﾀﾛｳ":                        "タロウ",
		"taro山田たろう":                  "taro山田たろう",
		"김철수":                        "김철수",
		"kim김金":                      "kim김金",
		"ㄓㄨㄥ文a":                      "ㄓㄨㄥ文a",
		"שלום":                       "שלום",
		"محمد":                       "محمد",
		"राम.कुमार":                  "राम.कुमार",
		"Kim@Example.COM":            "kim@example.com",
		"a@b.c":                      "a@b.c",
		"иван@пример.рф":             "иван@xn--e1afmkfd.xn--p1ai",
		strings.Repeat("a", 255):     strings.Repeat("a", 255),
		strings.Repeat("é", 255):     strings.Repeat("é", 255),
		"vi" + "e\u0302\u0323" + "t": "việt",
	} {
		key, err := Username(in)
		if assert.NoError(t, err, "%q", in) {
			assert.Equal(t, want, key, "%q", in)
		}
	}
	for in, want := range map[string]string{
		"":                       RuleLength,
		"ab":                     RuleLength,
		"je\u0301":               RuleLength,
		strings.Repeat("a", 256): RuleLength,
		"\xffabc":                RuleEncoding,
		"ſam":                    RuleCharacters,
		"ᴮᴵᴳ":                    RuleCharacters,
		"admin\u200b":            RuleCharacters,
		"ad\u200dmin":            RuleCharacters,
		"admin\u00ad":            RuleCharacters,
		"\u202eadmin":            RuleCharacters,
		"аdmin":                  RuleScript, // Cyrillic а
		"аdmin@example.com":      RuleScript,
		"pαypal":                 RuleScript,
		"ивaн":                   RuleScript, // Latin a
		"たろう김":                   RuleScript,
		"ㄓㄨㄥたろ":                  RuleScript,
		"山田иван":                 RuleScript,
		"иванαβγ":                RuleScript,
		"abcדג":                  RuleCharacters, // the Bidi rule
		".ann":                   RuleFormat,
		"-ann":                   RuleFormat,
		"_ann":                   RuleFormat,
		"\u0301ann":              RuleCharacters,
		"ann example":            RuleCharacters,
		"ann+x":                  RuleCharacters,
		"ann/x":                  RuleCharacters,
		"ann＠example.com":        RuleCharacters,
		"l·l":                    RuleCharacters,
		"ann\n":                  RuleControl,
		"ann\x00":                RuleControl,
		"ann\ue000":              RuleCharacters,
		"ann\u0378":              RuleCharacters,
		"ann@localhost":          RuleFormat,
	} {
		key, err := Username(in)
		assert.Equal(t, want, rule(t, err), "%q", in)
		assert.Empty(t, key, "%q", in)
	}
}

func checkUsername(t require.TestingT, s string) {
	key, err := Username(s)
	if rule(t, err) != "" {
		return
	}
	again, err := Username(key)
	require.NoError(t, err, "%q", s)
	require.Equal(t, key, again, "%q", s)
}

func TestUsernameIdempotent(t *testing.T) {
	t.Parallel()
	everyCodePoint(func(r rune) {
		c := string(r)
		checkUsername(t, c+c+c)
		checkUsername(t, "a"+c+"b")
		checkUsername(t, c+"bc")
	})
	letters := rapid.RuneFrom(nil, unicode.L, unicode.M, unicode.Nd)
	rapid.Check(t, func(t *rapid.T) {
		checkUsername(t, rapid.String().Draw(t, "any"))
		checkUsername(t, rapid.StringOfN(letters, 3, 10, -1).Draw(t, "letters"))
		local := rapid.StringOfN(letters, 1, 10, -1).Draw(t, "local")
		checkUsername(t, local+"@example.com")
	})
}

// TestPlainUsername checks that the short way gives what the profile gives.
func TestPlainUsername(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{2,20}`).Draw(t, "s")
		want, err := precis.UsernameCaseMapped.String(s)
		require.NoError(t, err)
		key, err := Username(s)
		require.NoError(t, err)
		require.Equal(t, want, key)
	})
}

func FuzzUsername(f *testing.F) {
	for _, s := range []string{
		"ann", "Kim@Example.com", "jose\u0301", "аdmin", "山田たろう", "İnci", "\u212aim", "ﾀﾛｳ", "\xff", "a\u0345bc", "ß@bücher.example",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkUsername(t, s) })
}

func BenchmarkUsername(b *testing.B) {
	for _, s := range []string{"ann.example", "Kim@Example.com", "josé.ñandú", "山田たろう"} {
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Username(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
