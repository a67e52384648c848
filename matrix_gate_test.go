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

// doorman is an installation with one user, ann, whose status is spoiled behind
// the back of the services: what they do besides (ending sessions and so on)
// must not be all that keeps her out.
type doorman struct {
	*usermgmttest.Env
	t       *testing.T
	ann     usermgmt.UserID
	session *usermgmt.LoginResult
	host    usermgmt.Actor
	key     string
	byKey   usermgmt.Actor
	// ann proxied to somebody, and somebody proxied to ann.
	asOperator, asTarget *usermgmt.LoginResult
	rootSession          *usermgmt.LoginResult
}

func newDoorman(t *testing.T) *doorman {
	t.Helper()
	d := &doorman{Env: usermgmttest.NewOn(t, teststores.New(t), nil), t: t}
	ctx := t.Context()
	d.ann = d.AddUser("ann", func(n *usermgmt.NewUser) { n.Profile = d.Profile(usermgmt.ProfileAdministrator) }).ID
	bob := d.AddUser("bob", nil)
	d.session = d.Login("ann")
	d.host = d.As(d.ann)
	key, err := d.APIKeys().Generate(ctx, d.host, usermgmt.KeyRequest{User: d.ann})
	require.NoError(t, err)
	d.key = key.Text.Reveal()
	d.byKey, err = d.Auth().APIKey(ctx, d.key, here)
	require.NoError(t, err)
	d.asOperator, err = d.Proxy().Login(ctx, d.Login("ann").Actor, usermgmt.ProxyRequest{Target: bob.ID, Acknowledged: true})
	require.NoError(t, err)
	d.asTarget, err = d.Proxy().Login(ctx, d.Login("root").Actor, usermgmt.ProxyRequest{Target: d.ann, Acknowledged: true})
	require.NoError(t, err)
	d.rootSession = d.Login("root")
	return d
}

func (d *doorman) user(change func(*usermgmt.User)) {
	u, err := d.Store.UserByID(d.t.Context(), d.ann)
	require.NoError(d.t, err)
	change(&u)
	require.NoError(d.t, d.Store.SaveUser(d.t.Context(), u))
}

func (d *doorman) credential(status usermgmt.AuthStatus) {
	acc, err := d.Store.AccountByID(d.t.Context(), d.ann)
	require.NoError(d.t, err)
	acc.Credential.Status = status
	require.NoError(d.t, d.Store.SaveCredential(d.t.Context(), acc.Credential))
}

// spoilers give ann each status.
var spoilers = map[string]func(d *doorman){
	"good":     func(*doorman) {},
	"reserved": func(d *doorman) { d.user(func(u *usermgmt.User) { u.Reserved = true }) },
	"deactivated": func(d *doorman) {
		d.user(func(u *usermgmt.User) { u.Enabled, u.DeactivatedAt = false, d.Clock.Now() })
	},
	"disabled": func(d *doorman) { d.user(func(u *usermgmt.User) { u.Enabled = false }) },
	"service": func(d *doorman) {
		d.user(func(u *usermgmt.User) { u.Kind, u.Responsible = usermgmt.KindService, d.Administrator.ID })
	},
	"locked":         func(d *doorman) { require.NoError(d.t, d.Store.ClearAttempts(d.t.Context(), d.ann, usermgmt.Forever)) },
	"password_reset": func(d *doorman) { d.credential(usermgmt.StatusPasswordReset) },
	"expired":        func(d *doorman) { d.credential(usermgmt.StatusExpired) },
	"organization_disabled": func(d *doorman) {
		o, err := d.Store.OrgByID(d.t.Context(), d.Organization.ID)
		require.NoError(d.t, err)
		o.Enabled = false
		require.NoError(d.t, d.Store.SaveOrg(d.t.Context(), o))
	},
	"no_membership": func(d *doorman) {
		require.NoError(d.t, d.Store.DeleteMembership(d.t.Context(), d.ann, d.Organization.ID, d.Clock.Now()))
	},
	"membership_disabled": func(d *doorman) {
		m, err := d.Store.MembershipOf(d.t.Context(), d.ann, d.Organization.ID)
		require.NoError(d.t, err)
		m.Enabled = false
		m.Rights++
		require.NoError(d.t, d.Store.SaveMembership(d.t.Context(), m))
	},
}

