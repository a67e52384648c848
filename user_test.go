package usermgmt_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// broken lists "field rule" of every field problem.
func broken(err error) []string {
	var out []string
	for _, f := range usermgmt.FieldErrors(err) {
		out = append(out, f.Field+" "+f.Rule)
	}
	return out
}

func TestCreateReportsEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	_, err := e.Users().Create(t.Context(), e.Root(), usermgmt.NewUser{
		Username: "a b", Email: "nonsense", OwnerUnit: e.MainUnit.ID, Password: "short",
		Birthday: usermgmt.Date{Year: 2030, Month: 1, Day: 1}, Address: usermgmt.Address{Country: "XX"},
		Phone: strings.Repeat("1", 65), Source: "hr",
	})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	assert.ElementsMatch(t, []string{"password min_length", "username characters", "email format", "first_name required",
		"last_name required", "phone length", "birthday future", "country unknown", "external_id pair",
		"profile unknown", "primary_team required", "roles required"}, broken(err))
}

func TestAUserHasAtLeastOneRole(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	app, err := e.Applications().Create(t.Context(), e.Root(), usermgmt.NewApplication{Name: "CRM"})
	require.NoError(t, err)
	team := e.AddTeam("Sales", e.RootTeam.ID)
	n := usermgmt.NewUser{Username: "ann", Email: "ann@acme.test", FirstName: "A", LastName: "B", OwnerUnit: e.MainUnit.ID,
		NewMembership: usermgmt.NewMembership{Profile: e.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: team.ID}}
	_, err = e.Users().Create(t.Context(), e.Root(), n)
	assert.Equal(t, []string{"roles required"}, broken(err))

	byAccess := n
	byAccess.Username, byAccess.Email = "bob", "bob@acme.test"
	byAccess.Access = []usermgmt.ApplicationAccess{{Application: app.ID, Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}}}
	_, err = e.Users().Create(t.Context(), e.Root(), byAccess)
	require.NoError(t, err, "through application access given in the same call")

	_, err = e.Applications().Grant(t.Context(), e.Root(), usermgmt.AccessRequest{Application: app.ID, Team: e.RootTeam.ID,
		Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}})
	require.NoError(t, err)
	_, err = e.Users().Create(t.Context(), e.Root(), n)
	require.NoError(t, err, "through the access of a team above")
}

func TestLoginNamesAreOneSpace(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	e.AddUser("ann", nil)
	for _, change := range []func(*usermgmt.NewUser){
		func(n *usermgmt.NewUser) { n.Username = "ANN" },
		func(n *usermgmt.NewUser) { n.Username = "ann@acme.test" },
		func(n *usermgmt.NewUser) { n.Email = "ann@ACME.test" },
		func(n *usermgmt.NewUser) { n.Username = "ａｎｎ" }, // full width
	} {
		n := usermgmt.NewUser{Username: "bob", Email: "bob@acme.test", FirstName: "B", LastName: "B", OwnerUnit: e.MainUnit.ID,
			NewMembership: usermgmt.NewMembership{Profile: e.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: e.RootTeam.ID,
				Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}}}
		change(&n)
		_, err := e.Users().Create(t.Context(), e.Root(), n)
		require.ErrorIs(t, err, usermgmt.ErrConflict)
	}
	e.AddUser("own@acme.test", func(n *usermgmt.NewUser) { n.Email = "own@acme.test" })
}

func TestViewLeavesEmptyFieldsAway(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Title = "Engineer" })
	view, err := e.Users().View(t.Context(), e.Root(), ann.ID)
	require.NoError(t, err)
	for _, f := range view {
		assert.NotEmpty(t, f.Value, f.Name)
		assert.NotEqual(t, "phone", f.Name)
	}
	assert.Contains(t, view, usermgmt.FieldValue{Name: "title", Value: "Engineer"})
}

func TestUpdateChecksVersionAndTellsBothAddresses(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	u, err := e.Users().Update(t.Context(), e.Root(), ann.ID, ann.Version, usermgmt.UserUpdate{Email: new("new@acme.test"), Title: new("CTO")})
	require.NoError(t, err)
	assert.Equal(t, "CTO", u.Title)
	_, err = e.Users().Update(t.Context(), e.Root(), ann.ID, ann.Version, usermgmt.UserUpdate{Title: new("CFO")})
	require.ErrorIs(t, err, usermgmt.ErrStale)
	_, err = e.Deliver(t.Context(), 10)
	require.NoError(t, err)
	var to []string
	for _, m := range e.Mail.Sent() {
		to = append(to, m.To)
	}
	assert.ElementsMatch(t, []string{"ann@acme.test", "new@acme.test"}, to)

	entries, err := e.Audit().List(t.Context(), e.Root(), usermgmt.AuditQuery{Verb: "user.update"})
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	done := entries[len(entries)-1]
	assert.Equal(t, []string{"email", "title"}, done.Fields)
	assert.Equal(t, "ann@acme.test", done.Detail.Before["email"])
	assert.Equal(t, "new@acme.test", done.Detail.After["email"])
}

