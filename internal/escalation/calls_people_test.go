package escalation_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// seldom makes a call once in n times: there should be few of it.
func seldom(n int, call func(w *world, a usermgmt.Actor) (effect, error)) func(w *world, a usermgmt.Actor) (effect, error) {
	return func(w *world, a usermgmt.Actor) (effect, error) {
		if w.random.IntN(n) > 0 {
			return effect{}, usermgmt.ErrConflict
		}
		return call(w, a)
	}
}

// onSomebody is a call about a random user.
func onSomebody(call func(w *world, a usermgmt.Actor, user usermgmt.UserID) error) func(w *world, a usermgmt.Actor) (effect, error) {
	return func(w *world, a usermgmt.Actor) (effect, error) {
		user := w.user()
		return about("%s", w.names[user]), call(w, a, user)
	}
}

// takesOver is onSomebody, whose credential the caller has afterwards, for what is
// mailed to the user too: the caller may read that mail.
func takesOver(call func(w *world, a usermgmt.Actor, user usermgmt.UserID) error) func(w *world, a usermgmt.Actor) (effect, error) {
	return func(w *world, a usermgmt.Actor) (effect, error) {
		user := w.user()
		return effect{text: w.names[user], credential: user}, call(w, a, user)
	}
}

// session is the caller's own session, at home.
func (w *world) session(a usermgmt.Actor) (usermgmt.Actor, error) {
	u, err := w.Store.UserByID(w.t.Context(), a.Subject())
	if err != nil {
		return usermgmt.Actor{}, err
	}
	password := w.passwords[u.ID]
	if password == "" {
		password = usermgmttest.Password
	}
	r, err := w.Auth().Login(w.t.Context(), usermgmt.LoginRequest{Name: u.Username, Password: password, Origin: usermgmt.Origin{Address: "192.0.2.1"}})
	if err != nil || r.Actor.Pending() != 0 { // it was reset, the user is disabled, or has to choose a role
		return usermgmt.Actor{}, usermgmt.ErrConflict
	}
	return r.Actor, nil
}

// link is the secret of the last invitation that was mailed to an address.
func (w *world) link(to string) string {
	_, err := w.Deliver(w.t.Context(), 1000)
	require.NoError(w.t, err)
	secret := ""
	for _, m := range w.Mail.Sent() {
		if m.Kind == usermgmt.MailJoin && m.To == to {
			secret = m.Secret.Reveal()
		}
	}
	return secret
}

// setFactor gives a user a factor, or with nil takes it away.
func (w *world) setFactor(user usermgmt.UserID, secret []byte) {
	f, err := w.Store.FactorOf(w.t.Context(), user)
	if !errors.Is(err, usermgmt.ErrNotFound) {
		require.NoError(w.t, err)
	}
	f.User, f.Secret = user, secret
	require.NoError(w.t, w.Store.SaveFactor(w.t.Context(), f))
}

