package usermgmt_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// dumped is a store with the means to read every byte of it.
func dumped(t *testing.T) (usermgmt.Store, func() string) {
	t.Helper()
	kind := teststores.Chosen()
	if kind == teststores.Memory {
		s := teststores.New(t)
		return s, func() string { return memoryDump(s) }
	}
	dsn := teststores.DSN(t)
	return teststores.On(t, kind, dsn), func() string { return databaseDump(t, dsn) }
}

// databaseDump returns the rows of every table.
func databaseDump(t *testing.T, dsn string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	rows, err := conn.Query(t.Context(), `select schemaname || '.' || tablename from pg_tables where tablename like 'usermgmt%'`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Greater(t, len(tables), 30)
	var b strings.Builder
	for _, table := range tables {
		rows, err := conn.Query(t.Context(), "select t::text from "+table+" t")
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		b.WriteString(table + "\n" + strings.Join(lines, "\n") + "\n")
	}
	return b.String()
}

// memoryDump returns every text and every run of bytes that a memory store's
// present version leads to.
func memoryDump(s usermgmt.Store) string {
	current := reflect.ValueOf(s).Elem().FieldByName("engine").Elem().FieldByName("current")
	version := current.Field(0).Type().Elem().Elem() // of atomic.Pointer
	var root reflect.Value
	for i := range current.NumField() {
		if f := current.Field(i); f.Kind() == reflect.UnsafePointer {
			root = reflect.NewAt(version, f.UnsafePointer())
		}
	}
	var b strings.Builder
	seen := map[any]bool{}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			b.WriteString(v.String() + "\n")
		case reflect.Pointer:
			key := struct {
				at uintptr
				of reflect.Type
			}{v.Pointer(), v.Type()}
			if !v.IsNil() && !seen[key] {
				seen[key] = true
				walk(v.Elem())
			}
		case reflect.Interface:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Slice:
			if v.Type().Elem().Kind() == reflect.Uint8 {
				b.Write(v.Bytes())
				b.WriteString("\n")
				return
			}
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Array:
			if v.Type().Elem().Kind() != reflect.Uint8 { // of identifiers and hashes
				for i := range v.Len() {
					walk(v.Index(i))
				}
			}
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i))
			}
		case reflect.Map:
			for _, k := range v.MapKeys() {
				walk(k)
				walk(v.MapIndex(k))
			}
		default:
		}
	}
	walk(root)
	return b.String()
}

