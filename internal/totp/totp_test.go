package totp

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var rfcSeed = []byte("12345678901234567890")

// RFC 6238, appendix B, the column of SHA-1.
func TestVectorsOfRFC6238(t *testing.T) {
	t.Parallel()
	for second, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924",
		2000000000: "69279037", 20000000000: "65353130",
	} {
		step := Step(time.Unix(second, 0))
		assert.Equal(t, want, code(rfcSeed, step, 8, 100_000_000), second)
		assert.Equal(t, want[2:], Code(rfcSeed, step), second)
	}
}

// RFC 4226, appendix D.
func TestVectorsOfRFC4226(t *testing.T) {
	t.Parallel()
	for i, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		assert.Equal(t, want, Code(rfcSeed, int64(i)))
	}
}

func TestACodeIsGoodOneStepAround(t *testing.T) {
	t.Parallel()
	now := time.Unix(1234567890, 0)
	at := Step(now)
	for d := int64(-3); d <= 3; d++ {
		step, ok := Find(rfcSeed, Code(rfcSeed, at+d), now)
		assert.Equal(t, d >= -1 && d <= 1, ok, d)
		if ok {
			assert.Equal(t, at+d, step)
		}
	}
	assert.Equal(t, int64(-1), Step(time.Unix(-1, 0)))
	assert.Equal(t, int64(-1), Step(time.Unix(-30, 0)))
	assert.Equal(t, int64(-2), Step(time.Unix(-31, 0)))
	assert.Equal(t, int64(0), Step(time.Unix(29, 999)))
}

func TestWhatIsNoCodeIsNone(t *testing.T) {
	t.Parallel()
	now := time.Unix(59, 0)
	for _, text := range []string{"", "287 0822", "28708", "2870822", "28708a", "２８７０８２", "-28708", "+28708"} {
		_, ok := Find(rfcSeed, text, now)
		assert.False(t, ok, text)
	}
	_, ok := Find(rfcSeed, " 287 082 ", now)
	assert.True(t, ok)
}

func TestTheURIIsReadByAuthenticators(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(URI(rfcSeed, "Acme & Söhne", "ann@acme.test"))
	require.NoError(t, err)
	assert.Equal(t, "otpauth", u.Scheme)
	assert.Equal(t, "totp", u.Host)
	assert.Equal(t, "/Acme & Söhne:ann@acme.test", u.Path)
	q := u.Query()
	assert.Equal(t, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", q.Get("secret"))
	assert.Equal(t, "Acme & Söhne", q.Get("issuer"))
	assert.Equal(t, []string{"SHA1", "6", "30"}, []string{q.Get("algorithm"), q.Get("digits"), q.Get("period")})
	assert.NotContains(t, URI(rfcSeed, "Acme Inc", "a b"), "+", "some read a plus as itself")
}

func FuzzFind(f *testing.F) {
	f.Add("287082", int64(59))
	f.Add("", int64(0))
	f.Fuzz(func(t *testing.T, text string, second int64) {
		step, ok := Find(rfcSeed, text, time.Unix(second, 0))
		form, is := Form(text)
		if ok {
			assert.True(t, is)
			assert.Equal(t, form, Code(rfcSeed, step))
		}
	})
}
