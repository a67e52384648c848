package usermgmt_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

func works(t *testing.T, e *usermgmttest.Env, k *usermgmt.NewKey) bool {
	t.Helper()
	a, err := e.Auth().APIKey(t.Context(), k.Text.Reveal(), here)
	if err != nil {
		require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
		return false
	}
	_, err = e.Refresh(t.Context(), a)
	require.NoError(t, err)
	return true
}

func TestRotatedKeysOverlapForTheTimeOfGrace(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	_, err := e.APIKeys().Rotate(ctx, e.As(ann.ID), usermgmt.KeyRotation{User: ann.ID})
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
	first, err := e.APIKeys().Generate(ctx, e.As(ann.ID), usermgmt.KeyRequest{User: ann.ID,
		Permissions: []usermgmt.Permission{usermgmt.PermUserView}, ExpiresAt: e.Clock.Now().Add(90 * oneDay)})
	require.NoError(t, err)
	e.Clock.Advance(80 * oneDay)
	second, err := e.APIKeys().Rotate(ctx, e.As(ann.ID), usermgmt.KeyRotation{User: ann.ID, Grace: 5 * oneDay})
	require.NoError(t, err)
	assert.Equal(t, first.Key.Permissions, second.Key.Permissions)
	assert.Equal(t, e.Clock.Now().Add(90*oneDay), second.Key.ExpiresAt, "the same lifetime again")
	assert.Equal(t, e.Clock.Now().Add(5*oneDay), second.Key.PreviousUntil)
	got, err := e.APIKeys().Get(ctx, e.As(ann.ID), ann.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Equal(t, second.Key.PublicID, got.PublicID)
	assert.Zero(t, got.Hash)
	assert.Zero(t, got.PreviousHash)
	assert.True(t, works(t, e, first))
	assert.True(t, works(t, e, second))
	e.Clock.Advance(5*oneDay - time.Microsecond)
	assert.True(t, works(t, e, first))
	e.Clock.Advance(time.Microsecond)
	assert.False(t, works(t, e, first), "at the end of the grace it is over")
	assert.True(t, works(t, e, second))
	e.Clock.Advance(-time.Hour)
	assert.True(t, works(t, e, first), "it is decided by the clock alone")
	e.Clock.Advance(time.Hour)

	third, err := e.APIKeys().Rotate(ctx, e.As(ann.ID), usermgmt.KeyRotation{User: ann.ID, Grace: 30 * oneDay})
	require.NoError(t, err)
	fourth, err := e.APIKeys().Rotate(ctx, e.As(ann.ID), usermgmt.KeyRotation{User: ann.ID, Grace: time.Hour})
	require.NoError(t, err)
	assert.False(t, works(t, e, second), "there are two keys, never three")
	assert.True(t, works(t, e, third))
	assert.True(t, works(t, e, fourth))
	fifth, err := e.APIKeys().Rotate(ctx, e.As(ann.ID), usermgmt.KeyRotation{User: ann.ID})
	require.NoError(t, err)
	assert.False(t, works(t, e, third))
	assert.False(t, works(t, e, fourth), "without grace it ends at once")
	_, err = e.APIKeys().Rotate(ctx, e.As(ann.ID), usermgmt.KeyRotation{User: ann.ID, Grace: oneDay})
	require.NoError(t, err)
	require.NoError(t, e.APIKeys().Delete(ctx, e.As(ann.ID), ann.ID, usermgmt.OrgID{}))
	assert.False(t, works(t, e, fifth), "withdrawing ends both")
	for _, bad := range []usermgmt.KeyRotation{{Grace: -1}, {Grace: 31 * oneDay}, {ExpiresAt: e.Clock.Now()}} {
		_, err := e.APIKeys().Generate(ctx, e.As(ann.ID), usermgmt.KeyRequest{User: ann.ID})
		require.NoError(t, err)
		bad.User = ann.ID
		_, err = e.APIKeys().Rotate(ctx, e.As(ann.ID), bad)
		require.ErrorIs(t, err, usermgmt.ErrInvalid)
	}
}

func TestAKeyBeforeDoesNotOutliveItsOwnEnd(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	first, err := e.APIKeys().Generate(ctx, e.As(ann.ID), usermgmt.KeyRequest{User: ann.ID, ExpiresAt: e.Clock.Now().Add(oneDay)})
	require.NoError(t, err)
	second, err := e.APIKeys().Rotate(ctx, e.As(ann.ID), usermgmt.KeyRotation{User: ann.ID, Grace: 9 * oneDay, ExpiresAt: e.Clock.Now().Add(90 * oneDay)})
	require.NoError(t, err)
	e.Clock.Advance(oneDay)
	assert.False(t, works(t, e, first))
	assert.True(t, works(t, e, second))
	e.Clock.Advance(89 * oneDay)
	_, err = e.APIKeys().Rotate(ctx, e.As(ann.ID), usermgmt.KeyRotation{User: ann.ID, Grace: oneDay})
	require.ErrorIs(t, err, usermgmt.ErrNotFound, "an expired key is not revived")
}

func TestWhoeverFindsAKeyWithdrawsIt(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	first, err := e.APIKeys().Generate(ctx, e.As(ann.ID), usermgmt.KeyRequest{User: ann.ID})
	require.NoError(t, err)
	second, err := e.APIKeys().Rotate(ctx, e.As(ann.ID), usermgmt.KeyRotation{User: ann.ID, Grace: oneDay})
	require.NoError(t, err)
	mailKinds(e, t)
	sent := len(e.Mail.Sent())
	for _, text := range []string{"", "nonsense", "umk_aaaaaaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", second.Text.Reveal() + "x"} {
		require.NoError(t, e.APIKeys().ReportLeak(ctx, text, "somewhere", here), "the answer is the same")
	}
	require.NoError(t, e.APIKeys().ReportLeak(ctx, first.Text.Reveal(), "a public repository", here))
	assert.False(t, works(t, e, first))
	assert.True(t, works(t, e, second), "the key that leaked is withdrawn alone")
	require.NoError(t, e.APIKeys().ReportLeak(ctx, second.Text.Reveal(), "a public repository", here))
	require.NoError(t, e.APIKeys().ReportLeak(ctx, second.Text.Reveal(), "a public repository", here))
	assert.False(t, works(t, e, second))
	mailKinds(e, t)
	told := e.Mail.Sent()[sent:]
	require.Len(t, told, 2)
	assert.Equal(t, usermgmt.MailKeyLeaked, told[0].Kind)
	assert.Equal(t, "ann@acme.test", told[0].To)
	entries, err := e.Audit().List(ctx, e.Root(), usermgmt.AuditQuery{Verb: "api_key.leaked", Limit: 9})
	require.NoError(t, err)
	require.Len(t, entries, 2)
	assert.Equal(t, "a public repository", entries[0].Detail.Reason)
	assert.True(t, entries[0].Operator.IsZero(), "nobody was asked who it is")
}

func TestOwnersAreToldBeforeTheirKeysExpire(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	for name, days := range map[string]int{"ann": 30, "bob": 30, "short": 5, "never": 0} {
		u := e.AddUser(name, nil)
		req := usermgmt.KeyRequest{User: u.ID}
		if days > 0 {
			req.ExpiresAt = e.Clock.Now().Add(time.Duration(days) * oneDay)
		}
		_, err := e.APIKeys().Generate(ctx, e.As(u.ID), req)
		require.NoError(t, err)
	}
	told := map[string]string{}
	for range 31 {
		e.Clock.Advance(oneDay)
		sent := len(e.Mail.Sent())
		duties(t, e.Manager)
		for _, m := range e.Mail.Sent()[sent:] {
			if m.Kind == usermgmt.MailKeyReminder {
				told[m.To] += m.Values["days"] + " "
			}
		}
	}
	assert.Equal(t, map[string]string{"ann@acme.test": "7 ", "bob@acme.test": "7 "}, told)
}
