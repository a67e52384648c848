package token

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"hash/crc32"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var (
	zero32 [32]byte
	ones32 = [32]byte(bytes.Repeat([]byte{0xff}, 32))
	ones9  = [9]byte(bytes.Repeat([]byte{0xff}, 9))
)

func count32() (b [32]byte) {
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func TestOpaqueForm(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "ums_"+strings.Repeat("A", 43), NewSession(zero32))
	assert.Equal(t, "ums_"+strings.Repeat("_", 42)+"8", NewSession(ones32))
	assert.Equal(t, "uml_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", NewLink(count32()))
}

func TestOpaqueHash(t *testing.T) {
	t.Parallel()
	for _, b := range [][32]byte{zero32, ones32, count32()} {
		s, l := NewSession(b), NewLink(b)
		h, ok := SessionHash(s)
		require.True(t, ok)
		assert.Equal(t, sha256.Sum256([]byte(s)), h)
		h, ok = LinkHash(l)
		require.True(t, ok)
		assert.Equal(t, sha256.Sum256([]byte(l)), h)

		_, ok = SessionHash(l)
		assert.False(t, ok, "a link is not a session")
		_, ok = LinkHash(s)
		assert.False(t, ok, "a session is not a link")
	}
}

func TestSessionHashRefuses(t *testing.T) {
	t.Parallel()
	good := NewSession(count32())
	for name, s := range map[string]string{
		"empty":           "",
		"prefix only":     "ums_",
		"cut":             good[:len(good)-1],
		"longer":          good + "A",
		"padding":         good + "=",
		"space":           " " + good,
		"line end":        good + "\n",
		"inner line end":  good[:20] + "\n" + good[21:],
		"prefix case":     "UMS_" + good[4:],
		"standard base64": good[:20] + "+" + good[21:],
		"unused bits":     good[:len(good)-1] + "9",
		"not ASCII":       good[:20] + "é" + good[22:],
	} {
		h, ok := SessionHash(s)
		assert.False(t, ok, name)
		assert.Zero(t, h, name)
	}
}

// TestLastCharacter checks that exactly the 16 canonical last characters are
// accepted.
func TestLastCharacter(t *testing.T) {
	t.Parallel()
	good := NewSession(zero32)
	n := 0
	for c := range 256 {
		s := good[:len(good)-1] + string([]byte{byte(c)})
		_, ok := SessionHash(s)
		_, err := base64.RawURLEncoding.Strict().DecodeString(s[4:])
		want := err == nil && c != '\n' && c != '\r'
		assert.Equal(t, want, ok, "byte %#x", c)
		if ok {
			n++
		}
	}
	assert.Equal(t, 16, n)
}

func TestAPIKeyForm(t *testing.T) {
	t.Parallel()
	text, id := NewAPIKey("umk", [9]byte{}, zero32)
	assert.Equal(t, strings.Repeat("0", 12), id)
	require.Len(t, text, 66)
	assert.Equal(t, "umk_000000000000_"+strings.Repeat("0", 43), text[:60])

	text, id = NewAPIKey("k1", ones9, ones32)
	max71 := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 71), big.NewInt(1))
	assert.Equal(t, base62Text(max71, 12), id)
	max256 := new(big.Int).SetBytes(ones32[:])
	assert.Equal(t, "k1_"+id+"_"+base62Text(max256, 43), text[:len(text)-6])
	crc := crc32.ChecksumIEEE([]byte(text[:len(text)-6]))
	assert.Equal(t, base62Text(big.NewInt(int64(crc)), 6), text[len(text)-6:])
}

// base62Text is the slow reference of appendBase62; math/big orders its
// digits 0-9, a-z, A-Z.
func base62Text(n *big.Int, width int) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, n.Text(62))
	return strings.Repeat("0", width-len(s)) + s
}

func TestAPIKeyRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.StringMatching(`[a-z][a-z0-9]{1,15}`).Draw(t, "prefix")
		id := [9]byte(rapid.SliceOfN(rapid.Byte(), 9, 9).Draw(t, "id"))
		secret := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"))
		require.True(t, ValidPrefix(prefix))
		text, public := NewAPIKey(prefix, id, secret)
		got, hash, err := ParseAPIKey(text)
		require.NoError(t, err)
		require.Equal(t, public, got)
		require.Equal(t, sha256.Sum256([]byte(text)), hash)
		require.Equal(t, base62Text(new(big.Int).SetBytes(secret[:]), 43), text[len(text)-49:len(text)-6])
	})
}

