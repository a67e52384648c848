package usermgmt_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// A key is for a program: it does not make keys, nor change what people log in
// with.
func TestAnAPIKeyMakesNoKeysAndChangesNoCredentials(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	ctx, a, own := t.Context(), p.actors["api-key"], p.users["api-key"]
	ann := p.users["below"]
	for name, err := range map[string]error{
		"own key":        second2(p.APIKeys().Generate(ctx, a, usermgmt.KeyRequest{User: own.ID})),
		"other's key":    second2(p.APIKeys().Generate(ctx, a, usermgmt.KeyRequest{User: ann.ID})),
		"deleting a key": p.APIKeys().Delete(ctx, a, own.ID, usermgmt.OrgID{}),
		"own password": second2(p.Passwords().Change(ctx, a, usermgmt.PasswordChange{Current: usermgmttest.Password,
			New: "Another-Long-7-Phrase"})),
		"own username":  second2(p.Users().Update(ctx, a, own.ID, own.Version, usermgmt.UserUpdate{Username: ptr("fresh")})),
		"other's email": second2(p.Users().Update(ctx, a, ann.ID, ann.Version, usermgmt.UserUpdate{Email: ptr("fresh@acme.test")})),
		"proxy login":   second2(p.Proxy().Login(ctx, a, usermgmt.ProxyRequest{Target: ann.ID, Acknowledged: true})),
		"entering":      second2(p.Auth().Enter(ctx, a, usermgmt.EnterRequest{})),
	} {
		assert.ErrorIs(t, err, usermgmt.ErrPermission, name)
	}
	assert.ErrorIs(t, p.Passwords().Set(ctx, a, ann.ID, "Another-Long-7-Phrase", "", false), usermgmt.ErrPermission,
		"T-KEY-04: a key sets somebody's password")
}

func TestANarrowKeyDoesOnlyWhatItSays(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	ctx := t.Context()
	admin := p.users["admin"].ID
	key, err := p.APIKeys().Generate(ctx, p.actors["admin"], usermgmt.KeyRequest{User: admin, Permissions: []usermgmt.Permission{usermgmt.PermUserView, usermgmt.PermRoleCreate}})
	require.NoError(t, err)
	a, err := p.Auth().APIKey(ctx, key.Text.Reveal(), here)
	require.NoError(t, err)
	_, err = p.Users().Get(ctx, a, p.users["teammate"].ID)
	require.NoError(t, err)
	assert.ErrorIs(t, p.Users().Disable(ctx, a, p.users["teammate"].ID), usermgmt.ErrPermission)
	_, err = p.Roles().Create(ctx, a, usermgmt.NewRole{Org: p.Organization.ID, Name: "more",
		Grants: []usermgmt.Grant{{Permission: usermgmt.PermUserEdit, Scope: usermgmt.ScopeOwn}}})
	assert.ErrorIs(t, err, usermgmt.ErrPermission, "grants more than the key has")
}