// life gives somebody a life with everything that is kept about people, and
// returns what tells who it was.
func life(t *testing.T, e *usermgmttest.Env, beta *usermgmt.CreatedOrganization) (*usermgmt.User, []string) {
	t.Helper()
	ctx := t.Context()
	admin := e.Profile(usermgmt.ProfileAdministrator)
	boss := e.AddUser("boss", nil)
	ann := e.AddUser("zq-annika", func(n *usermgmt.NewUser) {
		n.Profile, n.Email, n.Emails = admin, "zq-mail@zq-home.test", []string{"zq-second@zq-else.test"}
		n.Prefix, n.FirstName, n.MiddleName, n.LastName, n.Suffix = "zq-Dr", "zq-First", "zq-Middle", "zq-Last", "zq-Jr"
		n.Birthday = usermgmt.Date{Year: 1971, Month: 12, Day: 29}
		n.Phone, n.Mobile, n.Fax = "+49 111 zq", "+49 222 zq", "+49 333 zq"
		n.Address = usermgmt.Address{Street: "zq-Street 1", City: "zq-City", State: "zq-State", PostalCode: "zq-01", Country: "DE"}
		n.Company, n.Title, n.EmployeeNumber = "zq-Company", "zq-Title", []string{"zq-DE", "zq-77"}
		n.SSO = usermgmt.SSO{PassThrough: "zq-pass", FederationID: "zq-federation"}
		n.Source, n.ExternalID = "zq-source", "zq-external"
		n.ReportsTo, n.AccountMail, n.TimeZone = boss.ID, true, "Antarctica/Troll"
		n.Custom = map[string]string{"badge": "ZQ4711", "notes": "zq-note", "desk": "zq-desk"}
	})
	secret := []string{"zq-", "ZQ4711", "zq4711", "1971-12-29", "+49 111", "Antarctica", "192.0.2.77", "203.0.113.9"}
	origin := usermgmt.Origin{Address: "192.0.2.77", UserAgent: "zq-agent", RequestID: "zq-request"}
	in, err := e.Auth().Login(ctx, usermgmt.LoginRequest{Name: "zq-annika", Password: usermgmttest.Password, Origin: origin})
	require.NoError(t, err)
	_, err = e.Auth().Login(ctx, usermgmt.LoginRequest{Name: "ZQ-Mail@zq-home.test", Password: "wrong", Origin: usermgmt.Origin{Address: "203.0.113.9"}})
	require.Error(t, err)
	var picture bytes.Buffer
	require.NoError(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 3, 3))))
	require.NoError(t, e.Users().SetAvatar(ctx, in.Actor, ann.ID, &picture))
	changed, err := e.Passwords().Change(ctx, in.Actor, usermgmt.PasswordChange{Current: usermgmttest.Password, New: otherPassword})
	require.NoError(t, err)
	_, err = e.APIKeys().Generate(ctx, changed.Actor, usermgmt.KeyRequest{User: ann.ID})
	require.NoError(t, err)
	require.NoError(t, e.Passwords().Forgot(ctx, "zq-annika", origin))
	// What she does to others, and others to her.
	_, err = e.Users().Update(ctx, changed.Actor, boss.ID, boss.Version, usermgmt.UserUpdate{Title: ptr("Chief")})
	require.NoError(t, err)
	got, err := e.Users().Get(ctx, e.Root(), ann.ID)
	require.NoError(t, err)
	_, err = e.Users().Update(ctx, e.Root(), ann.ID, got.Version, usermgmt.UserUpdate{LastName: ptr("zq-Wed"), Groups: &[]usermgmt.GroupID{addGroup(e, t, "VIP").ID}})
	require.NoError(t, err)
	operator := e.Login("root")
	proxied, err := e.Proxy().Login(ctx, operator.Actor, usermgmt.ProxyRequest{Target: ann.ID, Acknowledged: true, Reason: "help her"})
	require.NoError(t, err)
	_, err = e.Proxy().SwitchBack(ctx, proxied.Token.Reveal(), here)
	require.NoError(t, err)
	_, err = e.Members().Add(ctx, e.Root(), ann.ID, beta.Organization.ID, usermgmt.NewMembership{
		Profile: e.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: beta.RootTeam.ID, Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}})
	require.NoError(t, err)
	_, err = e.Invitations().Send(ctx, operatorAgain(e), usermgmt.NewInvitation{Email: "zq-second@zq-else.test", OwnerUnit: e.MainUnit.ID,
		NewMembership: usermgmt.NewMembership{Profile: e.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: e.RootTeam.ID,
			Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}}})
	require.NoError(t, err)
	require.NoError(t, e.Store.SaveQuestion(ctx, usermgmt.Question{User: ann.ID, Text: "zq-question", Hash: "zq-answer"}))
	require.NoError(t, e.Store.SaveFactor(ctx, usermgmt.Factor{User: ann.ID, Secret: []byte("zq-seed"), ConfirmedAt: e.Clock.Now()}))
	require.NoError(t, e.Store.AddFormerPassword(ctx, usermgmt.FormerPassword{User: ann.ID, Hash: "zq-former", RetiredAt: e.Clock.Now()}, 5))
	_, err = e.Deliver(ctx, 3)
	require.NoError(t, err)
	return ann, secret
}

func operatorAgain(e *usermgmttest.Env) usermgmt.Actor { return e.Login("root").Actor }