// entries are the ways in, each with the statuses that do not keep ann out.
var entries = map[string]struct {
	letsIn []string
	enter  func(d *doorman) error
}{
	"login": {[]string{"expired"}, func(d *doorman) error { _, err := login(d.Env, d.t, "ann", usermgmttest.Password); return err }},
	"session": {[]string{"locked"}, func(d *doorman) error {
		_, err := d.Auth().Session(d.t.Context(), d.session.Token.Reveal(), here)
		return err
	}},
	"session refreshed": {[]string{"locked"}, func(d *doorman) error { _, err := d.Refresh(d.t.Context(), d.session.Actor); return err }},
	"change by session": {[]string{"locked"}, func(d *doorman) error {
		return d.Audit().Record(d.t.Context(), d.session.Actor, usermgmt.HostEvent{Verb: "lead.convert"})
	}},
	"entering again": {[]string{"locked"}, func(d *doorman) error {
		_, err := d.Auth().Enter(d.t.Context(), d.session.Actor, usermgmt.EnterRequest{})
		return err
	}},
	"logging out": {[]string{"locked"}, func(d *doorman) error { return d.Auth().Logout(d.t.Context(), d.session.Actor) }},
	"password change": {nil, func(d *doorman) error {
		_, err := d.Passwords().Change(d.t.Context(), d.session.Actor, usermgmt.PasswordChange{Current: usermgmttest.Password, New: "Another-Long-7-Phrase"})
		return err
	}},
	"api key":           {[]string{"service"}, func(d *doorman) error { _, err := d.Auth().APIKey(d.t.Context(), d.key, here); return err }},
	"api key refreshed": {[]string{"service"}, func(d *doorman) error { _, err := d.Refresh(d.t.Context(), d.byKey); return err }},
	"change by api key": {[]string{"service"}, func(d *doorman) error {
		return d.Audit().Record(d.t.Context(), d.byKey, usermgmt.HostEvent{Verb: "lead.convert"})
	}},
	"host": {[]string{"service"}, func(d *doorman) error {
		_, err := d.ActorFor(d.t.Context(), usermgmt.ActorRequest{User: d.ann})
		return err
	}},
	"host refreshed": {[]string{"service"}, func(d *doorman) error { _, err := d.Refresh(d.t.Context(), d.host); return err }},
	"change by host": {[]string{"service"}, func(d *doorman) error {
		return d.Audit().Record(d.t.Context(), d.host, usermgmt.HostEvent{Verb: "lead.convert"})
	}},
	"proxy login as ann": {[]string{"password_reset", "expired"}, func(d *doorman) error {
		_, err := d.Proxy().Login(d.t.Context(), d.rootSession.Actor, usermgmt.ProxyRequest{Target: d.ann, Acknowledged: true})
		return err
	}},
	"running proxy login as ann": {[]string{"password_reset", "expired"}, func(d *doorman) error {
		_, err := d.Auth().Session(d.t.Context(), d.asTarget.Token.Reveal(), here)
		return err
	}},
	"running proxy login by ann": {[]string{"locked"}, func(d *doorman) error {
		_, err := d.Auth().Session(d.t.Context(), d.asOperator.Token.Reveal(), here)
		return err
	}},
	"change in a proxy login by ann": {[]string{"locked"}, func(d *doorman) error {
		return d.Audit().Record(d.t.Context(), d.asOperator.Actor, usermgmt.HostEvent{Verb: "lead.convert"})
	}},
	"switching back by ann": {[]string{"locked"}, func(d *doorman) error {
		_, err := d.Proxy().SwitchBack(d.t.Context(), d.asOperator.Token.Reveal(), here)
		return err
	}},
}

func TestEveryEntryRefusesEveryBadStatus(t *testing.T) {
	t.Parallel()
	for entry, e := range entries {
		t.Run(entry, func(t *testing.T) {
			t.Parallel()
			for status, spoil := range spoilers {
				d := newDoorman(t)
				spoil(d)
				d.Clock.Advance(time.Second)
				err := e.enter(d)
				in := status == "good"
				for _, s := range e.letsIn {
					in = in || s == status
				}
				if in {
					assert.NoError(t, err, status)
					continue
				}
				if assert.Error(t, err, status) && entry != "proxy login as ann" {
					kind := usermgmt.ErrUnauthenticated
					if status == "locked" && (entry == "login" || entry == "password change") || status == "service" && entry == "login" {
						kind = usermgmt.ErrCredentials // whose password is not judged
					}
					assert.ErrorIs(t, err, kind, status)
				}
			}
		})
	}
}

