package usermgmt_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// aviary plants secrets and looks for them in everything that comes out.
type aviary struct {
	t       *testing.T
	mu      sync.Mutex
	secrets map[string]string // by text: what it is
	outputs []output
}

type output struct{ where, text string }

// secret plants a secret under a name.
func (a *aviary) secret(what, text string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	require.Greater(a.t, len(text), 11, "too short to be told from chance")
	a.secrets[text] = what
	return text
}

// keep remembers text to search.
func (a *aviary) keep(where, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.outputs = append(a.outputs, output{where, text})
}

// out keeps values in every form in which a host might write them somewhere.
func (a *aviary) out(where string, values ...any) {
	for _, v := range values {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			a.keep(where+" "+format, fmt.Sprintf(format, v))
		}
		if b, err := json.Marshal(v); err == nil {
			a.keep(where+" JSON", string(b))
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		a.keep(where+" slog", log.String())
		if err, ok := v.(error); ok && err != nil {
			a.keep(where+" Error", err.Error())
			a.keep(where+" UserMessage", usermgmt.UserMessage(err))
			for _, e := range usermgmt.FieldErrors(err) {
				a.keep(where+" field", fmt.Sprintf("%#v", *e))
			}
			var e *usermgmt.Error
			for inner := err; errors.As(inner, &e) && e != nil; inner = e.Err {
				a.keep(where+" inside", fmt.Sprintf("%#v", *e))
			}
		}
	}
}

// forms are the ways in which a secret may be written.
func forms(secret string) map[string]string {
	b := []byte(secret)
	quoted := strconv.Quote(secret)
	asJSON, _ := json.Marshal(secret)
	out := map[string]string{
		"plain": secret, "lower case": strings.ToLower(secret), "upper case": strings.ToUpper(secret),
		"hex": hex.EncodeToString(b), "HEX": strings.ToUpper(hex.EncodeToString(b)),
		"URL path": url.PathEscape(secret), "URL query": url.QueryEscape(secret),
		"quoted": quoted[1 : len(quoted)-1], "JSON": string(asJSON[1 : len(asJSON)-1]),
		"byte list": strings.Trim(fmt.Sprint(b), "[]"),
		"Go bytes":  strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}"),
	}
	for i := range 3 { // at any place within what is encoded
		if i >= len(b) {
			break
		}
		part := b[i:]
		part = part[:len(part)-len(part)%3]
		out[fmt.Sprintf("base64+%d", i)] = base64.RawStdEncoding.EncodeToString(part)
		out[fmt.Sprintf("base64url+%d", i)] = base64.RawURLEncoding.EncodeToString(part)
	}
	return out
}

// found lists every secret that is in some output.
func (a *aviary) found() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var hits []string
	for secret, what := range a.secrets {
		for form, text := range forms(secret) {
			for _, o := range a.outputs {
				if strings.Contains(o.text, text) {
					hits = append(hits, what+" as "+form+" in "+o.where)
				}
			}
		}
	}
	slices.Sort(hits)
	return slices.Compact(hits)
}

func newAviary(t *testing.T) *aviary {
	t.Helper()
	return &aviary{t: t, secrets: map[string]string{}}
}

// The search itself: a leak in any of the forms is found.
func TestThePlantedLeakIsFound(t *testing.T) {
	t.Parallel()
	const secret = "Kanarien+Vogel/7 \"zwitschert\"=ü"
	for form, text := range forms(secret) {
		a := newAviary(t)
		a.secret("bird", secret)
		a.keep("nowhere", "nothing")
		require.Empty(t, a.found())
		a.keep("a log", "before "+text+" after")
		assert.NotEmpty(t, a.found(), form)
	}
	type leaky struct{ Password []byte }
	for name, v := range map[string]any{
		"struct": leaky{[]byte(secret)}, "pointer": &leaky{[]byte(secret)}, "map": map[string]string{"x": secret},
		"error": fmt.Errorf("bad password %s", secret), "wrapped": &usermgmt.Error{Kind: usermgmt.ErrInvalid, Detail: secret},
		"cause": &usermgmt.Error{Kind: usermgmt.ErrInvalid, Err: errors.New(secret)}, "new user": usermgmt.NewUser{Password: secret},
	} {
		a := newAviary(t)
		a.secret("bird", secret)
		a.out("a value", v)
		assert.NotEmpty(t, a.found(), name)
	}
}

