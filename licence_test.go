package usermgmt_test

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

const flex usermgmt.LicenceType = "flex"

// flexEnv is an installation with floating seats and so many people who share them.
func flexEnv(t *testing.T, seats, people int) *usermgmttest.Env {
	t.Helper()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	require.NoError(t, e.Licences().SetPool(t.Context(), e.Root(), e.Organization.ID, flex, usermgmt.PoolTerms{Size: seats, Floating: true}))
	for i := range people {
		e.AddUser("user"+strconv.Itoa(i), func(n *usermgmt.NewUser) { n.Licence = flex })
	}
	return e
}

func tryLogin(t *testing.T, e *usermgmttest.Env, name string) (*usermgmt.LoginResult, error) {
	t.Helper()
	return e.Auth().Login(t.Context(), usermgmt.LoginRequest{Name: name, Password: usermgmttest.Password, Origin: here})
}

// poolOf is the report of one pool.
func poolOf(t *testing.T, e *usermgmttest.Env, licence usermgmt.LicenceType) usermgmt.PoolReport {
	t.Helper()
	pools, err := e.Licences().Report(t.Context(), e.Root(), usermgmt.OrgID{})
	require.NoError(t, err)
	for _, p := range pools {
		if p.Type == licence {
			return p
		}
	}
	t.Fatalf("no pool %s", licence)
	return usermgmt.PoolReport{}
}

func TestFloatingSeatsAreHeldWhileLoggedIn(t *testing.T) {
	t.Parallel()
	e := flexEnv(t, 2, 3)
	ctx := t.Context()
	first := e.Login("user0")
	e.Login("user0") // the same user twice is one seat
	e.Login("user1")
	assert.Equal(t, 2, poolOf(t, e, flex).InUse)
	assert.Equal(t, 3, poolOf(t, e, flex).Used, "members are assigned whatever the size")
	_, err := tryLogin(t, e, "user2")
	require.ErrorIs(t, err, usermgmt.ErrLimit)
	assert.Equal(t, "licence", usermgmt.FieldErrors(err)[0].Field)
	_, login, err := e.Users().Status(ctx, e.Root(), named(t, e, "user2").User.ID)
	require.NoError(t, err)
	assert.Zero(t, login.Failures, "the password was right: no attempt is counted")
	entries, err := e.Audit().List(ctx, e.Root(), usermgmt.AuditQuery{Verb: "auth.login", Outcome: usermgmt.OutcomeRefused})
	require.NoError(t, err)
	require.Len(t, entries, 1, "but the refusal is recorded")

	require.NoError(t, e.Auth().Logout(ctx, first.Actor))
	_, err = tryLogin(t, e, "user2")
	require.ErrorIs(t, err, usermgmt.ErrLimit, "the other session still holds the seat")
	_, err = e.Sessions().EndAll(ctx, e.Root(), named(t, e, "user0").User.ID)
	require.NoError(t, err)
	e.Login("user2")
	assert.Equal(t, 2, poolOf(t, e, flex).InUse)
}

// A guest who finds no seat is refused, and that is the home organization's entry,
// as every refused login is: whenever it is that a store says so.
func TestARefusedSeatIsAnEntryOfTheHomeOrganization(t *testing.T) {
	t.Parallel()
	e := flexEnv(t, 1, 1)
	ctx := t.Context()
	other := e.AddOrg("Other")
	require.NoError(t, e.Licences().SetPool(ctx, e.Root(), other.Organization.ID, flex, usermgmt.PoolTerms{Floating: true}))
	_, err := e.Members().Add(ctx, e.Root(), named(t, e, "user0").User.ID, other.Organization.ID, usermgmt.NewMembership{Licence: flex,
		Profile: e.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: other.RootTeam.ID, Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}})
	require.NoError(t, err)
	e.AsIn(named(t, e, "user0").User.ID, other.Organization.ID) // whose rights are known then, so that nothing is read after the seat
	_, err = e.Auth().Login(ctx, usermgmt.LoginRequest{Name: "user0", Password: usermgmttest.Password, Org: other.Organization.ID, Origin: here})
	require.ErrorIs(t, err, usermgmt.ErrLimit)
	entries, err := e.Store.ListAudit(ctx, usermgmt.AuditQuery{Verb: "auth.login", Outcome: usermgmt.OutcomeRefused, Limit: 5})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, e.Organization.ID, entries[0].Org)
}

// Nothing has to give a seat back: what crashes or goes home idles out.
func TestFloatingSeatsAreFreeWhenSessionsIdleOut(t *testing.T) {
	t.Parallel()
	e := flexEnv(t, 1, 2)
	r := e.Login("user0")
	e.Clock.Advance(30 * time.Minute)
	_, err := e.Auth().Session(t.Context(), r.Token.Reveal(), here)
	require.NoError(t, err)
	e.Clock.Advance(59 * time.Minute)
	_, err = tryLogin(t, e, "user1")
	require.ErrorIs(t, err, usermgmt.ErrLimit, "it was used meanwhile")
	e.Clock.Advance(time.Minute)
	e.Login("user1")
	_, err = e.Auth().Session(t.Context(), r.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "a seat that is given away does not come back")
	assert.Equal(t, 1, poolOf(t, e, flex).InUse)
}

