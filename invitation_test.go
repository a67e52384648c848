package usermgmt_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// invitationTo is a plain invitation into the first organization.
func invitationTo(e *usermgmttest.Env, email string) usermgmt.NewInvitation {
	return usermgmt.NewInvitation{Email: email, OwnerUnit: e.MainUnit.ID, NewMembership: usermgmt.NewMembership{
		Profile: e.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: e.RootTeam.ID, Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}}}
}

func registration(token, username string) usermgmt.Registration {
	return usermgmt.Registration{Token: token, Username: username, FirstName: "New", LastName: "Comer", Password: freshPassword, Origin: here}
}

// seats are the used seats of the platform pool and those that invitations hold.
func seats(t *testing.T, e *usermgmttest.Env) (used, reserved int) {
	t.Helper()
	pools, err := e.Store.ListPools(t.Context(), e.Organization.ID)
	require.NoError(t, err)
	for _, p := range pools {
		if p.Type == usermgmt.LicencePlatform {
			used = p.Used
		}
	}
	invited, err := e.Store.InvitedSeats(t.Context(), e.Organization.ID)
	require.NoError(t, err)
	return used, invited[usermgmt.LicencePlatform]
}

// abroad is somebody who has an account in another organization.
func abroad(t *testing.T, e *usermgmttest.Env, name string) *usermgmt.User {
	t.Helper()
	o := e.AddOrg("org of " + name)
	return e.AddUser(name, func(n *usermgmt.NewUser) { n.OwnerUnit, n.PrimaryTeam = o.MainUnit.ID, o.RootTeam.ID })
}

func TestSomebodyWithAnAccountJoinsByAcceptingAnInvitation(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := abroad(t, e, "ann")
	used, _ := seats(t, e)
	i, err := e.Invitations().Send(ctx, e.Root(), invitationTo(e, "ANN@acme.test"))
	require.NoError(t, err)
	nowUsed, reserved := seats(t, e)
	assert.Equal(t, []int{used + 1, 1}, []int{nowUsed, reserved}, "a seat is reserved")
	report, err := e.Licences().Report(ctx, e.Root(), e.Organization.ID)
	require.NoError(t, err)
	assert.Equal(t, 1, report[0].Reserved)
	assert.Equal(t, used+1, report[0].InUse)
	mails := delivered(t, e, usermgmt.MailJoin)
	require.Len(t, mails, 1)
	assert.Equal(t, "Acme", mails[0].Values["organization"])
	assert.True(t, mails[0].User.IsZero(), "the outbox does not say either whose the address is")
	token := mails[0].Secret.Reveal()

	bob := abroad(t, e, "bob")
	_, err = e.Invitations().Accept(ctx, e.As(bob.ID), usermgmt.Acceptance{Token: token})
	require.ErrorIs(t, err, usermgmt.ErrPermission, "somebody else's")
	assert.Equal(t, "address", ruleIn(err))
	mem, err := e.Invitations().Accept(ctx, e.As(ann.ID), usermgmt.Acceptance{Token: token})
	require.NoError(t, err)
	assert.True(t, mem.Seat)
	assert.Empty(t, mem.Licence, "its type is a matter of the provider organization")
	assert.Equal(t, e.RootTeam.ID, mem.PrimaryTeam)
	nowUsed, reserved = seats(t, e)
	assert.Equal(t, []int{used + 1, 0}, []int{nowUsed, reserved}, "the seat moves, and is counted once")
	r := e.Login("ann")
	_, err = e.Auth().Enter(ctx, r.Actor, usermgmt.EnterRequest{Org: e.Organization.ID})
	require.NoError(t, err)
	got, err := e.Invitations().Get(ctx, e.Root(), i.ID)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.InvitationAccepted, got.Outcome)
	assert.Equal(t, ann.ID, got.AcceptedBy)
	u, err := e.Store.UserByID(ctx, ann.ID)
	require.NoError(t, err)
	assert.Equal(t, []string{"ann@acme.test"}, u.VerifiedEmails)

	_, err = e.Invitations().Accept(ctx, e.As(ann.ID), usermgmt.Acceptance{Token: token})
	isBadLink(t, err, "works once")
	_, err = e.Invitations().Register(ctx, registration(token, "ann2"))
	isBadLink(t, err, "works once, by either way")
	entries := auditOf(t, e, "invitation.accept")
	require.NotEmpty(t, entries)
	assert.Equal(t, e.Organization.ID, entries[len(entries)-1].Org)
}