func TestOwnProfileHasItsOwnFields(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	a := e.As(ann.ID)
	u, err := e.Users().Update(t.Context(), a, ann.ID, ann.Version, usermgmt.UserUpdate{Phone: new("+49 30 1")})
	require.NoError(t, err)
	_, err = e.Users().Update(t.Context(), a, ann.ID, u.Version, usermgmt.UserUpdate{Company: new("Other")})
	require.ErrorIs(t, err, usermgmt.ErrPermission)
	_, err = e.Users().Update(t.Context(), a, ann.ID, u.Version, usermgmt.UserUpdate{Username: new("root2")})
	require.ErrorIs(t, err, usermgmt.ErrPermission)
}

func TestGridViewsSortAndPages(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	for _, n := range []string{"carl", "anna", "bert", "dora", "emil"} {
		e.AddUser(n, func(u *usermgmt.NewUser) { u.LastName = strings.ToUpper(n[:1]) + n[1:] })
	}
	list := func(q usermgmt.UserQuery) (names []string) {
		t.Helper()
		for {
			page, err := e.Users().List(t.Context(), e.Root(), q)
			require.NoError(t, err)
			for _, u := range page.Items {
				names = append(names, u.Username)
			}
			if page.Next.IsZero() {
				return names
			}
			q.After = page.Next
		}
	}
	assert.Equal(t, []string{"anna", "bert", "carl", "dora", "emil", "root"}, list(usermgmt.UserQuery{Limit: 2}))
	assert.Equal(t, []string{"root", "emil", "dora", "carl", "bert", "anna"}, list(usermgmt.UserQuery{Limit: 4, Sort: usermgmt.SortUsername, Desc: true}))
	id := func(name string) usermgmt.UserID {
		page, err := e.Users().List(t.Context(), e.Root(), usermgmt.UserQuery{Search: name, View: usermgmt.ViewAll})
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
		return page.Items[0].ID
	}
	require.NoError(t, e.Users().Disable(t.Context(), e.Root(), id("Carl")))
	require.NoError(t, e.Users().Deactivate(t.Context(), e.Root(), id("dora"), usermgmt.DeactivateOptions{}))
	for range 10 {
		_, err := login(e, t, "bert", "wrong")
		require.Error(t, err)
	}
	assert.Equal(t, []string{"anna", "bert", "emil", "root"}, list(usermgmt.UserQuery{}), "active is the default")
	assert.Equal(t, []string{"carl", "dora"}, list(usermgmt.UserQuery{View: usermgmt.ViewDisabled}))
	assert.Equal(t, []string{"dora"}, list(usermgmt.UserQuery{View: usermgmt.ViewDeactivated}))
	assert.Equal(t, []string{"bert"}, list(usermgmt.UserQuery{View: usermgmt.ViewCannotLogIn}))
	e.Clock.Advance(time.Hour)
	assert.Empty(t, list(usermgmt.UserQuery{View: usermgmt.ViewCannotLogIn}), "the lock has ended")
	_, err := e.Users().List(t.Context(), e.Root(), usermgmt.UserQuery{Limit: usermgmt.MaxPageSize + 1})
	require.ErrorIs(t, err, usermgmt.ErrLimit)
}

func TestBulkDisableReportsPerRow(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann, bob := e.AddUser("ann", nil), e.AddUser("bob", func(n *usermgmt.NewUser) { n.Disabled = true })
	got, err := e.Users().EnableMany(t.Context(), e.Root(), []usermgmt.UserID{ann.ID, bob.ID, e.Administrator.ID, {}}, false)
	require.NoError(t, err)
	require.Len(t, got, 4)
	assert.True(t, got[0].Changed)
	assert.Equal(t, "unchanged", got[1].Skipped)
	assert.Equal(t, "self", got[2].Skipped)
	require.ErrorIs(t, got[3].Err, usermgmt.ErrNotFound)
}