// nest is an installation whose passwords, keys, tokens and hashes are all
// planted, and whose log is kept.
type nest struct {
	*aviary
	*usermgmttest.Env
	n int
}

// lockedWriter lets several handlers write to one buffer.
type lockedWriter struct{ a *aviary }

func (w lockedWriter) Write(p []byte) (int, error) {
	w.a.keep("log", string(p))
	return len(p), nil
}

func newNest(t *testing.T) *nest {
	t.Helper()
	n := &nest{aviary: newAviary(t)}
	logger := slog.New(slog.NewJSONHandler(lockedWriter{n.aviary}, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))
	policy := usermgmt.PolicyNIST()
	policy.Deputies = 28 * 24 * time.Hour
	n.Env = usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Logger: logger, Policy: &policy})
	return n
}

// password is a new planted password.
func (n *nest) password(what string) string {
	n.n++
	return n.secret("password of "+what, fmt.Sprintf("Qwv%d+Zx/%d=Kmt ü%d \"T\"", n.n, n.n*7919, n.n*104729))
}

// result keeps what a login gave, and plants its token.
func (n *nest) result(where string, r *usermgmt.LoginResult, err error) {
	if r != nil {
		n.secret("token of "+where, r.Token.Reveal())
		n.out(where, *r, r.Actor, r.Session, r.Token, &r.Token)
	}
	n.out(where, r, err)
}

func TestNoSecretComesOutOfAnything(t *testing.T) {
	t.Parallel()
	n := newNest(t)
	ctx := t.Context()
	ann, old := n.makers()
	n.passwords(ann, old)
	n.credentials(ann)
	n.files()
	n.inner(ctx)
	n.acting(ctx)
	n.links(ctx)

	entries, err := n.Store.ListAudit(ctx, usermgmt.AuditQuery{Limit: 1000})
	require.NoError(t, err)
	require.Greater(t, len(entries), 30)
	for _, e := range entries {
		n.out("audit "+e.Verb, e, e.Detail.Before, e.Detail.After, e.Detail.Reason, e.FoldKey)
	}
	list, err := n.Audit().List(ctx, n.Root(), usermgmt.AuditQuery{Limit: 1000})
	n.out("Audit.List", list, err)
	_, err = n.Deliver(ctx, 1000)
	require.NoError(t, err)
	require.NotEmpty(t, n.Mail.Sent())
	n.out("mail", n.Mail.Sent())
	messages, err := n.Store.ListMessages(ctx, false, usermgmt.ListQuery{Limit: 1000})
	n.out("outbox", messages, err)

	require.Greater(t, len(n.secrets), 25)
	require.Greater(t, len(n.outputs), 1000)
	assert.Empty(t, n.found())
	n.out("control", usermgmt.NewUser{Password: old})
	assert.NotEmpty(t, n.found(), "the search works here too")
}

// makers makes users, well and badly.
func (n *nest) makers() (*usermgmt.User, string) {
	ctx := n.t.Context()
	old := n.password("ann")
	ann := n.AddUser("ann", func(u *usermgmt.NewUser) { u.Password, u.AccountMail = old, true })
	n.out("Users.Create", ann)
	for what, change := range map[string]func(*usermgmt.NewUser){
		"taken name":   func(u *usermgmt.NewUser) { u.Username = "ann" },
		"no such unit": func(u *usermgmt.NewUser) { u.OwnerUnit = usermgmt.UnitID{1} },
		"bad fields": func(u *usermgmt.NewUser) {
			u.Email, u.Birthday = "no address", usermgmt.Date{Year: 3000, Month: 1, Day: 1}
		},
		"no profile":     func(u *usermgmt.NewUser) { u.Profile = usermgmt.ProfileID{} },
		"a service":      func(u *usermgmt.NewUser) { u.Kind = usermgmt.KindService },
		"bad characters": func(u *usermgmt.NewUser) { u.Password = n.secret("bad characters", u.Password+"\xff\xfe") },
		"name in it":     func(u *usermgmt.NewUser) { u.Password = n.secret("name in it", u.Username+" "+u.Password) },
		"too long":       func(u *usermgmt.NewUser) { u.Password = n.secret("too long", strings.Repeat(u.Password, 60)) },
	} {
		u := newcomer(n.Env, "bob", "bob@acme.test")
		u.Password = n.password(what)
		change(&u)
		got, err := n.Users().Create(ctx, n.Root(), u)
		n.out("Users.Create "+what, got, err)
		got, err = n.Users().Create(ctx, n.As(ann.ID), u)
		n.out("Users.Create refused "+what, got, err)
	}
	_, err := n.Bootstrap(ctx, usermgmt.BootstrapRequest{Organization: usermgmt.NewOrganization{Name: "Two"},
		Administrator: usermgmt.NewUser{Username: "root2", Email: "r2@acme.test", FirstName: "R", LastName: "R", Password: n.password("bootstrap")}})
	n.out("Bootstrap", err)
	return ann, old
}