func TestSomebodyNewRegistersWithAnInvitation(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	e.AddUser("taken", nil)
	used, _ := seats(t, e)
	_, err := e.Invitations().Send(ctx, e.Root(), invitationTo(e, "New@People.test"))
	require.NoError(t, err)
	token := secretOf(t, e, usermgmt.MailJoin)
	for what, c := range map[string]struct {
		change func(*usermgmt.Registration)
		want   []string
	}{
		"no name":       {func(r *usermgmt.Registration) { r.FirstName = "" }, []string{"first_name required"}},
		"weak password": {func(r *usermgmt.Registration) { r.Password = "short" }, []string{"password min_length"}},
		"mismatch":      {func(r *usermgmt.Registration) { r.Confirm = "other" }, []string{"confirm mismatch"}},
		"taken name":    {func(r *usermgmt.Registration) { r.Username = "taken" }, []string{"username taken"}},
	} {
		r := registration(token, "new")
		c.change(&r)
		_, err := e.Invitations().Register(ctx, r)
		assert.Equal(t, c.want, broken(err), what)
	}
	u, err := e.Invitations().Register(ctx, registration(token, "new"))
	require.NoError(t, err, "what was refused left the link good")
	assert.Equal(t, "New@people.test", u.Email, "the invited address, whatever is typed")
	assert.Equal(t, []string{u.EmailKey}, u.VerifiedEmails)
	assert.Equal(t, e.Organization.ID, u.Org)
	nowUsed, reserved := seats(t, e)
	assert.Equal(t, []int{used + 1, 0}, []int{nowUsed, reserved})
	_, err = login(e, t, "new", freshPassword)
	require.NoError(t, err)
	made := auditOf(t, e, "user.create")
	assert.Equal(t, usermgmt.DoorLink, made[0].Door)
	assert.Equal(t, u.ID, made[0].Subject)
}

func TestAnInvitationDoesNotTellWhetherAnAddressHasAnAccount(t *testing.T) {
	t.Parallel()
	var seen calls
	e := usermgmttest.NewOn(t, noted(teststores.New(t), seen.add), nil)
	ctx := t.Context()
	abroad(t, e, "known")
	e.AddUser("colleague", nil)
	var want []string
	for n, email := range []string{"unknown@acme.test", "known@acme.test", "colleague@acme.test"} {
		seen.take()
		_, err := e.Invitations().Send(ctx, e.Root(), invitationTo(e, email))
		require.NoError(t, err, email)
		if n == 0 {
			want = seen.take()
			continue
		}
		assert.Equal(t, want, seen.take(), email)
	}
	for _, a := range auditOf(t, e, "invitation.send") {
		assert.NotContains(t, fmt.Sprintf("%+v", a), "@acme.test")
	}

	// Who has an account already is told so by the link, and accepts instead.
	for _, m := range delivered(t, e, usermgmt.MailJoin) {
		if m.To == "known@acme.test" {
			_, err := e.Invitations().Register(ctx, registration(m.Secret.Reveal(), "again"))
			require.ErrorIs(t, err, usermgmt.ErrConflict)
			assert.Equal(t, []string{"email taken"}, broken(err))
		}
	}
	_, err := e.Invitations().Accept(ctx, e.As(e.Administrator.ID), usermgmt.Acceptance{Token: "uml_"})
	isBadLink(t, err, "no link")
}