// What was taken away does not come back when the user does.
func TestSessionsDoNotComeBackWithTheUser(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ out, back func(d *doorman) error }{
		"disabled user": {func(d *doorman) error { return d.Users().Disable(d.t.Context(), d.Root(), d.ann) },
			func(d *doorman) error { return d.Users().Enable(d.t.Context(), d.Root(), d.ann) }},
		"deactivated user": {func(d *doorman) error {
			return d.Users().Deactivate(d.t.Context(), d.Root(), d.ann, usermgmt.DeactivateOptions{})
		}, func(d *doorman) error { return d.Users().Reactivate(d.t.Context(), d.Root(), d.ann) }},
		"disabled membership": {func(d *doorman) error { return d.membership(false) }, func(d *doorman) error { return d.membership(true) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoorman(t)
			require.NoError(t, c.out(d))
			require.NoError(t, c.back(d))
			_, err := d.Auth().Session(t.Context(), d.session.Token.Reveal(), here)
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
			_, err = d.Auth().Session(t.Context(), d.asTarget.Token.Reveal(), here)
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "a proxy login as the user")
			_, err = d.Refresh(t.Context(), d.session.Actor)
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
			if name == "deactivated user" {
				_, err = d.Auth().APIKey(t.Context(), d.key, here)
				require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
			}
		})
	}
}

func (d *doorman) membership(enabled bool) error {
	m, err := d.Members().Get(d.t.Context(), d.Root(), d.ann, usermgmt.OrgID{})
	if err != nil {
		return err
	}
	_, err = d.Members().Update(d.t.Context(), d.Root(), d.ann, usermgmt.OrgID{}, m.Version, usermgmt.MembershipUpdate{Enabled: &enabled})
	return err
}

// T-SES-04: an organization that was disabled must not give its sessions back.
func TestSessionsDoNotComeBackWithTheOrganization(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	org := e.AddOrg("Beta")
	e.AddUser("bea", func(n *usermgmt.NewUser) { n.OwnerUnit, n.PrimaryTeam = org.MainUnit.ID, org.RootTeam.ID })
	r := e.Login("bea")
	require.NoError(t, e.Orgs().SetEnabled(t.Context(), e.Root(), org.Organization.ID, 1, false))
	_, err := e.Auth().Session(t.Context(), r.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	require.NoError(t, e.Orgs().SetEnabled(t.Context(), e.Root(), org.Organization.ID, 2, true))
	_, err = e.Auth().Session(t.Context(), r.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
}

// A lockout that disables is a disabling: sessions end for good.
func TestALockoutThatDisablesEndsTheSessions(t *testing.T) {
	t.Parallel()
	p := usermgmt.PolicyNIST()
	p.LockoutDisables = true
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	ann := e.AddUser("ann", nil)
	r := e.Login("ann")
	for range p.LockoutAttempts {
		_, err := login(e, t, "ann", "wrong")
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	require.NoError(t, e.Users().Enable(t.Context(), e.Root(), ann.ID))
	require.NoError(t, e.Users().Activate(t.Context(), e.Root(), ann.ID))
	_, err := e.Auth().Session(t.Context(), r.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
}

// A stranger who knows a name can lock its password, but nothing that works
// without one: T-LOCK-07.
func TestAStrangersGuessesDoNotStopAServicesKey(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	svc := e.AddUser("nightly-job", func(n *usermgmt.NewUser) {
		n.Kind, n.Password, n.Responsible = usermgmt.KindService, "", e.Administrator.ID
	})
	key, err := e.APIKeys().Generate(t.Context(), e.Root(), usermgmt.KeyRequest{User: svc.ID})
	require.NoError(t, err)
	for range 20 {
		_, err := login(e, t, "nightly-job", "guess")
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	_, err = e.Auth().APIKey(t.Context(), key.Text.Reveal(), here)
	require.NoError(t, err)
}