func eraseEnv(t *testing.T, store usermgmt.Store, more func(*usermgmt.Config)) (*usermgmttest.Env, *usermgmt.CreatedOrganization) {
	t.Helper()
	cfg := &usermgmt.Config{Fields: hostFields()}
	if more != nil {
		more(cfg)
	}
	e := usermgmttest.NewOn(t, store, cfg)
	_, err := e.Fields().Create(t.Context(), e.Root(), usermgmt.OrgID{}, usermgmt.CustomField{Name: "desk", Type: usermgmt.FieldText, Searchable: true})
	require.NoError(t, err)
	return e, e.AddOrg("Beta")
}

func TestAnErasedPersonIsNowhere(t *testing.T) {
	t.Parallel()
	store, dump := dumped(t)
	e, beta := eraseEnv(t, store, nil)
	ctx := t.Context()
	ann, secrets := life(t, e, beta)
	require.NoError(t, e.Users().Deactivate(ctx, e.Root(), ann.ID, usermgmt.DeactivateOptions{}))
	before := dump()
	for _, s := range secrets {
		assert.Contains(t, before, s, "the dump sees everything")
	}
	entries, err := e.Store.ListAudit(ctx, usermgmt.AuditQuery{Limit: 1000})
	require.NoError(t, err)
	pools, err := e.Store.ListPools(ctx, e.Organization.ID)
	require.NoError(t, err)

	require.NoError(t, e.Users().Erase(ctx, e.Root(), ann.ID))
	after := dump()
	for _, s := range secrets {
		if i := strings.Index(after, s); i >= 0 {
			t.Errorf("%q is still there: …%s…", s, after[max(0, i-100):min(len(after), i+100)])
		}
	}
	// The record and the trail stay.
	got, err := e.Users().Get(ctx, e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, "erased-"+ann.ID.String(), got.DisplayName())
	assert.Equal(t, ann.OwnerUnit, got.OwnerUnit)
	assert.False(t, got.ErasedAt.IsZero())
	kept, err := e.Store.ListAudit(ctx, usermgmt.AuditQuery{Limit: 1000})
	require.NoError(t, err)
	assert.Equal(t, "user.erase", kept[0].Verb)
	require.Len(t, kept[1:], len(entries))
	for i, entry := range entries {
		k := kept[i+1]
		entry.Detail, k.Detail = usermgmt.AuditDetail{}, usermgmt.AuditDetail{}
		assert.Equal(t, entry, k, "all but the detail")
	}
	now, err := e.Store.ListPools(ctx, e.Organization.ID)
	require.NoError(t, err)
	assert.Equal(t, pools[0].Used-1, now[0].Used, "the seat of the invitation is free")

	// The names are free, and she does not come back.
	page, err := e.Users().List(ctx, e.Root(), usermgmt.UserQuery{View: usermgmt.ViewAll, Search: "annika"})
	require.NoError(t, err)
	assert.Empty(t, page.Items)
	again := newcomer(e, "zq-annika", "zq-mail@zq-home.test")
	_, err = e.Users().Create(ctx, e.Root(), again)
	require.NoError(t, err)
	for what, call := range map[string]func() error{
		"reactivate": func() error { return e.Users().Reactivate(ctx, e.Root(), ann.ID) },
		"update": func() error {
			_, err := e.Users().Update(ctx, e.Root(), ann.ID, got.Version, usermgmt.UserUpdate{FirstName: ptr("Ann")})
			return err
		},
		"set a password": func() error { return e.Passwords().Set(ctx, e.Root(), ann.ID, otherPassword, "", false) },
	} {
		assert.ErrorIs(t, call(), usermgmt.ErrConflict, what)
	}
	require.NoError(t, e.Users().Erase(ctx, e.Root(), ann.ID), "once more does nothing")
}