func TestAnInvitationEndsByRevocationAndByTime(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	used, _ := seats(t, e)
	send := func(email string) (*usermgmt.Invitation, string) {
		i, err := e.Invitations().Send(ctx, e.Root(), invitationTo(e, email))
		require.NoError(t, err)
		return i, secretOf(t, e, usermgmt.MailJoin)
	}
	revoked, token := send("revoked@people.test")
	_, err := e.Invitations().Send(ctx, e.Root(), invitationTo(e, "REVOKED@people.test"))
	assert.Equal(t, []string{"email taken"}, broken(err), "one of an address")
	require.NoError(t, e.Invitations().Revoke(ctx, e.Root(), revoked.ID))
	_, err = e.Invitations().Register(ctx, registration(token, "revoked"))
	isBadLink(t, err, "revoked")
	err = e.Invitations().Revoke(ctx, e.Root(), revoked.ID)
	assert.Equal(t, "ended", ruleIn(err))
	assert.Equal(t, "ended", ruleIn(e.Invitations().Resend(ctx, e.Root(), revoked.ID)))
	nowUsed, reserved := seats(t, e)
	assert.Equal(t, []int{used, 0}, []int{nowUsed, reserved}, "the seat is free, once")

	late, token := send("late@people.test")
	e.Clock.Advance(7*24*time.Hour - time.Microsecond)
	require.NoError(t, e.Invitations().Resend(ctx, e.Root(), late.ID))
	require.Error(t, e.Invitations().Resend(ctx, e.Root(), late.ID), "one mail in an interval")
	again := secretOf(t, e, usermgmt.MailJoin)
	_, err = e.Invitations().Register(ctx, registration(token, "late"))
	isBadLink(t, err, "the newer link kills the older")
	e.Clock.Advance(7 * 24 * time.Hour)
	_, err = e.Invitations().Register(ctx, registration(again, "late"))
	isBadLink(t, err, "at its last moment, without a sweeper")
	nowUsed, reserved = seats(t, e)
	assert.Equal(t, []int{used + 1, 1}, []int{nowUsed, reserved})
	_, err = e.RunOnce(ctx)
	require.NoError(t, err)
	nowUsed, reserved = seats(t, e)
	assert.Equal(t, []int{used, 0}, []int{nowUsed, reserved}, "the duty frees the seat")
	got, err := e.Invitations().Get(ctx, e.Root(), late.ID)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.InvitationExpired, got.Outcome)
	require.Len(t, auditOf(t, e, "invitation.expire"), 1)

	_, _ = send("slow@people.test")
	e.Clock.Advance(8 * 24 * time.Hour)
	_, _ = send("slow@people.test") // before the duty came by
	nowUsed, reserved = seats(t, e)
	assert.Equal(t, []int{used + 1, 1}, []int{nowUsed, reserved})
}

