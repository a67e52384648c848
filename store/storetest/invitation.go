package storetest

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt"
)

func invitationCases() []testCase {
	return []testCase{
		{"InvitationSave", []string{"SaveInvitation", "InvitationByID", "PendingInvitation"}, invitationSave},
		{"InvitationEnd", []string{"EndInvitation", "InvitationByID", "PendingInvitation"}, invitationEnd},
		{"InvitationList", []string{"ListInvitations"}, invitationList},
		{"InvitationsExpired", []string{"ExpiredInvitations"}, invitationsExpired},
		{"InvitedSeats", []string{"InvitedSeats"}, invitedSeats},
	}
}

// newInvitation returns a pending invitation that is not saved.
func (w *world) newInvitation(st *site, email string) usermgmt.Invitation {
	return usermgmt.Invitation{
		ID: newID[usermgmt.Invitation](w), Org: st.org.ID, OwnerUnit: st.top.ID, Email: email, EmailKey: email,
		Plan:    usermgmt.NewMembership{Profile: st.profile.ID, PrimaryTeam: st.root.ID},
		Licence: usermgmt.LicencePlatform, CreatedAt: at(0), UpdatedAt: at(0), ExpiresAt: at(60),
	}
}

func invitationSave(w *world) {
	st, b := w.site("a"), w.site("b")
	i := w.newInvitation(st, "x@mail.test")
	i.InvitedBy = w.user(st, "by").ID
	i.Plan = usermgmt.NewMembership{
		Profile: st.profile.ID, Roles: []usermgmt.RoleAssignment{{Role: st.role.ID, From: at(1), Until: at(2)}},
		Access: []usermgmt.ApplicationAccess{{Application: st.app.ID, Roles: []usermgmt.RoleAssignment{{Role: st.role.ID}}}},
		Teams:  []usermgmt.TeamAssignment{{Team: st.crew.ID, Until: at(3)}, {Team: st.root.ID}}, PrimaryTeam: st.root.ID,
		Units: []usermgmt.UnitID{st.leaf.ID, st.mid.ID}, Licence: "site", InitialApp: st.app.ID,
		TimeZone: "Europe/Berlin", DateFormat: "dd.MM.yyyy", Custom: map[string]string{"k": "v"},
	}
	argument := clone(i)
	w.do(w.s.SaveInvitation(w.ctx, argument))
	scribble(argument)
	i.Version = 1
	for range 2 {
		read := got(w.s.InvitationByID(w.ctx, i.ID))
		read.is(w, i)
		scribble(read.value)
		got(w.s.PendingInvitation(w.ctx, st.org.ID, "x@mail.test")).is(w, i)
	}
	got(w.s.PendingInvitation(w.ctx, b.org.ID, "x@mail.test")).missing(w)
	got(w.s.PendingInvitation(w.ctx, st.org.ID, "")).missing(w)
	got(w.s.InvitationByID(w.ctx, newID[usermgmt.Invitation](w))).missing(w)
	save := func(i usermgmt.Invitation) func(ctx context.Context, tx usermgmt.Store) error {
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveInvitation(ctx, i) }
	}
	w.refuse("a second one of the address", isTaken("email"), save(w.newInvitation(st, "x@mail.test")))
	w.do(w.s.SaveInvitation(w.ctx, w.newInvitation(b, "x@mail.test"))) // elsewhere
	w.refuse("an equal identifier", isDuplicate, save(usermgmt.Invitation{ID: i.ID, Org: st.org.ID, EmailKey: "y"}))
	foreign := w.newInvitation(st, "y@mail.test")
	foreign.Org = newID[usermgmt.Organization](w)
	w.refuse("an unknown organization", refusal{kind: usermgmt.ErrConflict, field: "organization", rule: "reference"}, save(foreign))

	change := i
	change.ExpiresAt, change.UpdatedAt, change.Plan.Units, change.Licence = at(90), at(5), nil, "site"
	change.Outcome, change.EndedAt, change.AcceptedBy = usermgmt.InvitationAccepted, at(9), i.InvitedBy // keeps what is stored
	w.do(w.s.SaveInvitation(w.ctx, change))
	change.Outcome, change.EndedAt, change.AcceptedBy, change.Version = "", i.EndedAt, i.AcceptedBy, 2
	got(w.s.InvitationByID(w.ctx, i.ID)).is(w, change)
	w.refuse("an old version", isStale, save(i))
	unknown := w.newInvitation(st, "z@mail.test")
	unknown.Version = 1
	w.refuse("an unknown one with a version", isMissing, save(unknown))
}