func TestParseAPIKeyRefuses(t *testing.T) {
	t.Parallel()
	good, id := NewAPIKey("umk", [9]byte{1, 2, 3}, count32())
	for name, c := range map[string]struct {
		text string
		err  error
	}{
		"empty":            {"", ErrForm},
		"no prefix":        {good[3:], ErrForm},
		"short prefix":     {good[2:], ErrForm},
		"long prefix":      {"abcdefghijklmn" + good, ErrForm},
		"prefix case":      {"Umk" + good[3:], ErrForm},
		"prefix digit":     {"1mk" + good[3:], ErrForm},
		"other prefix":     {"umx" + good[3:], ErrChecksum},
		"cut":              {good[:len(good)-1], ErrForm},
		"longer":           {good + "0", ErrForm},
		"line end":         {good + "\n", ErrForm},
		"first separator":  {strings.Replace(good, "_", "0", 1), ErrForm},
		"second separator": {strings.Replace(good, id+"_", id+"0", 1), ErrForm},
		"public id":        {strings.Replace(good, id, "-"+id[1:], 1), ErrForm},
		"secret":           {good[:30] + "!" + good[31:], ErrForm},
		"checksum":         {good[:len(good)-6] + "zzzzzz", ErrChecksum},
		"session":          {NewSession(count32()), ErrForm},
	} {
		public, hash, err := ParseAPIKey(c.text)
		assert.Equal(t, c.err, err, name)
		assert.Empty(t, public, name)
		assert.Zero(t, hash, name)
	}
}

func TestValidPrefix(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"um", "umk", "u1", "abcdefghijklmnop"} {
		assert.True(t, ValidPrefix(s), s)
	}
	for _, s := range []string{"", "u", "1u", "Um", "u_", "u-k", "ü1", "abcdefghijklmnopq"} {
		assert.False(t, ValidPrefix(s), s)
	}
}

func TestZeroAllocs(t *testing.T) {
	session := NewSession(count32())
	key, _ := NewAPIKey("umk", ones9, ones32)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		_, _ = SessionHash(session)
		_, _ = LinkHash(session)
		_, _, _ = ParseAPIKey(key)
	}))
}

// alter changes text as the numbers say: it replaces one byte, cuts the text
// or extends it. The result differs from text.
func alter(text string, how uint8, at uint16, c byte) string {
	i := int(at) % len(text)
	switch how % 4 {
	case 0:
		if text[i] == c {
			c++
		}
		return text[:i] + string([]byte{c}) + text[i+1:]
	case 1:
		return text[:i]
	case 2:
		return text[:i] + text[i+1:]
	default:
		return text[:i] + string([]byte{c}) + text[i:]
	}
}

func FuzzSessionHash(f *testing.F) {
	f.Add(make([]byte, 32), uint8(0), uint16(46), byte('B'))
	f.Add(ones32[:], uint8(1), uint16(3), byte(0))
	f.Add(ones32[:], uint8(3), uint16(40), byte('='))
	f.Fuzz(func(t *testing.T, b []byte, how uint8, at uint16, c byte) {
		var rand [32]byte
		copy(rand[:], b)
		good := NewSession(rand)
		want, ok := SessionHash(good)
		require.True(t, ok)
		bad := alter(good, how, at, c)
		h, ok := SessionHash(bad)
		// Another character in place of one gives, at best, another token.
		if ok {
			require.Equal(t, uint8(0), how%4)
			require.NotEqual(t, want, h)
			raw, err := base64.RawURLEncoding.Strict().DecodeString(bad[4:])
			require.NoError(t, err)
			require.Equal(t, bad, NewSession([32]byte(raw)))
		}
	})
}

func FuzzLinkHash(f *testing.F) {
	f.Add("")
	f.Add(NewLink(ones32))
	f.Add(NewSession(ones32))
	f.Fuzz(func(t *testing.T, text string) {
		h, ok := LinkHash(text)
		if !ok {
			require.Zero(t, h)
			return
		}
		raw, err := base64.RawURLEncoding.Strict().DecodeString(text[4:])
		require.NoError(t, err)
		require.Equal(t, text, NewLink([32]byte(raw)), "a link has one text")
	})
}

func FuzzParseAPIKey(f *testing.F) {
	f.Add(make([]byte, 41), uint8(0), uint16(65), byte('1'))
	f.Add(bytes.Repeat([]byte{0xff}, 41), uint8(1), uint16(60), byte(0))
	f.Add([]byte("seed"), uint8(3), uint16(0), byte('a'))
	f.Fuzz(func(t *testing.T, b []byte, how uint8, at uint16, c byte) {
		var id [9]byte
		var secret [32]byte
		copy(secret[:], b[copy(id[:], b):])
		good, public := NewAPIKey("umk", id, secret)
		got, _, err := ParseAPIKey(good)
		require.NoError(t, err)
		require.Equal(t, public, got)
		// CRC-32 finds every change of a single byte.
		_, _, err = ParseAPIKey(alter(good, how, at, c))
		require.Error(t, err)
	})
}

func FuzzParseAPIKeyText(f *testing.F) {
	good, _ := NewAPIKey("umk", ones9, ones32)
	f.Add(good)
	f.Add("")
	f.Add("umk_")
	f.Fuzz(func(t *testing.T, text string) {
		public, hash, err := ParseAPIKey(text)
		if err == nil {
			require.Equal(t, sha256.Sum256([]byte(text)), hash)
			require.Contains(t, text, "_"+public+"_")
		}
		_, _ = SessionHash(text)
	})
}

func BenchmarkSessionHash(b *testing.B) {
	s := NewSession(count32())
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := SessionHash(s); !ok {
			b.Fatal("refused")
		}
	}
}

func BenchmarkParseAPIKey(b *testing.B) {
	s, _ := NewAPIKey("umk", ones9, count32())
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParseAPIKey(s); err != nil {
			b.Fatal(err)
		}
	}
}