// passwords changes and sets them, and logs in, well and badly.
func (n *nest) passwords(ann *usermgmt.User, old string) {
	ctx := n.t.Context()
	r, err := login(n.Env, n.t, "ann", old)
	require.NoError(n.t, err)
	n.result("Auth.Login", r, err)
	for _, name := range []string{"ann", "nobody", n.password("typed as a name")} {
		r, err := login(n.Env, n.t, name, n.password("a wrong login"))
		n.result("Auth.Login wrong", r, err)
	}
	for what, c := range map[string]usermgmt.PasswordChange{
		"wrong":       {Current: n.password("wrong current"), New: n.password("new with wrong current")},
		"mismatch":    {Current: old, New: n.password("mismatch"), Confirm: n.password("confirm")},
		"reused":      {Current: old, New: old},
		"name in it":  {Current: old, New: n.secret("ann in it", "ann@acme.test Xy81 plus")},
		"not text":    {Current: old, New: n.secret("not text", "Gh7-\xff\xfe-Kl92-Mn")},
		"common":      {Current: old, New: n.secret("common", "passwordpassword")},
		"not correct": {Current: n.secret("not text either", "Gh7-\xff\xfd-Kl92-Mo"), New: n.password("x")},
	} {
		r, err := n.Passwords().Change(ctx, n.As(ann.ID), c)
		require.Error(n.t, err, what)
		n.result("Passwords.Change "+what, r, err)
	}
	next := n.password("ann's second")
	r, err = n.Passwords().Change(ctx, r.Actor, usermgmt.PasswordChange{Current: old, New: next})
	require.NoError(n.t, err)
	n.result("Passwords.Change", r, err)
	for what, p := range map[string]string{"set": n.password("set"), "set with the name in it": n.secret("ann in it too", "xann Ann ann@acme.test")} {
		n.out("Passwords.Set "+what, n.Passwords().Set(ctx, n.Root(), ann.ID, p, "", false))
		n.out("Passwords.Set refused", n.Passwords().Set(ctx, n.As(ann.ID), n.Administrator.ID, p, "", true))
		n.out("Passwords.Set mismatch", n.Passwords().Set(ctx, n.Root(), ann.ID, p, n.password("confirmation"), false))
		n.out("Passwords.Set unknown", n.Passwords().Set(ctx, n.Root(), usermgmt.UserID{1}, p, "", false))
	}
	n.out("BreakGlass bad", n.BreakGlass(ctx, "locked out", ann.ID, n.secret("short", "ann1ann1ann1ann1")))
	glass := n.password("break glass")
	require.NoError(n.t, n.BreakGlass(ctx, "locked out", ann.ID, glass))
	r, err = login(n.Env, n.t, "ann", glass)
	n.result("Auth.Login restricted", r, err)
	s, err := n.Passwords().Suggest(ctx, usermgmt.OrgID{})
	require.NoError(n.t, err)
	n.secret("suggested", s.Reveal())
	n.out("Passwords.Suggest", s, &s, []usermgmt.Secret{s}, map[string]usermgmt.Secret{"s": s})
}

