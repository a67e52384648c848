package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
)

// TestTextsFromOutside: what a client sends never makes a write fail.
func TestTextsFromOutside(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t, migrated(t), nil)
	ctx := t.Context()
	c := newCrowd(t, memory.New(), s)
	origin := usermgmt.Origin{Address: "\x00", UserAgent: "a\xffb\x00c", RequestID: "\xc3"}
	want := usermgmt.Origin{Address: "\uFFFD", UserAgent: "a\uFFFDb\uFFFDc", RequestID: "\uFFFD"}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ses := usermgmt.Session{
		ID: usermgmt.SessionID{1}, User: c.users[0].ID, CreatedAt: now, SeenAt: now, ExpiresAt: now, Origin: origin,
	}
	require.NoError(t, s.CreateSession(ctx, ses))
	view, err := s.SessionByID(ctx, ses.ID)
	require.NoError(t, err)
	assert.Equal(t, want, view.Session.Origin)
	for i, fold := range []string{"", "a\x00\xff", "a\x00\xff"} {
		e := usermgmt.AuditEntry{ID: usermgmt.AuditID{byte(i + 1)}, Target: "\x00", FoldKey: fold, Count: 1}
		e.Detail = usermgmt.AuditDetail{Origin: origin, Reason: "\xff", Before: map[string]string{"\x00": "\xff"}}
		require.NoError(t, s.AppendAudit(ctx, e))
		e.ID[1] = 1
		other := e
		other.ID[1] = 2
		require.NoError(t, s.AppendAudit(ctx, e, other))
	}
	page, err := s.ListAudit(ctx, usermgmt.AuditQuery{Limit: 10, Target: "\uFFFD"})
	require.NoError(t, err)
	require.NotEmpty(t, page)
	assert.Equal(t, want, page[0].Detail.Origin)
	none, err := s.ListAudit(ctx, usermgmt.AuditQuery{Limit: 10, Target: "\x00"})
	require.NoError(t, err)
	assert.Empty(t, none)
}

// TestAccessEntryOfNobody: an entry names a user or a team.
func TestAccessEntryOfNobody(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t, migrated(t), nil)
	ctx := t.Context()
	org, app := usermgmt.OrgID{1}, usermgmt.ApplicationID{1}
	require.NoError(t, s.SaveOrg(ctx, usermgmt.Organization{ID: org}))
	require.NoError(t, s.SaveApplication(ctx, usermgmt.Application{ID: app}))
	err := s.SaveAccess(ctx, usermgmt.AccessEntry{ID: usermgmt.AccessID{1}, Org: org, Application: app})
	require.ErrorIs(t, err, usermgmt.ErrConflict)
	var e *usermgmt.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, [2]string{"user", "reference"}, [2]string{e.Field, e.Rule})
}