// During a proxy login the operator has the target's rights, but not to become
// the target, or to keep them.
func TestAProxyLoginGivesNothingThatLasts(t *testing.T) {
	t.Parallel()
	for name, attack := range map[string]func(e *usermgmttest.Env, a usermgmt.Actor, operator, target *usermgmt.User) error{
		"the target's key": func(e *usermgmttest.Env, a usermgmt.Actor, _, target *usermgmt.User) error {
			return second2(e.APIKeys().Generate(t.Context(), a, usermgmt.KeyRequest{User: target.ID}))
		},
		"the target's password": func(e *usermgmttest.Env, a usermgmt.Actor, _, _ *usermgmt.User) error {
			return second2(e.Passwords().Change(t.Context(), a, usermgmt.PasswordChange{Current: usermgmttest.Password, New: "Another-Long-7-Phrase"}))
		},
		"another's password": func(e *usermgmttest.Env, a usermgmt.Actor, _, _ *usermgmt.User) error {
			return e.Passwords().Set(t.Context(), a, e.Administrator.ID, "Another-Long-7-Phrase", "", false)
		},
		"a proxy login within": func(e *usermgmttest.Env, a usermgmt.Actor, _, _ *usermgmt.User) error {
			return second2(e.Proxy().Login(t.Context(), a, usermgmt.ProxyRequest{Target: e.Administrator.ID, Acknowledged: true}))
		},
		"proxy grants": func(e *usermgmttest.Env, a usermgmt.Actor, operator, _ *usermgmt.User) error {
			return second2(e.Proxy().SetGrants(t.Context(), a, operator.ID, 0, usermgmt.ProxyGrants{}))
		},
		"the target's address": func(e *usermgmttest.Env, a usermgmt.Actor, operator, target *usermgmt.User) error {
			return second2(e.Users().Update(t.Context(), a, target.ID, target.Version, usermgmt.UserUpdate{Email: ptr("op@acme.test")}))
		},
		"further addresses of the target": func(e *usermgmttest.Env, a usermgmt.Actor, operator, target *usermgmt.User) error {
			return second2(e.Users().Update(t.Context(), a, target.ID, target.Version, usermgmt.UserUpdate{Emails: &[]string{"op@evil.test"}}))
		},
		"a role for the operator": func(e *usermgmttest.Env, a usermgmt.Actor, operator, _ *usermgmt.User) error {
			return second2(e.Members().Update(t.Context(), a, operator.ID, usermgmt.OrgID{}, 1, usermgmt.MembershipUpdate{
				Profile: ptr(e.Profile(usermgmt.ProfileAdministrator))}))
		},
		"a wider team for the operator": func(e *usermgmttest.Env, a usermgmt.Actor, operator, _ *usermgmt.User) error {
			return second2(e.Members().Update(t.Context(), a, operator.ID, usermgmt.OrgID{}, 1, usermgmt.MembershipUpdate{PrimaryTeam: &e.RootTeam.ID}))
		},
		"a new user whose password one knows": func(e *usermgmttest.Env, a usermgmt.Actor, _, _ *usermgmt.User) error {
			n := newcomer(e, "puppet", "puppet@acme.test")
			n.Password = usermgmttest.Password
			return second2(e.Users().Create(t.Context(), a, n))
		},
		"an export": func(e *usermgmttest.Env, a usermgmt.Actor, _, _ *usermgmt.User) error {
			return second2(e.Exports().CSV(t.Context(), a, &strings.Builder{}, usermgmt.ExportOptions{}))
		},
		"entering elsewhere": func(e *usermgmttest.Env, a usermgmt.Actor, _, _ *usermgmt.User) error {
			return second2(e.Auth().Enter(t.Context(), a, usermgmt.EnterRequest{}))
		},
		"ending the target's sessions": func(e *usermgmttest.Env, a usermgmt.Actor, _, target *usermgmt.User) error {
			return second2(e.Sessions().EndAll(t.Context(), a, target.ID))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := usermgmttest.NewOn(t, teststores.New(t), nil)
			team := e.AddTeam("middle", e.RootTeam.ID)
			operator := e.AddUser("operator", func(n *usermgmt.NewUser) {
				n.PrimaryTeam, n.Profile = team.ID, e.Profile(usermgmt.ProfileTeamAdministrator)
			})
			target := e.AddUser("target", func(n *usermgmt.NewUser) {
				n.PrimaryTeam, n.Profile = team.ID, e.Profile(usermgmt.ProfileAdministrator)
			})
			p, err := e.Proxy().Login(t.Context(), e.Login("operator").Actor, usermgmt.ProxyRequest{Target: target.ID, Acknowledged: true})
			require.NoError(t, err)
			assert.ErrorIs(t, attack(e, p.Actor, operator, target), usermgmt.ErrPermission)
		})
	}
}

// Even if the host denies nothing besides, what is always denied is.
func TestAnEmptyDenyListStillDeniesOnesOwnCredentials(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Proxy: usermgmt.ProxyConfig{Deny: []usermgmt.Permission{}}})
	ctx := t.Context()
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Profile = e.Profile(usermgmt.ProfileAdministrator) })
	bob := e.AddUser("bob", nil)
	p, err := e.Proxy().Login(ctx, e.Login("root").Actor, usermgmt.ProxyRequest{Target: ann.ID, Acknowledged: true})
	require.NoError(t, err)
	for name, err := range map[string]error{
		"own password": second2(e.Passwords().Change(ctx, p.Actor, usermgmt.PasswordChange{Current: usermgmttest.Password, New: "Another-Long-7-Phrase"})),
		"own key":      second2(e.APIKeys().Generate(ctx, p.Actor, usermgmt.KeyRequest{User: ann.ID})),
		"nested":       second2(e.Proxy().Login(ctx, p.Actor, usermgmt.ProxyRequest{Target: bob.ID, Acknowledged: true})),
		"password":     e.Passwords().Set(ctx, p.Actor, bob.ID, "Another-Long-7-Phrase", "", false), // Set: "not during a proxy login"
	} {
		assert.ErrorIs(t, err, usermgmt.ErrPermission, name)
	}
}