// credentials uses tokens and keys, well and badly.
func (n *nest) credentials(ann *usermgmt.User) {
	ctx := n.t.Context()
	root := n.Login("root")
	n.result("Auth.Login", root, nil)
	a, err := n.Auth().Session(ctx, root.Token.Reveal(), here)
	n.out("Auth.Session", a, &a, err)
	cut := root.Token.Reveal()[:len(root.Token.Reveal())-1]
	n.secret("cut token", cut)
	for _, bad := range []string{cut, root.Token.Reveal() + "x", n.password("as a token")} {
		a, err := n.Auth().Session(ctx, bad, here)
		n.out("Auth.Session bad", a, err)
		r, err := n.Proxy().SwitchBack(ctx, bad, here)
		n.result("Proxy.SwitchBack bad", r, err)
		a, err = n.Auth().APIKey(ctx, bad, here)
		n.out("Auth.APIKey bad", a, err)
	}
	entered, err := n.Auth().Enter(ctx, a, usermgmt.EnterRequest{})
	n.result("Auth.Enter", entered, err)
	took, err := n.Auth().TakeRole(ctx, entered.Actor, usermgmt.RoleID{})
	n.result("Auth.TakeRole", took, err)
	key, err := n.APIKeys().Generate(ctx, entered.Actor, usermgmt.KeyRequest{User: n.Administrator.ID})
	require.NoError(n.t, err)
	n.secret("key", key.Text.Reveal())
	n.secret("secret part of the key", key.Text.Reveal()[len(key.Text.Reveal())-40:])
	n.out("APIKeys.Generate", key, *key, key.Key, key.Text)
	a, err = n.Auth().APIKey(ctx, key.Text.Reveal(), here)
	n.out("Auth.APIKey", a, err)
	a, err = n.Auth().APIKey(ctx, key.Text.Reveal()+"x", here)
	n.out("Auth.APIKey altered", a, err)
	again, err := n.APIKeys().Generate(ctx, n.Root(), usermgmt.KeyRequest{User: ann.ID})
	require.NoError(n.t, err)
	n.secret("ann's key", again.Text.Reveal())
	n.out("APIKeys.Generate", again, err)
	got, err := n.APIKeys().Get(ctx, n.Root(), ann.ID, usermgmt.OrgID{})
	n.out("APIKeys.Get", got, *got, err)
	proxied, err := n.Proxy().Login(ctx, entered.Actor, usermgmt.ProxyRequest{Target: ann.ID, Acknowledged: true, Reason: "help"})
	require.NoError(n.t, err)
	n.result("Proxy.Login", proxied, err)
	list, err := n.Sessions().List(ctx, n.Root(), n.Administrator.ID)
	n.out("Sessions.List", list, err)
	back, err := n.Proxy().SwitchBack(ctx, proxied.Token.Reveal(), here)
	require.NoError(n.t, err)
	n.result("Proxy.SwitchBack", back, err)
	back2, err := n.Proxy().SwitchBack(ctx, proxied.Token.Reveal(), here)
	n.result("Proxy.SwitchBack again", back2, err)
	n.out("context", usermgmt.ContextWithActor(ctx, back.Actor))
	page, err := n.Users().List(ctx, back.Actor, usermgmt.UserQuery{View: usermgmt.ViewAll})
	n.out("Users.List", page, err)
	members, err := n.Members().ListOf(ctx, back.Actor, ann.ID)
	n.out("Members.ListOf", members, err)
	status, state, err := n.Users().Status(ctx, back.Actor, ann.ID)
	n.out("Users.Status", status, state, err)
}

