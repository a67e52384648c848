package canon

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestPlainAnswersAreTheSame: the short ways for ASCII answer what the long
// ones do, wherever they answer.
func TestPlainAnswersAreTheSame(t *testing.T) {
	t.Parallel()
	parts := []string{"a", "B", "0", "9", "-", "--", ".", "..", "@", "@", " ", "  ", "xn--", "_", "+", "'", "\"", "\n", "\x7f", "é", "com", ".de",
		strings.Repeat("l", 60), strings.Repeat("m", 190)}
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 9).Draw(t, "parts"), "")
		if key, ok := plainName(s); ok {
			want, err := anyName(s)
			require.NoError(t, err)
			require.Equal(t, want, key)
		}
		if key, ok := plainEmail(s); ok {
			canonical, want, err := anyEmail(s)
			require.NoError(t, err)
			require.Equal(t, want, key)
			require.Equal(t, s, canonical)
		}
		want, wantErr := anyUsername(s)
		got, err := Username(s)
		require.Equal(t, wantErr, err)
		require.Equal(t, want, got)
		for _, multiline := range []bool{false, true} {
			require.Equal(t, anyText(s, 20, multiline), Text(s, 20, multiline))
		}
	})
}

func TestPlainIsTaken(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"ann.lee@example.com", "ANN+x@mail.example-host.co.uk", "a@1a.x1"} {
		_, ok := plainEmail(s)
		assert.True(t, ok, s)
	}
	for _, s := range []string{"Sales", "Sales & Support, 2", "x"} {
		_, ok := plainName(s)
		assert.True(t, ok, s)
	}
}

func FuzzPlainEmail(f *testing.F) {
	for _, s := range []string{"a@b.c", "a.b@x-y.z9", "a@b--c.d", "A@B.C", "a@b.c-", "a@b.9", "a..b@c.d", "a@xn--bcher-kva.de"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, ok := plainEmail(s)
		if !ok {
			return
		}
		canonical, want, err := anyEmail(s)
		require.NoError(t, err, s)
		require.Equal(t, want, key)
		require.Equal(t, s, canonical)
	})
}