// Whatever takes an administrator away leaves one.
func TestTheLastAdministratorStaysOverEveryPath(t *testing.T) {
	t.Parallel()
	p := usermgmt.PolicyNIST()
	p.LockoutDisables = true
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	ctx := t.Context()
	org := e.AddOrg("Beta")
	bea := e.AddUser("bea", func(n *usermgmt.NewUser) {
		n.OwnerUnit, n.PrimaryTeam, n.Profile = org.MainUnit.ID, org.RootTeam.ID, e.Profile(usermgmt.ProfileAdministrator)
	})
	id := org.Organization.ID
	e.AddUser("off", func(n *usermgmt.NewUser) { // an administrator who does not count
		n.OwnerUnit, n.PrimaryTeam, n.Profile, n.Disabled = org.MainUnit.ID, org.RootTeam.ID, e.Profile(usermgmt.ProfileAdministrator), true
	})
	update := func(a usermgmt.Actor, u usermgmt.MembershipUpdate) error {
		m, err := e.Store.MembershipOf(ctx, bea.ID, id)
		require.NoError(t, err)
		return second2(e.Members().Update(ctx, a, bea.ID, id, m.Version, u))
	}
	file := func(text string) error {
		r, err := e.Imports().Users(ctx, e.Root(), strings.NewReader(text), usermgmt.ImportOptions{Org: id})
		require.NoError(t, err)
		require.NotEmpty(t, r.Problems, text)
		return r.Problems[0]
	}
	regular := e.Profile(usermgmt.ProfileRegularUser)
	for name, err := range map[string]error{
		"disable":                       e.Users().Disable(ctx, e.Root(), bea.ID),
		"disable many":                  firstErr(e.Users().EnableMany(ctx, e.Root(), []usermgmt.UserID{bea.ID}, false)),
		"deactivate":                    e.Users().Deactivate(ctx, e.Root(), bea.ID, usermgmt.DeactivateOptions{}),
		"demote":                        update(e.Root(), usermgmt.MembershipUpdate{Profile: &regular}),
		"demote oneself":                update(e.As(bea.ID), usermgmt.MembershipUpdate{Profile: &regular}),
		"disable the membership":        update(e.Root(), usermgmt.MembershipUpdate{Enabled: ptr(false)}),
		"end the membership":            e.Members().End(ctx, e.Root(), bea.ID, id),
		"end one's own membership":      e.Members().End(ctx, e.As(bea.ID), bea.ID, id),
		"import as disabled":            file("username,enabled\nbea,false\n"),
		"import with another profile":   file("username,profile\nbea,Regular User\n"),
		"import of a closed membership": file("username,membership_enabled\nbea,false\n"),
	} {
		assert.ErrorIs(t, err, usermgmt.ErrConflict, name)
		assert.Equal(t, "last_administrator", ruleIn(err), name)
	}
	for range 2 * p.LockoutAttempts {
		_, err := login(e, t, "bea", "wrong")
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	u, err := e.Store.UserByID(ctx, bea.ID)
	require.NoError(t, err)
	assert.True(t, u.Enabled, "a stranger's guesses")
}

func firstErr(r []usermgmt.BulkResult, err error) error {
	if err != nil {
		return err
	}
	return r[0].Err
}

// The primary administrator is whom support logs in as: somebody who is in.
func TestThePrimaryAdministratorIsActive(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Profile = e.Profile(usermgmt.ProfileAdministrator) })
	require.NoError(t, e.Users().Disable(t.Context(), e.Root(), ann.ID))
	o, err := e.Orgs().Get(t.Context(), e.Root(), e.Organization.ID)
	require.NoError(t, err)
	_, err = e.Orgs().Update(t.Context(), e.Root(), o.ID, o.Version, usermgmt.OrganizationUpdate{PrimaryAdmin: &ann.ID})
	assert.ErrorIs(t, err, usermgmt.ErrInvalid)
}

func TestAnActorIsTooOldAfterItsAge(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	ctx := t.Context()
	p.Clock.Advance(time.Minute)
	_, err := p.Users().Get(ctx, p.actors["admin"], p.users["teammate"].ID)
	require.NoError(t, err, "at the limit")
	p.Clock.Advance(time.Microsecond)
	for _, kind := range []string{"member", "admin", "root", "proxied", "api-key", "system"} {
		a := p.actors[kind]
		_, err := p.Users().List(ctx, a, usermgmt.UserQuery{})
		require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, kind)
		assert.Equal(t, "actor_too_old", ruleIn(err), kind)
		require.ErrorIs(t, p.Users().Disable(ctx, a, p.users["teammate"].ID), usermgmt.ErrUnauthenticated, kind)
		fresh, err := p.Refresh(ctx, a)
		require.NoError(t, err, kind)
		_, err = p.Users().List(ctx, fresh, usermgmt.UserQuery{})
		require.NoError(t, err, kind)
	}
}