func TestDisableEndsSessionsAndKeepsTheSeat(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	s := e.Login("ann")
	key, err := e.APIKeys().Generate(t.Context(), e.As(ann.ID), usermgmt.KeyRequest{User: ann.ID})
	require.NoError(t, err)
	require.NoError(t, e.Users().Disable(t.Context(), e.Root(), ann.ID))
	_, err = e.Auth().Session(t.Context(), s.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	_, err = e.Auth().APIKey(t.Context(), key.Text.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	require.NoError(t, e.Users().Enable(t.Context(), e.Root(), ann.ID))
	_, err = e.Auth().Session(t.Context(), s.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "enabling revives no session")
	_, err = e.Auth().APIKey(t.Context(), key.Text.Reveal(), here)
	require.NoError(t, err)
	require.NoError(t, e.Users().Deactivate(t.Context(), e.Root(), ann.ID, usermgmt.DeactivateOptions{}))
	require.NoError(t, e.Users().Reactivate(t.Context(), e.Root(), ann.ID))
	_, err = e.Auth().APIKey(t.Context(), key.Text.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "deactivation withdrew the key")
}

func TestLastAdministratorStays(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	admin := e.AddUser("admin2", func(n *usermgmt.NewUser) { n.Profile = e.Profile(usermgmt.ProfileAdministrator) })
	a := e.As(admin.ID)
	require.ErrorIs(t, e.Users().Disable(t.Context(), a, admin.ID), usermgmt.ErrPermission, "not oneself")
	sys, err := e.SystemActor("test", usermgmt.OrgID{}, usermgmt.Grant{Permission: "*.*", Scope: usermgmt.ScopeSystem})
	require.NoError(t, err)
	require.NoError(t, e.Users().Disable(t.Context(), sys, e.Administrator.ID))
	for name, err := range map[string]error{
		"disable":    e.Users().Disable(t.Context(), sys, admin.ID),
		"deactivate": e.Users().Deactivate(t.Context(), sys, admin.ID, usermgmt.DeactivateOptions{}),
		"end":        e.Members().End(t.Context(), sys, admin.ID, e.Organization.ID),
	} {
		require.ErrorIs(t, err, usermgmt.ErrConflict, name)
	}
	mem, err := e.Members().Get(t.Context(), a, admin.ID, e.Organization.ID)
	require.NoError(t, err)
	f, err := e.Profiles().Shipped(t.Context(), a, usermgmt.ProfileRegularUser)
	require.NoError(t, err)
	_, err = e.Members().Update(t.Context(), a, admin.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Profile: &f.ID})
	require.ErrorIs(t, err, usermgmt.ErrConflict)
	_, err = e.Members().Update(t.Context(), a, admin.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Enabled: new(false)})
	require.ErrorIs(t, err, usermgmt.ErrConflict)
}

func TestServicesUseKeysOnly(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	n := usermgmt.NewUser{Kind: usermgmt.KindService, Username: "billing", OwnerUnit: e.MainUnit.ID,
		NewMembership: usermgmt.NewMembership{Profile: e.Profile(usermgmt.ProfilePortalUser), PrimaryTeam: e.RootTeam.ID,
			Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}}}
	_, err := e.Users().Create(t.Context(), e.Root(), n)
	assert.Equal(t, []string{"responsible required"}, broken(err))
	n.Responsible = e.Administrator.ID
	before, err := e.Licences().Report(t.Context(), e.Root(), usermgmt.OrgID{})
	require.NoError(t, err)
	svc, err := e.Users().Create(t.Context(), e.Root(), n)
	require.NoError(t, err)
	after, err := e.Licences().Report(t.Context(), e.Root(), usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Equal(t, before, after, "a service takes no seat")
	require.ErrorIs(t, e.Passwords().Set(t.Context(), e.Root(), svc.ID, usermgmttest.Password, "", false), usermgmt.ErrConflict)
	key, err := e.APIKeys().Generate(t.Context(), e.Root(), usermgmt.KeyRequest{User: svc.ID})
	require.NoError(t, err)
	a, err := e.Auth().APIKey(t.Context(), key.Text.Reveal(), here)
	require.NoError(t, err)
	assert.Equal(t, svc.ID, a.Subject())
}

func TestReportsTo(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	bob := e.AddUser("bob", func(n *usermgmt.NewUser) { n.ReportsTo = ann.ID })
	_, err := e.Users().Update(t.Context(), e.Root(), ann.ID, ann.Version, usermgmt.UserUpdate{ReportsTo: &bob.ID})
	assert.Equal(t, []string{"reports_to cycle"}, broken(err))
	team := e.AddTeam("Elsewhere", e.RootTeam.ID)
	eve := e.AddUser("eve", func(n *usermgmt.NewUser) { n.PrimaryTeam = team.ID })
	_, err = e.Users().Update(t.Context(), e.Root(), ann.ID, ann.Version, usermgmt.UserUpdate{ReportsTo: &eve.ID})
	assert.Equal(t, []string{"reports_to not_in_team"}, broken(err))
}