func invitationEnd(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	i := w.newInvitation(st, "x@mail.test")
	w.do(w.s.SaveInvitation(w.ctx, i))
	end := func(what string, want bool, id usermgmt.InvitationID, outcome usermgmt.InvitationOutcome) {
		w.Helper()
		equal(w, what, want, got(w.s.EndInvitation(w.ctx, id, outcome, at(5), u.ID)).must(w))
	}
	end("an unknown one", false, newID[usermgmt.Invitation](w), usermgmt.InvitationRevoked)
	end("the first", true, i.ID, usermgmt.InvitationAccepted)
	end("the second", false, i.ID, usermgmt.InvitationRevoked)
	i.Outcome, i.EndedAt, i.AcceptedBy, i.Version = usermgmt.InvitationAccepted, at(5), u.ID, 2
	got(w.s.InvitationByID(w.ctx, i.ID)).is(w, i)
	got(w.s.PendingInvitation(w.ctx, st.org.ID, "x@mail.test")).missing(w)
	w.refuse("changing one that has ended", isStale, func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveInvitation(ctx, i) })
	again := w.newInvitation(st, "x@mail.test")
	w.do(w.s.SaveInvitation(w.ctx, again))
	again.Version = 1
	got(w.s.PendingInvitation(w.ctx, st.org.ID, "x@mail.test")).is(w, again)
}

func invitationList(w *world) {
	st, b := w.site("a"), w.site("b")
	var all []usermgmt.Invitation
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		all = append(all, w.newInvitation(st, name))
	}
	for _, i := range shuffled(all) {
		w.do(w.s.SaveInvitation(w.ctx, i))
	}
	w.do(w.s.SaveInvitation(w.ctx, w.newInvitation(b, "other")))
	for _, n := range []int{1, 4} {
		equal(w, "ended", true, got(w.s.EndInvitation(w.ctx, all[n].ID, usermgmt.InvitationRevoked, at(1), usermgmt.UserID{})).must(w))
	}
	invitations := func(pending bool) list[usermgmt.Invitation] {
		return list[usermgmt.Invitation]{
			func(after usermgmt.Position, limit int) ([]usermgmt.Invitation, error) {
				return w.s.ListInvitations(w.ctx, st.org.ID, pending, usermgmt.ListQuery{Search: "x", After: after, Limit: limit})
			},
			func(i usermgmt.Invitation) string { return i.EmailKey },
			func(i usermgmt.Invitation) usermgmt.Position { return usermgmt.Position{ID: i.ID} },
		}
	}
	invitations(false).check(w, "invitations", "e", "d", "c", "b", "a")
	invitations(true).check(w, "pending invitations", "d", "c", "a")
	w.refuse("a limit of 0", refusal{kind: usermgmt.ErrInvalid}, func(ctx context.Context, tx usermgmt.Store) error {
		_, err := tx.ListInvitations(ctx, st.org.ID, false, usermgmt.ListQuery{})
		return err
	})
}

func invitationsExpired(w *world) {
	st, b := w.site("a"), w.site("b")
	var all []usermgmt.Invitation
	for n, name := range []string{"a", "b", "c", "d", "e"} {
		i := w.newInvitation([]*site{st, b}[n%2], name)
		i.ExpiresAt = at([]int{9, 5, 5, 7, 1}[n])
		all = append(all, i)
		w.do(w.s.SaveInvitation(w.ctx, i))
	}
	equal(w, "ended", true, got(w.s.EndInvitation(w.ctx, all[4].ID, usermgmt.InvitationRevoked, at(1), usermgmt.UserID{})).must(w))
	expired := func(n, limit int, want ...string) {
		w.Helper()
		var is []string
		for _, i := range got(w.s.ExpiredInvitations(w.ctx, at(n), limit)).must(w) {
			is = append(is, i.EmailKey)
		}
		equal(w, "expired invitations", want, is)
	}
	expired(4, 9)
	expired(5, 9, "b", "c") // at the moment itself
	expired(99, 9, "b", "c", "d", "a")
	expired(99, 3, "b", "c", "d")
	equal(w, "ended", true, got(w.s.EndInvitation(w.ctx, all[1].ID, usermgmt.InvitationExpired, at(6), usermgmt.UserID{})).must(w))
	expired(5, 9, "c")
}

func invitedSeats(w *world) {
	st, b := w.site("a"), w.site("b")
	got(w.s.InvitedSeats(w.ctx, st.org.ID)).is(w, nil)
	for n, licence := range []usermgmt.LicenceType{"site", "platform", "site", "site"} {
		i := w.newInvitation(st, string(rune('a'+n)))
		i.Licence = licence
		w.do(w.s.SaveInvitation(w.ctx, i))
		if n == 3 {
			equal(w, "ended", true, got(w.s.EndInvitation(w.ctx, i.ID, usermgmt.InvitationRevoked, at(1), usermgmt.UserID{})).must(w))
		}
	}
	w.do(w.s.SaveInvitation(w.ctx, w.newInvitation(b, "x")))
	is := got(w.s.InvitedSeats(w.ctx, st.org.ID)).must(w)
	equal(w, "seats", map[usermgmt.LicenceType]int{"site": 2, "platform": 1}, is)
	scribble(is)
	equal(w, "seats again", 2, got(w.s.InvitedSeats(w.ctx, st.org.ID)).must(w)["site"])
}