// An actor that was verified before something was taken away changes nothing
// afterwards.
func TestWhatIsTakenAwayHoldsAtTheNextChange(t *testing.T) {
	t.Parallel()
	type world struct {
		*doorman
		victim usermgmt.UserID
	}
	for name, revoke := range map[string]func(w world) error{
		"demoted": func(w world) error {
			m, err := w.Members().Get(w.t.Context(), w.Root(), w.ann, usermgmt.OrgID{})
			require.NoError(w.t, err)
			_, err = w.Members().Update(w.t.Context(), w.Root(), w.ann, usermgmt.OrgID{}, m.Version,
				usermgmt.MembershipUpdate{Profile: ptr(w.Profile(usermgmt.ProfileRegularUser))})
			return err
		},
		"disabled": func(w world) error { return w.Users().Disable(w.t.Context(), w.Root(), w.ann) },
		"deactivated": func(w world) error {
			return w.Users().Deactivate(w.t.Context(), w.Root(), w.ann, usermgmt.DeactivateOptions{})
		},
		"membership disabled": func(w world) error { return w.membership(false) },
		"membership ended":    func(w world) error { return w.Members().End(w.t.Context(), w.Root(), w.ann, usermgmt.OrgID{}) },
		"sessions ended": func(w world) error {
			_, err := w.Sessions().EndAll(w.t.Context(), w.Root(), w.ann)
			return err
		},
		"password set": func(w world) error {
			return w.Passwords().Set(w.t.Context(), w.Root(), w.ann, "Another-Long-7-Phrase", "", false)
		},
		"key replaced": func(w world) error {
			return second2(w.APIKeys().Generate(w.t.Context(), w.Root(), usermgmt.KeyRequest{User: w.ann}))
		},
		"key deleted": func(w world) error { return w.APIKeys().Delete(w.t.Context(), w.Root(), w.ann, usermgmt.OrgID{}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world{doorman: newDoorman(t)}
			w.victim = w.AddUser("victim", nil).ID
			doors := map[string]usermgmt.Actor{"session": w.session.Actor, "key": w.byKey, "host": w.host, "proxied": w.asTarget.Actor}
			switch name {
			case "key replaced", "key deleted":
				doors = map[string]usermgmt.Actor{"key": w.byKey}
			case "sessions ended", "password set":
				delete(doors, "host") // which authenticates by itself
				delete(doors, "key")  // which outlives a change of password
			}
			for door, a := range doors {
				require.True(t, a.Has(usermgmt.PermUserEnable), door)
			}
			require.NoError(t, revoke(w))
			for door, a := range doors {
				assert.Error(t, w.Users().Disable(t.Context(), a, w.victim), door)
			}
			u, err := w.Store.UserByID(t.Context(), w.victim)
			require.NoError(t, err)
			assert.True(t, u.Enabled)
		})
	}
}

// A membership that ended and began again starts empty: nothing that was
// resolved for the first counts for the second.
func TestASecondMembershipHasNothingOfTheFirst(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	ctx, gamma := t.Context(), p.orgs["gamma"].ID
	add := func(profile string) usermgmt.Actor {
		_, err := p.Members().Add(ctx, p.Root(), p.users["outsider"].ID, gamma, usermgmt.NewMembership{
			Profile: p.Profile(profile), PrimaryTeam: p.teams["gamma"], Roles: []usermgmt.RoleAssignment{{Role: p.Regular.ID}}})
		require.NoError(t, err)
		return p.AsIn(p.users["outsider"].ID, gamma)
	}
	require.True(t, add(usermgmt.ProfileAdministrator).Has(usermgmt.PermPolicyEdit))
	require.NoError(t, p.Members().End(ctx, p.Root(), p.users["outsider"].ID, gamma))
	assert.False(t, add(usermgmt.ProfileRegularUser).Has(usermgmt.PermPolicyEdit))
}

// Choosing a weak new password is no guess at the present one.
func TestARightCurrentPasswordNeverLocks(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	for range 12 {
		_, err := e.Passwords().Change(t.Context(), e.As(ann.ID), usermgmt.PasswordChange{Current: usermgmttest.Password, New: "short"})
		require.ErrorIs(t, err, usermgmt.ErrInvalid)
	}
	_, err := login(e, t, "ann", usermgmttest.Password)
	require.NoError(t, err)
}