func TestKeysAndProxyLoginsTakeNoFloatingSeat(t *testing.T) {
	t.Parallel()
	e := flexEnv(t, 1, 2)
	ctx := t.Context()
	e.Login("user0")
	u1 := named(t, e, "user1").User.ID
	key, err := e.APIKeys().Generate(ctx, e.Root(), usermgmt.KeyRequest{User: u1})
	require.NoError(t, err)
	_, err = e.Auth().APIKey(ctx, key.Text.Reveal(), here)
	require.NoError(t, err)
	proxied, err := e.Proxy().Login(ctx, e.Login("root").Actor, usermgmt.ProxyRequest{Target: u1, Acknowledged: true})
	require.NoError(t, err)
	assert.Equal(t, 1, poolOf(t, e, flex).InUse)
	require.NoError(t, e.Auth().Logout(ctx, proxied.Actor))
}

func TestOverdraftIsGivenAndReported(t *testing.T) {
	t.Parallel()
	e := flexEnv(t, 1, 4)
	terms := usermgmt.PoolTerms{Size: 1, Overdraft: 1, Floating: true}
	set := func() {
		t.Helper()
		require.NoError(t, e.Licences().SetPool(t.Context(), e.Root(), e.Organization.ID, flex, terms))
	}
	set()
	e.Login("user0")
	e.Login("user1")
	_, err := tryLogin(t, e, "user2")
	require.ErrorIs(t, err, usermgmt.ErrLimit)
	assert.Equal(t, 1, poolOf(t, e, flex).Over)
	terms.Overdraft = -1
	set()
	e.Login("user2")
	assert.Equal(t, 2, poolOf(t, e, flex).Over)
	terms = usermgmt.PoolTerms{Size: 0, Floating: true}
	set()
	_, err = tryLogin(t, e, "user3")
	require.ErrorIs(t, err, usermgmt.ErrLimit, "a smaller pool gives no further seat")
	assert.Equal(t, 3, poolOf(t, e, flex).InUse, "and takes none away")

	plain := usermgmt.PoolTerms{Size: 1, Overdraft: 1}
	require.NoError(t, e.Licences().SetPool(t.Context(), e.Root(), e.Organization.ID, usermgmt.LicencePlatform, plain))
	e.AddUser("named", nil) // root has one
	p := poolOf(t, e, usermgmt.LicencePlatform)
	assert.Equal(t, usermgmt.PoolReport{LicencePool: usermgmt.LicencePool{Org: e.Organization.ID, Type: usermgmt.LicencePlatform,
		PoolTerms: plain, Used: 2}, InUse: 2, Over: 1}, p)
	_, err = e.Users().Create(t.Context(), e.Root(), usermgmt.NewUser{Username: "third", Email: "third@acme.test", FirstName: "T", LastName: "T",
		OwnerUnit: e.MainUnit.ID, NewMembership: usermgmt.NewMembership{Profile: e.Profile(usermgmt.ProfileRegularUser),
			PrimaryTeam: e.RootTeam.ID, Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}}})
	require.ErrorIs(t, err, usermgmt.ErrLimit)
}