// What the sender may no longer do the invitation may not either.
func TestAnInvitationGivesNoMoreThanItsSenderMayGiveNow(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(e *usermgmttest.Env, t *testing.T, admin *usermgmt.User) string{
		"nothing": func(*usermgmttest.Env, *testing.T, *usermgmt.User) string { return "" },
		"the sender is demoted": func(e *usermgmttest.Env, t *testing.T, admin *usermgmt.User) string {
			mem, err := e.Members().Get(t.Context(), e.Root(), admin.ID, usermgmt.OrgID{})
			require.NoError(t, err)
			_, err = e.Members().Update(t.Context(), e.Root(), admin.ID, usermgmt.OrgID{}, mem.Version,
				usermgmt.MembershipUpdate{Profile: ptr(e.Profile(usermgmt.ProfileRegularUser))})
			require.NoError(t, err)
			return "inviter"
		},
		"the sender is disabled": func(e *usermgmttest.Env, t *testing.T, admin *usermgmt.User) string {
			require.NoError(t, e.Users().Disable(t.Context(), e.Root(), admin.ID))
			return "inviter"
		},
		"the sender has left": func(e *usermgmttest.Env, t *testing.T, admin *usermgmt.User) string {
			require.NoError(t, e.Members().End(t.Context(), e.Root(), admin.ID, usermgmt.OrgID{}))
			return "inviter"
		},
		"the sender is locked and must change the password": func(e *usermgmttest.Env, t *testing.T, admin *usermgmt.User) string {
			require.NoError(t, e.Passwords().Set(t.Context(), e.Root(), admin.ID, freshPassword, "", true))
			for range 10 {
				_, err := login(e, t, "admin", "wrong")
				require.ErrorIs(t, err, usermgmt.ErrCredentials)
			}
			return ""
		},
		"the role grants more": func(e *usermgmttest.Env, t *testing.T, admin *usermgmt.User) string {
			mem, err := e.Members().Get(t.Context(), e.Root(), admin.ID, usermgmt.OrgID{})
			require.NoError(t, err)
			_, err = e.Roles().Update(t.Context(), e.Root(), mem.Roles[0].Role, 1,
				usermgmt.RoleUpdate{Grants: &[]usermgmt.Grant{{Permission: usermgmt.PermPolicyEdit, Scope: usermgmt.ScopeOrganization}}})
			require.NoError(t, err)
			other, err := e.Roles().Create(t.Context(), e.Root(), usermgmt.NewRole{Name: "other"})
			require.NoError(t, err)
			_, err = e.Members().Update(t.Context(), e.Root(), admin.ID, usermgmt.OrgID{}, mem.Version,
				usermgmt.MembershipUpdate{Roles: &[]usermgmt.RoleAssignment{{Role: other.ID}}})
			require.NoError(t, err)
			return "inviter"
		},
	} {
		e := usermgmttest.NewOn(t, teststores.New(t), nil)
		ctx := t.Context()
		var grants []usermgmt.Grant
		for _, p := range []usermgmt.Permission{"user.*", "organization.view", "team.view", "unit.view", "personal.setup", "audit.view"} {
			grants = append(grants, usermgmt.Grant{Permission: p, Scope: usermgmt.ScopeOrganization})
		}
		profile, err := e.Profiles().Create(ctx, e.Root(), usermgmt.NewProfile{Name: "Inviter", Grants: grants})
		require.NoError(t, err)
		admin := e.AddUser("admin", func(n *usermgmt.NewUser) { n.Profile = profile.ID })
		_, err = e.Invitations().Send(ctx, e.As(admin.ID), invitationTo(e, "new@people.test"))
		require.NoError(t, err, what)
		token := secretOf(t, e, usermgmt.MailJoin)
		want := change(e, t, admin)
		_, err = e.Invitations().Register(ctx, registration(token, "new"))
		if want == "" {
			require.NoError(t, err, what)
			continue
		}
		require.ErrorIs(t, err, usermgmt.ErrConflict, what)
		assert.Equal(t, want, ruleIn(err), what)
		_, err = e.Store.AccountByLogin(ctx, "new")
		require.ErrorIs(t, err, usermgmt.ErrNotFound, what)
	}
}

func TestAPlanThatCannotBeCarriedOutAnyMoreIsRefused(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	team := e.AddTeam("short-lived", e.RootTeam.ID)
	n := invitationTo(e, "new@people.test")
	n.PrimaryTeam = team.ID
	_, err := e.Invitations().Send(ctx, e.Root(), n)
	require.NoError(t, err)
	token := secretOf(t, e, usermgmt.MailJoin)
	now, err := e.Teams().Get(ctx, e.Root(), team.ID)
	require.NoError(t, err)
	require.NoError(t, e.Teams().Delete(ctx, e.Root(), now.ID))
	_, err = e.Invitations().Register(ctx, registration(token, "new"))
	require.ErrorIs(t, err, usermgmt.ErrConflict)
	assert.Equal(t, "plan", ruleIn(err))
}

func TestAnInvitationNeedsAFreeSeat(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	used, _ := seats(t, e)
	require.NoError(t, setPool(e, t, used+1))
	_, err := e.Invitations().Send(ctx, e.Root(), invitationTo(e, "a@people.test"))
	require.NoError(t, err)
	_, err = e.Invitations().Send(ctx, e.Root(), invitationTo(e, "b@people.test"))
	require.ErrorIs(t, err, usermgmt.ErrLimit)
	n := newcomer(e, "cat", "cat@acme.test")
	_, err = e.Users().Create(ctx, e.Root(), n)
	require.ErrorIs(t, err, usermgmt.ErrLimit, "a reserved seat is nobody else's")
	_, err = e.Invitations().Register(ctx, registration(secretOf(t, e, usermgmt.MailJoin), "ann"))
	require.NoError(t, err, "with a full pool, for the seat is there")
	nowUsed, reserved := seats(t, e)
	assert.Equal(t, []int{used + 1, 0}, []int{nowUsed, reserved})
}

