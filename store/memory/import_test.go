package memory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// TestADigestOutlivesNobody puts digests of what was compared before a user was
// erased, and before a membership ended.
func TestADigestOutlivesNobody(t *testing.T) {
	s := New()
	org := idAt[usermgmt.Organization](1)
	unit, profile := idAt[usermgmt.BusinessUnit](2), idAt[usermgmt.AccessProfile](3)
	require.NoError(t, s.SaveOrg(ctx, usermgmt.Organization{ID: org, NameKey: "o", Enabled: true}))
	require.NoError(t, s.SaveUnit(ctx, usermgmt.BusinessUnit{ID: unit, Org: org, NameKey: "u"}))
	require.NoError(t, s.SaveProfile(ctx, usermgmt.AccessProfile{ID: profile, Org: org, NameKey: "p"}))
	u := usermgmt.User{ID: idAt[usermgmt.User](4), Org: org, OwnerUnit: unit, Kind: usermgmt.KindPerson, UsernameKey: "ann"}
	require.NoError(t, s.SaveUser(ctx, u))
	u.Version = 1
	m := usermgmt.Membership{User: u.ID, Org: org, Profile: profile, Rights: 1}
	require.NoError(t, s.SaveMembership(ctx, m))
	list := []usermgmt.ImportDigest{{User: u.ID, Digest: [16]byte{1}, Version: 1, Rights: 1}}
	kept := func() []*importDigest { return rowsOf(&s.current.Load().others.digests) }

	require.NoError(t, s.PutImportDigests(ctx, org, list))
	require.Len(t, kept(), 1)
	require.NoError(t, s.SaveUser(ctx, u))
	require.NoError(t, s.EraseTraces(ctx, usermgmt.Person{User: u.ID}))
	require.NoError(t, s.PutImportDigests(ctx, org, list))
	require.Empty(t, kept())

	list[0].Version = 2
	require.NoError(t, s.PutImportDigests(ctx, org, list))
	require.Len(t, kept(), 1)
	require.NoError(t, s.DeleteMembership(ctx, u.ID, org, time.Time{}))
	require.NoError(t, s.PutImportDigests(ctx, org, list))
	require.Empty(t, kept())
}