func TestOfManyWhoLogInForTheLastFloatingSeatOneGetsIt(t *testing.T) {
	t.Parallel()
	const crowd = 64
	e := flexEnv(t, 3, crowd)
	var in, full atomic.Int64
	var wg sync.WaitGroup
	for i := range crowd {
		wg.Go(func() {
			_, err := e.Auth().Login(t.Context(), usermgmt.LoginRequest{Name: "user" + strconv.Itoa(i), Password: usermgmttest.Password, Origin: here})
			for errors.Is(err, usermgmt.ErrOverloaded) || errors.Is(err, usermgmt.ErrTransient) {
				_, err = e.Auth().Login(t.Context(), usermgmt.LoginRequest{Name: "user" + strconv.Itoa(i), Password: usermgmttest.Password, Origin: here})
			}
			switch {
			case err == nil:
				in.Add(1)
			case errors.Is(err, usermgmt.ErrLimit):
				full.Add(1)
			default:
				t.Errorf("a login: %v", err)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, int64(3), in.Load())
	assert.Equal(t, int64(crowd-3), full.Load())
	assert.Equal(t, 3, poolOf(t, e, flex).InUse)
}

// Which pool somebody's seat is of is seen and changed from the provider
// organization only, as in AgileApps.
func TestLicenceTypesAreAMatterOfTheProviderOrganization(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx, root := t.Context(), e.Root()
	beta := e.AddOrg("beta")
	site := usermgmt.LicenceSite
	in := func(name, profile string, licence usermgmt.LicenceType) *usermgmt.User {
		return e.AddUser(name, func(n *usermgmt.NewUser) {
			n.OwnerUnit, n.PrimaryTeam, n.Profile, n.Licence = beta.MainUnit.ID, beta.RootTeam.ID, e.Profile(profile), licence
		})
	}
	admin := e.AsIn(in("tenant", usermgmt.ProfileAdministrator, "").ID, beta.Organization.ID)
	ann := in("ann", usermgmt.ProfileRegularUser, site)
	mem, err := e.Members().Get(ctx, root, ann.ID, beta.Organization.ID)
	require.NoError(t, err)
	assert.Equal(t, site, mem.Licence)
	mem, err = e.Members().Get(ctx, admin, ann.ID, beta.Organization.ID)
	require.NoError(t, err)
	assert.Empty(t, mem.Licence)
	assert.True(t, mem.Seat)
	list, err := e.Members().ListOf(ctx, admin, ann.ID)
	require.NoError(t, err)
	assert.Empty(t, list[0].Licence)
	platform := usermgmt.LicencePlatform
	_, err = e.Members().Update(ctx, admin, ann.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Licence: &platform})
	require.ErrorIs(t, err, usermgmt.ErrPermission)
	enabled := true
	mem, err = e.Members().Update(ctx, admin, ann.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Enabled: &enabled})
	require.NoError(t, err)
	assert.Empty(t, mem.Licence)
	mem, err = e.Members().Get(ctx, root, ann.ID, beta.Organization.ID)
	require.NoError(t, err)
	assert.Equal(t, site, mem.Licence, "an edit that does not see it leaves it alone")

	assert.Empty(t, e.Login("ann").Session.Licence)
	sessions, err := e.Sessions().List(ctx, admin, ann.ID)
	require.NoError(t, err)
	require.Len(t, sessions, 1)
	assert.Empty(t, sessions[0].Licence, "nor in sessions")
	assert.Equal(t, platform, e.Login("root").Session.Licence)

	export := func(a usermgmt.Actor) string {
		var b strings.Builder
		_, err := e.Exports().CSV(ctx, a, &b, usermgmt.ExportOptions{Org: beta.Organization.ID, Fields: []string{"username", "licence"}})
		require.NoError(t, err)
		return b.String()
	}
	assert.Contains(t, export(root), "ann,site\r\n")
	assert.Contains(t, export(admin), "ann,\r\n")

	licences := func(a usermgmt.Actor) map[string]bool {
		seen := map[string]bool{}
		for e, err := range e.Audit().Stream(ctx, a, usermgmt.AuditQuery{Org: beta.Organization.ID, Target: ann.ID.String()}) {
			require.NoError(t, err)
			seen[e.Detail.After["licence"]] = true
		}
		return seen
	}
	assert.True(t, licences(root)["site"])
	assert.Equal(t, map[string]bool{"": true}, licences(admin), "nor in the audit log")
}

// A pool that becomes smaller takes the seat of nobody who goes on with a session.
func TestWhoeverHoldsAFloatingSeatGoesOnWithIt(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: ptr(func() usermgmt.Policy {
		p := usermgmt.PolicyNIST()
		p.MaxSessions = 1
		return p
	}())})
	ctx, root := t.Context(), e.Root()
	for _, name := range []string{"ann", "bob"} {
		e.AddUser(name, func(n *usermgmt.NewUser) { n.Licence = usermgmt.LicenceSite })
	}
	size := func(n int) {
		require.NoError(t, e.Licences().SetPool(ctx, root, e.Organization.ID, usermgmt.LicenceSite, usermgmt.PoolTerms{Size: n, Floating: true}))
	}
	size(2)
	ann := e.Login("ann")
	e.Login("bob")
	size(1)
	entered, err := e.Auth().Enter(ctx, ann.Actor, usermgmt.EnterRequest{})
	require.NoError(t, err)
	changed, err := e.Passwords().Change(ctx, entered.Actor, usermgmt.PasswordChange{Current: usermgmttest.Password, New: "Another-Long-7-Phrase"})
	require.NoError(t, err)
	proved, err := e.Auth().StepUp(ctx, changed.Actor, usermgmt.StepUpRequest{Password: "Another-Long-7-Phrase"})
	require.NoError(t, err)
	_, err = e.Auth().Session(ctx, proved.Token.Reveal(), here)
	require.NoError(t, err)
	require.NoError(t, e.Auth().Logout(ctx, proved.Actor))
	_, err = login(e, t, "ann", "Another-Long-7-Phrase")
	require.ErrorIs(t, err, usermgmt.ErrLimit, "a further seat is not given")
}