func setPool(e *usermgmttest.Env, t *testing.T, size int) error {
	t.Helper()
	return e.Licences().SetPool(t.Context(), e.Root(), e.Organization.ID, usermgmt.LicencePlatform, usermgmt.PoolTerms{Size: size})
}

func TestOfSixtyFourCallersOneAcceptsTheInvitation(t *testing.T) {
	t.Parallel()
	for n := range 2 * raceRounds() {
		e := usermgmttest.NewOn(t, raceStore(t, n), nil)
		used, _ := seats(t, e)
		_, err := e.Invitations().Send(t.Context(), e.Root(), invitationTo(e, "new@people.test"))
		require.NoError(t, err)
		token := secretOf(t, e, usermgmt.MailJoin)
		raceOnce(t, func(i int) error {
			_, err := e.Invitations().Register(t.Context(), registration(token, fmt.Sprintf("new-%d", i)))
			return err
		}, usermgmt.ErrCredentials)
		nowUsed, reserved := seats(t, e)
		assert.Equal(t, []int{used + 1, 0}, []int{nowUsed, reserved})
	}
}

func TestOfSixtyFourInvitationsOneGetsTheLastSeat(t *testing.T) {
	t.Parallel()
	for n := range 2 * raceRounds() {
		e := usermgmttest.NewOn(t, raceStore(t, n), nil)
		used, _ := seats(t, e)
		require.NoError(t, setPool(e, t, used+1))
		raceOnce(t, func(i int) error {
			_, err := e.Invitations().Send(t.Context(), e.Root(), invitationTo(e, fmt.Sprintf("p%d@people.test", i)))
			return err
		}, usermgmt.ErrLimit)
		nowUsed, reserved := seats(t, e)
		assert.Equal(t, []int{used + 1, 1}, []int{nowUsed, reserved})
	}
}

// Revoking and accepting at once: one of the two happens, and the seat is counted
// once or not at all.
func TestRevokingAndAcceptingAtOnce(t *testing.T) {
	t.Parallel()
	for n := range 4 * raceRounds() {
		e := usermgmttest.NewOn(t, teststores.New(t), nil)
		used, _ := seats(t, e)
		i, err := e.Invitations().Send(t.Context(), e.Root(), invitationTo(e, "new@people.test"))
		require.NoError(t, err)
		token := secretOf(t, e, usermgmt.MailJoin)
		root := e.Root()
		done := make(chan error)
		go func() { done <- e.Invitations().Revoke(t.Context(), root, i.ID) }()
		_, accepted := e.Invitations().Register(t.Context(), registration(token, "new"))
		revoked := <-done
		assert.True(t, (accepted == nil) != (revoked == nil), "%d: accepted %v, revoked %v", n, accepted, revoked)
		nowUsed, reserved := seats(t, e)
		want := used
		if accepted == nil {
			want++
		}
		assert.Equal(t, []int{want, 0}, []int{nowUsed, reserved})
	}
}

func TestInvitationsAreListedToWhoMaySeeThem(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	side := e.AddTeam("side", e.RootTeam.ID)
	lead := e.AddUser("lead", func(n *usermgmt.NewUser) {
		n.Profile, n.PrimaryTeam = e.Profile(usermgmt.ProfileTeamAdministrator), side.ID
	})
	for i := range 7 {
		n := invitationTo(e, fmt.Sprintf("p%d@people.test", i))
		if i%3 == 0 {
			n.PrimaryTeam = side.ID
		}
		_, err := e.Invitations().Send(ctx, e.Root(), n)
		require.NoError(t, err)
	}
	list := func(a usermgmt.Actor, limit int) (out []string) {
		q := usermgmt.InvitationQuery{Pending: true, Limit: limit}
		for {
			page, err := e.Invitations().List(ctx, a, q)
			require.NoError(t, err)
			for _, i := range page.Items {
				out = append(out, i.Email[:2])
			}
			if page.Next.IsZero() {
				return out
			}
			q.After = page.Next
		}
	}
	for _, limit := range []int{1, 2, 3, 7, 50} {
		assert.Equal(t, []string{"p6", "p5", "p4", "p3", "p2", "p1", "p0"}, list(e.Root(), limit), limit)
		assert.Equal(t, []string{"p6", "p3", "p0"}, list(e.As(lead.ID), limit), limit)
	}
}