// files imports hashes and, wrongly, passwords, and exports.
func (n *nest) files() {
	ctx := n.t.Context()
	hash := n.secret("imported hash", "$6$rounds=5000$saltsalt$Qh2mZr3kX0f1uY7bT8vW9cD4eR5gN6hJ1kL2mP3qS4tU5vX6yZ7aB8cD9eF0gH1iJ2kL3mN4oP5qR6sT7u/8v.")
	opt := usermgmt.ImportOptions{DefaultUnit: n.MainUnit.ID, Defaults: usermgmt.NewMembership{
		Profile: n.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: n.RootTeam.ID, Roles: []usermgmt.RoleAssignment{{Role: n.Regular.ID}}}}
	const header = "username,email,first_name,last_name,password\n"
	for what, file := range map[string]string{
		"hash":           header + "imp1,imp1@acme.test,I,One," + hash + "\n",
		"plain password": header + "imp2,imp2@acme.test,I,Two," + n.secret("in a file", "Plain-In-File-77-Xyzzy") + "\n",
		"bad hash":       header + "imp3,imp3@acme.test,I,Three," + n.secret("bad hash", "$argon2id$v=19$m=1,t=1,p=1$c2FsdHNhbHQ$QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo") + "\n",
		"broken file":    header + "imp4,\"" + n.secret("in a broken file", "Broken-In-File-77-Xyzzy") + "\n",
		"too many cells": header + "imp6,imp6@acme.test,I,Six,x,y," + n.secret("in too many cells", "Cells-In-File-77-Xyzzy") + "\n",
		"as a name":      header + n.secret("as a username", "Name In File 77 Xyzzy!") + ",imp7@acme.test,I,Seven,\n",
	} {
		r, err := n.Imports().Users(ctx, n.Root(), strings.NewReader(file), opt)
		n.out("Imports.Users "+what, r, err)
		if r != nil {
			for _, p := range r.Problems {
				n.out("Imports.Users problem "+what, p)
			}
		}
	}
	var file bytes.Buffer
	rows, err := n.Exports().CSV(ctx, n.Root(), &file, usermgmt.ExportOptions{})
	require.NoError(n.t, err)
	require.Positive(n.t, rows)
	n.keep("Exports.CSV", file.String())
	n.out("Exports.CSV bad", second2(n.Exports().CSV(ctx, n.Root(), &file, usermgmt.ExportOptions{Fields: []string{"password"}})))
}

func second2[T any](_ T, err error) error { return err }

// inner looks at what hosts may print by accident: the manager and what the
// stored hashes look like in what is given out.
func (n *nest) inner(ctx context.Context) {
	n.out("config", usermgmt.Config{}, n.Env.Clock)
	n.keep("manager", fmt.Sprintf("%v %+v", n.Manager, n.Manager))
	for _, name := range []string{"ann", "root", "imp1"} {
		acc, err := n.Store.AccountByLogin(ctx, name)
		if err == nil && acc.Credential.Hash != "" {
			n.secret("stored hash of "+name, acc.Credential.Hash)
		}
	}
}

// The stored hash is in an export only where the organization marked it.
func TestAHashIsExportedOnlyIfMarked(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	acc, err := e.Store.AccountByLogin(ctx, "root")
	require.NoError(t, err)
	var file bytes.Buffer
	_, err = e.Exports().CSV(ctx, e.Root(), &file, usermgmt.ExportOptions{})
	require.NoError(t, err)
	assert.NotContains(t, file.String(), "$argon2id$")
	_, err = e.Exports().CSV(ctx, e.Root(), &file, usermgmt.ExportOptions{Fields: []string{"username", "password"}})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	marks := []string{"username", "password"}
	o, err := e.Orgs().Get(ctx, e.Root(), e.Organization.ID)
	require.NoError(t, err)
	_, err = e.Orgs().Update(ctx, e.Root(), o.ID, o.Version, usermgmt.OrganizationUpdate{ExportFields: &marks})
	require.NoError(t, err)
	file.Reset()
	_, err = e.Exports().CSV(ctx, e.Root(), &file, usermgmt.ExportOptions{})
	require.NoError(t, err)
	assert.Contains(t, file.String(), acc.Credential.Hash)
}

// A file without a header has a person, and perhaps a hash, where the names of
// the columns should be: the error must not repeat it.
func TestAFileWithoutAHeaderDoesNotLeakItsFirstRow(t *testing.T) {
	t.Parallel()
	n := newNest(t)
	n.secret("hash", "$argon2id$v=19$m=19456,t=2,p=1$QUJDREVGR0hJSktM$c29tZXRoaW5nLXRoYXQtaXMtbG9uZy1lbm91Z2g")
	n.secret("address", "private.person@acme.test")
	for secret := range n.secrets {
		r, err := n.Imports().Users(t.Context(), n.Root(), strings.NewReader("ann,"+secret+",Ann\nbob,y,Bob\n"), usermgmt.ImportOptions{DefaultUnit: n.MainUnit.ID})
		require.Error(t, err)
		n.out("Imports.Users", r, err)
	}
	assert.Empty(t, n.found())
}