func TestAvatarKeepsPixelsOnly(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	img := image.NewRGBA(image.Rect(0, 0, 8, 8))
	img.Set(1, 1, color.RGBA{255, 0, 0, 255})
	var jpg bytes.Buffer
	require.NoError(t, jpeg.Encode(&jpg, img, nil))
	secret := "GPS 52.5 13.4"
	raw := jpg.Bytes()
	withComment := append(append(append([]byte{}, raw[:2]...), append([]byte{0xff, 0xfe, 0, byte(len(secret) + 2)}, secret...)...), raw[2:]...)
	require.NoError(t, e.Users().SetAvatar(t.Context(), e.Root(), e.Administrator.ID, bytes.NewReader(withComment)))
	data, mediaType, err := e.Users().Avatar(t.Context(), e.Root(), e.Administrator.ID)
	require.NoError(t, err)
	assert.Equal(t, "image/jpeg", mediaType)
	assert.NotContains(t, string(data), secret)
	require.ErrorIs(t, e.Users().SetAvatar(t.Context(), e.Root(), e.Administrator.ID, strings.NewReader("<svg/>")), usermgmt.ErrInvalid)
	require.ErrorIs(t, e.Users().SetAvatar(t.Context(), e.Root(), e.Administrator.ID, bytes.NewReader(make([]byte, usermgmt.MaxAvatarBytes+1))), usermgmt.ErrLimit)
	var big bytes.Buffer
	require.NoError(t, png.Encode(&big, image.NewGray(image.Rect(0, 0, 5000, 5000))))
	require.ErrorIs(t, e.Users().SetAvatar(t.Context(), e.Root(), e.Administrator.ID, &big), usermgmt.ErrLimit, "pixels are counted before decoding")
	require.NoError(t, e.Users().SetAvatar(t.Context(), e.Root(), e.Administrator.ID, nil))
	_, _, err = e.Users().Avatar(t.Context(), e.Root(), e.Administrator.ID)
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
}

func TestUsernameOnlyUsersWhereThePolicyAllows(t *testing.T) {
	t.Parallel()
	p := usermgmt.PolicyNIST()
	p.UsernameOnly = true
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	u := e.AddUser("nomail", func(n *usermgmt.NewUser) { n.Email = "" })
	assert.Empty(t, u.EmailKey)
	e.AddUser("nomail2", func(n *usermgmt.NewUser) { n.Email = "" })
}

// One or two letters find what a word of a name, the username or an address
// begins with; more of them find what is inside as well.
func TestShortSearchTermsFindBeginnings(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	add := func(username, first, middle, last string, emails ...string) {
		e.AddUser(username, func(n *usermgmt.NewUser) {
			n.FirstName, n.MiddleName, n.LastName, n.Email, n.Emails = first, middle, last, username+"@mail.test", emails
		})
	}
	add("q11", "Anna Maria", "", "von der Tann")
	add("q12", "Jean-Élie", "Zoé Ursula", "O\u2019Keefe")
	add("q13", "(Bo) 2nd", "", "Smith", "xavier@home.test")
	add("q15", "太郎", "", "山田")
	add("w15", "İpek", "", "Müller-Lüdenscheidt")
	for search, want := range map[string]string{
		"an": "q11", "AN": "q11", "m": "q11 w15", "ma": "q11", "vo": "q11", "d": "q11", "de": "q11", "ta": "q11", "nn": "", "nna": "q11", "ria": "q11",
		"j": "q12", "él": "q12", "É": "q12", "e\u0301": "q12", "zo": "q12", "ur": "q12", "oé": "", "zoé u": "q12", "o": "q12", "ke": "q12",
		"bo": "q13", "2n": "q13", "sm": "q13", "xa": "q13", "ho": "", "home": "q13", "nd": "",
		"太郎": "q15", "山": "q15", "田": "", "郎": "",
		"q": "q11 q12 q13 q15", "w": "w15", "lü": "w15", "mü": "w15", "MÜ": "w15", "@": "", "5@": "", "5@m": "q15 w15",
	} {
		page, err := e.Users().List(t.Context(), e.Root(), usermgmt.UserQuery{Search: search, Sort: usermgmt.SortUsername})
		require.NoError(t, err)
		var found []string
		for _, u := range page.Items {
			found = append(found, u.Username)
		}
		assert.Equal(t, want, strings.Join(found, " "), "search for %q", search)
	}
}
