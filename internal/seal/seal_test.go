package seal

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, KeySize) }

func box(t testing.TB, keys ...[]byte) *Box {
	t.Helper()
	b, err := New(keys)
	require.NoError(t, err)
	return b
}

func TestWhatIsSealedOpensForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	b := box(t, key(1))
	sealed := b.Seal([]byte("seed"), []byte("ann"))
	assert.NotContains(t, string(sealed), "seed")
	text, err := b.Open(sealed, []byte("ann"))
	require.NoError(t, err)
	assert.Equal(t, "seed", string(text))
	for _, owner := range []string{"", "an", "bob"} {
		_, err := b.Open(sealed, []byte(owner))
		require.ErrorIs(t, err, ErrOpen, owner)
	}
	_, err = box(t, key(2)).Open(sealed, []byte("ann"))
	require.ErrorIs(t, err, ErrOpen)
	assert.NotEqual(t, sealed, b.Seal([]byte("seed"), []byte("ann")), "a nonce is used once")
}

func TestEveryAlteredByteIsNoticed(t *testing.T) {
	t.Parallel()
	b := box(t, key(1))
	sealed := b.Seal([]byte("seed"), []byte("ann"))
	for i := range sealed {
		altered := bytes.Clone(sealed)
		altered[i] ^= 1
		_, err := b.Open(altered, []byte("ann"))
		require.ErrorIs(t, err, ErrOpen, "byte %d", i)
		_, err = b.Open(sealed[:i], []byte("ann"))
		require.ErrorIs(t, err, ErrOpen, "cut at %d", i)
	}
}

func TestKeysAreReplacedWithoutLosingWhatTheySealed(t *testing.T) {
	t.Parallel()
	before, both := box(t, key(1)), box(t, key(2), key(1))
	sealed := before.Seal([]byte("seed"), nil)
	text, err := both.Open(sealed, nil)
	require.NoError(t, err)
	assert.Equal(t, "seed", string(text))
	assert.True(t, both.Old(sealed))
	again := both.Seal(text, nil)
	assert.False(t, both.Old(again))
	_, err = box(t, key(2)).Open(again, nil)
	require.NoError(t, err)
	_, err = before.Open(again, nil)
	require.ErrorIs(t, err, ErrOpen)
}

func TestKeysThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	for what, keys := range map[string][][]byte{
		"none": {}, "short": {key(1)[:31]}, "long": {append(key(1), 1)}, "zero": {key(0)}, "empty": {nil}, "the second": {key(1), key(1)[:16]},
	} {
		_, err := New(keys)
		assert.Error(t, err, what)
	}
}

func FuzzOpen(f *testing.F) {
	b := box(f, key(1), key(2))
	f.Add(b.Seal([]byte("seed"), []byte("ann")), []byte("ann"))
	f.Add([]byte{version}, []byte(nil))
	f.Fuzz(func(t *testing.T, sealed, owner []byte) {
		text, err := b.Open(sealed, owner)
		if err != nil {
			assert.ErrorIs(t, err, ErrOpen)
			assert.Nil(t, text)
		}
		b.Old(sealed)
	})
}