func TestWhoIsErasedAndByWhom(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	err := e.Users().Erase(ctx, e.Root(), ann.ID)
	require.ErrorIs(t, err, usermgmt.ErrConflict)
	assert.Equal(t, "not_deactivated", usermgmt.FieldErrors(err)[0].Rule)
	require.ErrorIs(t, e.Users().Erase(ctx, e.Root(), e.Administrator.ID), usermgmt.ErrPermission, "not oneself")
	require.NoError(t, e.Users().Deactivate(ctx, e.Root(), ann.ID, usermgmt.DeactivateOptions{}))
	bob := e.AddUser("bob", func(n *usermgmt.NewUser) { n.Profile = e.Profile(usermgmt.ProfileTeamAdministrator) })
	require.ErrorIs(t, e.Users().Erase(ctx, e.As(bob.ID), ann.ID), usermgmt.ErrPermission)
	boss := e.AddUser("boss", func(n *usermgmt.NewUser) { n.Profile = e.Profile(usermgmt.ProfileAdministrator) })
	key, err := e.APIKeys().Generate(ctx, e.As(boss.ID), usermgmt.KeyRequest{User: boss.ID})
	require.NoError(t, err)
	byKey, err := e.Auth().APIKey(ctx, key.Text.Reveal(), here)
	require.NoError(t, err)
	require.ErrorIs(t, e.Users().Erase(ctx, byKey, ann.ID), usermgmt.ErrPermission, "not with a key")
	require.NoError(t, e.Users().Erase(ctx, e.As(boss.ID), ann.ID))
}

func TestASubjectReportHoldsEverythingAndNoSecret(t *testing.T) {
	t.Parallel()
	e, beta := eraseEnv(t, teststores.New(t), func(c *usermgmt.Config) {
		c.SubjectData = func(_ context.Context, u usermgmt.UserID) (map[string]any, error) {
			return map[string]any{"orders": []string{"zq-order of " + u.String()}}, nil
		}
	})
	ctx := t.Context()
	ann, _ := life(t, e, beta)
	report := func(a usermgmt.Actor) map[string]json.RawMessage {
		t.Helper()
		var out bytes.Buffer
		require.NoError(t, e.Users().SubjectReport(ctx, a, ann.ID, &out))
		parts := map[string]json.RawMessage{}
		require.NoError(t, json.Unmarshal(out.Bytes(), &parts), out.String())
		assert.NotContains(t, out.String(), "$argon2")
		return parts
	}
	own := report(e.As(ann.ID))
	for part, what := range map[string]string{
		"user": "zq-Street 1", "memberships": "zq-desk", "groups": "VIP", "account": `zq-question`, "sessions": "192.0.2.77",
		"api_keys": "public_id", "messages": "zq-mail@zq-home.test", "invitations": "zq-second@zq-else.test", "audit": "zq-Wed", "host": "zq-order",
	} {
		assert.Contains(t, string(own[part]), what, part)
	}
	assert.Contains(t, string(own["memberships"]), beta.Organization.ID.String())
	assert.NotContains(t, string(own["audit"]), "Chief", "what she did to others is about them")
	assert.NotContains(t, string(own["audit"]), "root", "operators are named by identifier")
	var entries []struct{ ID, Verb string }
	require.NoError(t, json.Unmarshal(own["audit"], &entries))
	seen := map[string]bool{}
	for _, entry := range entries {
		assert.False(t, seen[entry.ID], "each entry once")
		seen[entry.ID] = true
	}
	all, err := e.Store.ListAudit(ctx, usermgmt.AuditQuery{Limit: 1000})
	require.NoError(t, err)
	for _, entry := range all {
		hers := entry.Operator == ann.ID || entry.Subject == ann.ID || entry.TargetKind == "user" && entry.Target == ann.ID.String()
		assert.Equal(t, hers, seen[entry.ID.String()], entry.Verb)
	}

	// An administrator gets what belongs to the organization.
	boss := e.AddUser("boss2", func(n *usermgmt.NewUser) { n.Profile = e.Profile(usermgmt.ProfileAdministrator) })
	theirs := report(e.As(boss.ID))
	assert.NotContains(t, string(theirs["memberships"]), beta.Organization.ID.String())
	assert.Contains(t, string(report(e.Root())["memberships"]), beta.Organization.ID.String(), "of scope System")
	var out bytes.Buffer
	bob := e.AddUser("bob", nil)
	require.ErrorIs(t, e.Users().SubjectReport(ctx, e.As(bob.ID), ann.ID, &out), usermgmt.ErrNotFound)
	assert.Empty(t, out.Bytes())
	full := errors.New("disk full")
	require.ErrorIs(t, e.Users().SubjectReport(ctx, e.Root(), ann.ID, brokenWriter{full}), full)
	log, err := e.Audit().List(ctx, e.Root(), usermgmt.AuditQuery{Verb: "user.report", Outcome: usermgmt.OutcomeDone})
	require.NoError(t, err)
	assert.Len(t, log, 4)
	assert.True(t, slices.ContainsFunc(log, func(x usermgmt.AuditEntry) bool { return x.Operator == boss.ID }))
}