// peopleCalls are about users one by one, and what they prove who they are with.
var peopleCalls = []call{
	{"Users.Create", func(w *world, a usermgmt.Actor) (effect, error) {
		name := fmt.Sprint("new", w.n)
		w.n++
		u, err := w.Users().Create(w.t.Context(), a, usermgmt.NewUser{Username: name, Email: name + "@acme.test", FirstName: "A", LastName: "B",
			OwnerUnit: w.unit(), Password: usermgmttest.Password, NewMembership: usermgmt.NewMembership{Profile: w.profile(),
				PrimaryTeam: w.team(), Roles: w.assignments()}})
		if err != nil {
			return effect{}, err
		}
		w.known(u.ID, name)
		return effect{text: name, credential: u.ID}, nil
	}},
	{"Users.Assign", func(w *world, a usermgmt.Actor) (effect, error) {
		u, err := w.Store.UserByID(w.t.Context(), w.user())
		if err != nil {
			return effect{}, err
		}
		return about("%s", u.Username), w.Users().Assign(w.t.Context(), a, u.ID, u.Version, w.unit())
	}},
	{"Users.Update", takesOver(func(w *world, a usermgmt.Actor, user usermgmt.UserID) error {
		u, err := w.Store.UserByID(w.t.Context(), user)
		if err != nil {
			return err
		}
		name := w.name("login")
		var c usermgmt.UserUpdate
		switch w.random.IntN(3) {
		case 0:
			email := strings.ReplaceAll(name, " ", "-") + "@acme.test"
			c.Email = &email
		case 1:
			username := strings.ReplaceAll(name, " ", "-")
			c.Username = &username
		case 2:
			c.SSO = &usermgmt.SSO{FederationID: name}
		}
		_, err = w.Users().Update(w.t.Context(), a, user, u.Version, c)
		return err
	})},
	{"Users.Invite", takesOver(func(w *world, a usermgmt.Actor, user usermgmt.UserID) error {
		return w.Users().Invite(w.t.Context(), a, user)
	})},
	{"Users.Disable", seldom(20, onSomebody(func(w *world, a usermgmt.Actor, user usermgmt.UserID) error {
		return w.Users().Disable(w.t.Context(), a, user)
	}))},
	{"Users.Enable", onSomebody(func(w *world, a usermgmt.Actor, user usermgmt.UserID) error {
		return w.Users().Enable(w.t.Context(), a, user)
	})},
	{"Users.Activate", onSomebody(func(w *world, a usermgmt.Actor, user usermgmt.UserID) error {
		return w.Users().Activate(w.t.Context(), a, user)
	})},
	{"Passwords.Set", func(w *world, a usermgmt.Actor) (effect, error) {
		user, password := w.user(), fmt.Sprint("Another-Long-7-Phrase ", w.n)
		w.n++
		err := w.Passwords().Set(w.t.Context(), a, user, password, "", false)
		if err == nil {
			w.passwords[user] = password
		}
		return effect{text: w.names[user], credential: user}, err
	}},
	{"Passwords.Reset", seldom(5, takesOver(func(w *world, a usermgmt.Actor, user usermgmt.UserID) error {
		return w.Passwords().Reset(w.t.Context(), a, user)
	}))},
	{"APIKeys.Generate", func(w *world, a usermgmt.Actor) (effect, error) {
		user := w.user()
		_, err := w.APIKeys().Generate(w.t.Context(), a, usermgmt.KeyRequest{User: user})
		return effect{text: w.names[user], credential: user, org: a.Org()}, err
	}},
	{"APIKeys.Rotate", func(w *world, a usermgmt.Actor) (effect, error) {
		user := w.user()
		_, err := w.APIKeys().Rotate(w.t.Context(), a, usermgmt.KeyRotation{User: user})
		return effect{text: w.names[user], credential: user, org: a.Org()}, err
	}},
	{"Factors.Reset", takesOver(func(w *world, a usermgmt.Actor, user usermgmt.UserID) error {
		w.setFactor(user, []byte("sealed"))
		defer w.setFactor(user, nil)
		return w.Factors().Reset(w.t.Context(), a, user, "was lost")
	})},
	{"Invitations.Send", func(w *world, a usermgmt.Actor) (effect, error) {
		n := usermgmt.NewInvitation{OwnerUnit: w.unit(), NewMembership: usermgmt.NewMembership{Profile: w.profile(), PrimaryTeam: w.team(), Roles: w.assignments()}}
		if w.random.IntN(2) == 0 { // somebody new, who may be the caller
			name := fmt.Sprint("invited", w.n)
			w.n++
			n.Email = name + "@acme.test"
			if _, err := w.Invitations().Send(w.t.Context(), a, n); err != nil {
				return effect{}, err
			}
			u, err := w.Invitations().Register(w.t.Context(), usermgmt.Registration{Token: w.link(n.Email), Username: name, FirstName: "A", LastName: "B", Password: usermgmttest.Password})
			if err != nil {
				return effect{}, err
			}
			w.known(u.ID, name)
			return effect{text: name, credential: u.ID}, nil
		}
		u, err := w.Store.UserByID(w.t.Context(), w.user())
		if err != nil {
			return effect{}, err
		}
		n.Email = u.Email
		if _, err := w.Invitations().Send(w.t.Context(), a, n); err != nil {
			return effect{}, err
		}
		joins, err := w.ActorFor(w.t.Context(), usermgmt.ActorRequest{User: u.ID, ProvedAt: w.Clock.Now()})
		if err != nil {
			return effect{}, usermgmt.ErrConflict
		}
		_, err = w.Invitations().Accept(w.t.Context(), joins, usermgmt.Acceptance{Token: w.link(n.Email)})
		return about("%s", u.Username), err
	}},
	{"Imports.UsersSeq", func(w *world, a usermgmt.Actor) (effect, error) {
		role, err := w.Store.RoleByID(w.t.Context(), w.role())
		if err != nil {
			return effect{}, err
		}
		team, err := w.Store.TeamByID(w.t.Context(), w.team())
		if err != nil {
			return effect{}, err
		}
		profile, err := w.Store.ProfileByID(w.t.Context(), w.profile())
		if err != nil {
			return effect{}, err
		}
		name, isNew := fmt.Sprint("imported", w.n), w.random.IntN(2) == 0
		w.n++
		if !isNew {
			u, err := w.Store.UserByID(w.t.Context(), w.user())
			if err != nil {
				return effect{}, err
			}
			name = u.Username
		}
		columns := []string{"username", "email", "first_name", "last_name", "profile", "primary_team", "roles"}
		values := []string{name, name + "@acme.test", "A", "B", profile.Name, team.Name, role.Name}
		if !isNew { // of whom some change
			columns, values = columns[:1], values[:1]
			one := w.random.IntN(3)
			columns = append(columns, []string{"profile", "team", "roles"}[one])
			values = append(values, []string{profile.Name, team.Name, role.Name}[one])
		}
		report, err := w.Imports().UsersSeq(w.t.Context(), a, seqOf(usermgmt.ImportRow{Columns: columns, Values: values}), usermgmt.ImportOptions{})
		switch {
		case err != nil:
			return effect{}, err
		case len(report.Problems) > 0:
			return effect{}, usermgmt.ErrInvalid
		}
		if isNew {
			acc, err := w.Store.UsersByLogin(w.t.Context(), []string{name})
			if err != nil || len(acc) != 1 {
				return effect{}, fmt.Errorf("%s was not imported: %w", name, err)
			}
			w.known(acc[0].ID, name)
		}
		return about("%s: %s", name, columns), nil
	}},
	{"Proxy.Login", func(w *world, a usermgmt.Actor) (effect, error) {
		own, err := w.session(a)
		if err != nil {
			return effect{}, err
		}
		user := w.user()
		_, err = w.Proxy().Login(w.t.Context(), own, usermgmt.ProxyRequest{Target: user, Acknowledged: true})
		return effect{text: w.names[user], credential: user, org: own.Org()}, err
	}},
	{"Proxy.SetGrants", func(w *world, a usermgmt.Actor) (effect, error) {
		user := w.user()
		l, err := w.Proxy().Grants(w.t.Context(), a, user)
		if err != nil {
			return effect{}, err
		}
		g := usermgmt.ProxyGrants{Restricted: w.random.IntN(2) == 0}
		if g.Restricted {
			g.Users = []usermgmt.ProxyUser{{User: w.user()}}
		}
		_, err = w.Proxy().SetGrants(w.t.Context(), a, user, l.Version, g)
		return about("%s", w.names[user]), err
	}},
}

func seqOf(rows ...usermgmt.ImportRow) iter.Seq2[usermgmt.ImportRow, error] {
	return func(yield func(usermgmt.ImportRow, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

var calls = slices.Concat(structureCalls, peopleCalls)

// draws are the calls as often as they are drawn: those more often that need each
// other to go wrong.
var draws = func() (out []call) {
	for _, c := range calls {
		n := 1
		if c.name == "Applications.Grant" || strings.HasPrefix(c.name, "Sharing.") {
			n = 4
		}
		out = append(out, slices.Repeat([]call{c}, n)...)
	}
	return out
}()