func (c *contents) invitationReaders() []reader {
	org := c.a.org.ID
	q := usermgmt.ListQuery{Limit: everything}
	return []reader{
		read("TokenByID", func(ctx context.Context, s store) (usermgmt.Token, error) { return s.TokenByID(ctx, c.token.ID) }),
		read("TokenByKey", func(ctx context.Context, s store) (usermgmt.Token, error) { return s.TokenByKey(ctx, c.spareToken.Key) }),
		read("TokenByHash", func(ctx context.Context, s store) (usermgmt.Token, error) { return s.TokenByHash(ctx, hashOf(-70)) }),
		read("InvitationByID", func(ctx context.Context, s store) (usermgmt.Invitation, error) {
			return s.InvitationByID(ctx, c.invitation.ID)
		}),
		read("PendingInvitation", func(ctx context.Context, s store) (usermgmt.Invitation, error) {
			return s.PendingInvitation(ctx, org, c.invitation.EmailKey)
		}),
		read("ListInvitations", func(ctx context.Context, s store) ([]usermgmt.Invitation, error) {
			return s.ListInvitations(ctx, org, false, q)
		}),
		read("ExpiredInvitations", func(ctx context.Context, s store) ([]usermgmt.Invitation, error) {
			return s.ExpiredInvitations(ctx, at(600), everything)
		}),
		read("InvitedSeats", func(ctx context.Context, s store) (map[usermgmt.LicenceType]int, error) {
			return s.InvitedSeats(ctx, org)
		}),
	}
}

// invitationProbes read what is there only after some of the writes.
func (c *contents) invitationProbes() []reader {
	return []reader{
		read("TokenByKey", func(ctx context.Context, s store) (usermgmt.Token, error) { return s.TokenByKey(ctx, c.newToken.Key) }),
		read("TokenByHash", func(ctx context.Context, s store) (usermgmt.Token, error) { return s.TokenByHash(ctx, hashOf(-71)) }),
		read("TokenByHash", func(ctx context.Context, s store) (usermgmt.Token, error) { return s.TokenByHash(ctx, hashOf(-72)) }),
		read("TokenByID", func(ctx context.Context, s store) (usermgmt.Token, error) { return s.TokenByID(ctx, c.oldToken.ID) }),
	}
}

func (c *contents) writesOfInvitations() []write {
	return []write{
		{"PutToken", func(ctx context.Context, s store) error {
			_, err := s.PutToken(ctx, c.newToken, at(0))
			return err
		}},
		{"PutToken", func(ctx context.Context, s store) error {
			t := c.spareToken
			t.ID, t.CreatedAt = idOf[usermgmt.Token](1<<20), at(9)
			_, err := s.PutToken(ctx, t, at(8))
			return err
		}},
		{"ArmToken", func(ctx context.Context, s store) error {
			_, err := s.ArmToken(ctx, usermgmt.TokenSecret{Token: c.token.ID, Hash: hashOf(-71), Code: "$code$"})
			return err
		}},
		{"UseToken", func(ctx context.Context, s store) error {
			_, err := s.UseToken(ctx, c.token.ID, at(7))
			return err
		}},
		{"DeleteTokens", func(ctx context.Context, s store) error { return s.DeleteTokens(ctx, c.bob.ID, usermgmt.TokenEmail) }},
		{"PruneTokens", func(ctx context.Context, s store) error {
			_, err := s.PruneTokens(ctx, at(-1000), everything)
			return err
		}},
		{"SaveInvitation", func(ctx context.Context, s store) error { return s.SaveInvitation(ctx, c.newInvitation) }},
		{"SaveInvitation", func(ctx context.Context, s store) error {
			i := c.invitation
			i.Plan.Units, i.ExpiresAt = slices.Clone(i.Plan.Units[:1]), at(99)
			return s.SaveInvitation(ctx, i)
		}},
		{"EndInvitation", func(ctx context.Context, s store) error {
			_, err := s.EndInvitation(ctx, c.spareInvitation.ID, usermgmt.InvitationRevoked, at(5), c.ann.ID)
			return err
		}},
	}
}

// invitations fills contents with tokens and invitations.
func (c *contents) invitations() {
	w := c.w
	c.token, c.spareToken = w.newToken(usermgmt.TokenReset, c.ann.ID, 0), w.newToken(usermgmt.TokenReset, c.bob.ID, 0)
	c.oldToken, c.newToken = w.newToken(usermgmt.TokenReset, c.cat.ID, -2000), w.newToken(usermgmt.TokenEmail, c.ann.ID, 0)
	others := w.newToken(usermgmt.TokenEmail, c.bob.ID, 0)
	for i, t := range []usermgmt.Token{c.token, c.spareToken, c.oldToken, others} {
		w.putToken(t, at(-5000), true)
		if i != 1 {
			w.armToken(t.ID, []int{-70, 0, -73, -72}[i], true)
		}
	}
	c.invitation, c.spareInvitation = w.newInvitation(c.a, "i@mail.test"), w.newInvitation(c.a, "spare@mail.test")
	c.invitation.Plan.Units = []usermgmt.UnitID{c.a.mid.ID, c.a.leaf.ID}
	c.newInvitation = w.newInvitation(c.a, "new@mail.test")
	w.do(w.s.SaveInvitation(w.ctx, c.invitation))
	w.do(w.s.SaveInvitation(w.ctx, c.spareInvitation))
	c.invitation.Version = 1
}