// What a person is, in some organization or other, goes for good: nothing is put
// there again.
func TestNothingIsDoneToAnErasedUserButThatMembershipsEnd(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann, other := e.AddUser("ann", nil), e.AddOrg("Other")
	app, err := e.Applications().Create(ctx, e.Root(), usermgmt.NewApplication{Name: "crm"})
	require.NoError(t, err)
	require.NoError(t, e.Users().Deactivate(ctx, e.Root(), ann.ID, usermgmt.DeactivateOptions{}))
	require.NoError(t, e.Users().Erase(ctx, e.Root(), ann.ID))
	roles := []usermgmt.RoleAssignment{{Role: e.Regular.ID}}
	for what, call := range map[string]func() error{
		"a setting": func() error {
			return e.Settings().Change(ctx, e.Root(), usermgmt.SettingsOf{User: ann.ID}, usermgmt.SettingChange{Key: usermgmt.SettingLanguage, Value: "de"})
		},
		"a membership": func() error {
			_, err := e.Members().Add(ctx, e.Root(), ann.ID, other.Organization.ID, usermgmt.NewMembership{Profile: e.Profile(usermgmt.ProfileRegularUser),
				PrimaryTeam: other.RootTeam.ID, Roles: roles})
			return err
		},
		"a proxy list": func() error {
			_, err := e.Proxy().SetGrants(ctx, e.Root(), ann.ID, 0, usermgmt.ProxyGrants{Restricted: true})
			return err
		},
		"access": func() error {
			_, err := e.Applications().Grant(ctx, e.Root(), usermgmt.AccessRequest{Application: app.ID, User: ann.ID, Roles: roles})
			return err
		},
	} {
		err := call()
		require.ErrorIs(t, err, usermgmt.ErrConflict, what)
		assert.Equal(t, "erased", usermgmt.FieldErrors(err)[0].Rule, what)
	}
	require.NoError(t, e.Members().End(ctx, e.Root(), ann.ID, usermgmt.OrgID{}))
}

// An invitation goes to the address as it was typed.
func TestErasingTakesTheMailOfInvitationsToTheAddressInAnotherCase(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	_, err := e.Invitations().Send(ctx, e.Root(), usermgmt.NewInvitation{Email: "ANN@acme.test", OwnerUnit: e.MainUnit.ID, NewMembership: usermgmt.NewMembership{
		Profile: e.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: e.RootTeam.ID, Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}}})
	require.NoError(t, err)
	require.NoError(t, e.Users().Deactivate(ctx, e.Root(), ann.ID, usermgmt.DeactivateOptions{}))
	require.NoError(t, e.Users().Erase(ctx, e.Root(), ann.ID))
	mail, err := e.Store.ListMessages(ctx, false, usermgmt.ListQuery{Limit: 100})
	require.NoError(t, err)
	for _, x := range mail {
		assert.False(t, strings.EqualFold(x.To, "ann@acme.test"), "%s to %s", x.Kind, x.To)
	}
}
