package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt/internal/teststores"
)

func TestTheLifeOfAUser(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Date(2026, time.June, 1, 9, 0, 0, 0, time.UTC)
	require.NoError(t, run(t.Context(), &out, teststores.New(t), func() time.Time { return now }))
	for _, want := range []string{
		"mail to ann@acme.example", "refused: the same link again", "10 recovery codes", "waits for: factor", "01.06.2026",
		"one mail goes out", "refused: Ann's login", "without a fault",
	} {
		assert.Contains(t, out.String(), want)
	}
	for _, secret := range []string{rootPassword, firstOwn, secondOwn} {
		assert.NotContains(t, out.String(), secret)
	}
}
