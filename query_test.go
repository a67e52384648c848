package usermgmt_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

func TestCursorsRoundTrip(t *testing.T) {
	t.Parallel()
	for _, p := range []usermgmt.Position{{}, {Key: "müller\x1fanna"}, {Key: "a", ID: [16]byte{1, 2}}, {ID: [16]byte{9}}} {
		text, err := p.MarshalText()
		require.NoError(t, err)
		var q usermgmt.Position
		require.NoError(t, q.UnmarshalText(text))
		assert.Equal(t, p, q)
	}
	for _, bad := range []string{"x", "AA", "!!!!", "AQAAAAAAAAAAAAAAAAAAAAA\n", "AgAAAAAAAAAAAAAAAAAAAAA"} {
		var q usermgmt.Position
		require.ErrorIs(t, q.UnmarshalText([]byte(bad)), usermgmt.ErrInvalid, bad)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add([]byte("AQEAAAAAAAAAAAAAAAAAAABh"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, text []byte) {
		var p usermgmt.Position
		if err := p.UnmarshalText(text); err != nil {
			require.ErrorIs(t, err, usermgmt.ErrInvalid)
			assert.True(t, p.IsZero())
			return
		}
		again, err := p.MarshalText()
		require.NoError(t, err)
		assert.Equal(t, string(text), string(again), "a cursor has one form")
	})
}
