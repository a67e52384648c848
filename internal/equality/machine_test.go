package equality_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// system is a store under test, with what the model's numbers stand for in it.
type system struct {
	*usermgmttest.Env
	name     string
	orgs     []usermgmt.OrgID
	units    []usermgmt.UnitID
	teams    []usermgmt.TeamID
	users    []usermgmt.UserID
	roles    []usermgmt.RoleID
	profiles []usermgmt.ProfileID
	apps     []usermgmt.ApplicationID
	groups   []usermgmt.GroupID
	invited  []usermgmt.InvitationID
	sessions []usermgmt.SessionID
	tokens   []string
	keys     []string // in clear text
	secrets  []string // that were mailed
	seeds    [][]byte // of authenticators
	recovery [][]string
	jobs     []usermgmt.JobID
	fields   []usermgmt.FieldID
	kept     []usermgmt.Actor
	cursor   usermgmt.Position
	names    map[[16]byte]string // logical names by identifier
	texts    map[string]string   // and by its text
	base     usermgmt.AuditID    // the newest entry before the model began
}

// at is the identifier with a number: zero for none, unknown for ghost.
func at[E any](list []usermgmt.ID[E], i int) usermgmt.ID[E] {
	switch {
	case i < 0:
		return usermgmt.ID[E]{}
	case i >= len(list):
		return usermgmt.ID[E]{0xee, 15: 0xee}
	}
	return list[i]
}

func all[E any](list []usermgmt.ID[E], numbers []int) []usermgmt.ID[E] {
	var out []usermgmt.ID[E]
	for _, i := range numbers {
		out = append(out, at(list, i))
	}
	return out
}

// add gives the next number of a list to a new record.
func add[E any](s *system, kind string, list *[]usermgmt.ID[E], id usermgmt.ID[E]) {
	s.names[id] = fmt.Sprint(kind, len(*list))
	s.texts[id.String()] = s.names[id]
	*list = append(*list, id)
}

// of is the logical name of an identifier.
func of[E any](s *system, id usermgmt.ID[E]) string {
	if id.IsZero() {
		return "-"
	}
	if n, ok := s.names[id]; ok {
		return n
	}
	return "?"
}

func (s *system) named(id string) string {
	if id == "" {
		return "-"
	}
	if n, ok := s.texts[id]; ok {
		return n
	}
	return "?"
}

func ofAll[E any](s *system, ids []usermgmt.ID[E]) string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = of(s, id)
	}
	return strings.Join(out, ",")
}

var identifier = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// plain replaces the identifiers in a text by logical names, and what is random.
func (s *system) plain(text string) string {
	text = identifier.ReplaceAllStringFunc(text, s.named)
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" :[]()", r) })
	for i := range words {
		if i > 0 && words[i-1] == "public_id" {
			words[i] = "*"
		}
	}
	return strings.Join(words, " ")
}

// call is one call of a service.
type call struct {
	name, verb string
	// read calls answer as of the verification; open ones take no actor; the
	// others are changes.
	read, open bool
	// expect predicts the text of the result, or the kind of error, and makes the
	// change in the model. The actor is as of now.
	expect func(a *actor) (string, error)
	// do makes the call and gives the result as text.
	do func(ctx context.Context, s *system, a usermgmt.Actor) (string, error)
	// restricted calls may be made by an actor who can do nothing else; one that
	// does a step, while that is the next.
	restricted bool
	step       usermgmt.Step
	// note says with what, for the message of a failure.
	note string
	// about is the user whose rights it may change.
	about []int
	// own: expect renews the actor and records refusals itself.
	own bool
	// settle, if not nil, comes after the call was made on every system: for what
	// cannot be said before.
	settle func()
}

// machine drives the systems and the model.
type machine struct {
	*model
	t       *rapid.T
	ctx     context.Context
	systems []*system
	tally   *tally
	step    int
	kept    []*actor
	cursor  *listCursor
	refusal *logEntry // by a call that records its own
}

func (mc *machine) fail(format string, args ...any) { panic(found(fmt.Sprintf(format, args...))) }

var kinds = []error{usermgmt.ErrNotFound, usermgmt.ErrInvalid, usermgmt.ErrConflict, usermgmt.ErrStale, usermgmt.ErrLimit,
	usermgmt.ErrPermission, usermgmt.ErrUnauthenticated, usermgmt.ErrStepUp, usermgmt.ErrCredentials}

// kindOf is the kind that an error matches; the error itself if it matches none.
func kindOf(err error) error {
	for _, k := range kinds {
		if errors.Is(err, k) {
			return k
		}
	}
	return err
}

// brief is everything of an error that callers may rely on.
func brief(err error) string {
	var out []string
	for _, e := range usermgmt.FieldErrors(err) {
		out = append(out, e.Field+"/"+e.Rule)
	}
	e := innermost(err)
	if e == nil {
		return fmt.Sprint(kindOf(err))
	}
	return fmt.Sprint(kindOf(err), " ", e.Field, " ", e.Rule, " ", e.Permission, " ", out)
}

func innermost(err error) *usermgmt.Error {
	var e, inner *usermgmt.Error
	if !errors.As(err, &e) {
		return nil
	}
	if e.Err != nil && errors.As(e.Err, &inner) {
		return innermost(e.Err)
	}
	return e
}

// reason is the machine's word for a refusal, as entries hold it.
func reason(err error) string {
	e := innermost(err)
	if e == nil {
		return err.Error()
	}
	parts := []string{kindOf(err).Error()}
	for _, s := range []string{e.Field, e.Rule, string(e.Permission)} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ": ")
}

// recorded reports whether a failure of a change is a refusal, which the log
// knows of.
func recorded(kind error) bool {
	return kind == usermgmt.ErrNotFound || kind == usermgmt.ErrPermission || kind == usermgmt.ErrUnauthenticated ||
		kind == usermgmt.ErrConflict || kind == usermgmt.ErrLimit || kind == usermgmt.ErrStepUp
}

// exec makes a call on every system and in the model, and compares.
func (mc *machine) exec(c *call, a *actor, who []usermgmt.Actor) error {
	mc.begin()
	mc.refusal = nil
	logged := len(mc.log)
	text, kind := mc.predict(c, a)
	if kind != nil {
		mc.pending = nil
		text = ""
	}
	var first error
	for i, s := range mc.systems {
		var actor usermgmt.Actor
		if !c.open {
			actor = who[i]
		}
		got, err := c.do(mc.ctx, s, actor)
		if err != nil {
			got = ""
		}
		if kindOf(err) != kind {
			mc.fail("%s: %s on %s: %v; the model says %v %s", mc.describe(a), c.name+c.note, s.name, err, kind, text)
		}
		if got != text {
			mc.fail("%s: %s on %s gave\n%s\nthe model says\n%s", mc.describe(a), c.name+c.note, s.name, got, text)
		}
		if i == 0 {
			first = err
		} else if err != nil && brief(err) != brief(first) {
			mc.fail("%s: %s: %s on %s, %s on %s", mc.describe(a), c.name+c.note, brief(first), mc.systems[0].name, brief(err), s.name)
		}
	}
	if c.settle != nil && kind == nil {
		c.settle()
	}
	for _, e := range mc.pending {
		mc.append(e)
	}
	mc.recordRefusal(c, a, kind, first)
	mc.checkLog(logged, true)
	mc.tally.count(c.name, kind)
	return kind
}

// predict asks the model, after the checks that all calls share.
func (mc *machine) predict(c *call, a *actor) (string, error) {
	if c.open || c.own {
		return c.expect(a)
	}
	if mc.now.Sub(a.verified) > time.Minute {
		return "", usermgmt.ErrUnauthenticated
	}
	now := a
	if !c.read {
		if now = mc.renew(a); now == nil {
			return "", usermgmt.ErrUnauthenticated
		}
	}
	if now.pending != 0 && !c.restricted && (c.step == 0 || c.step != now.pending.Next()) {
		return "", usermgmt.ErrUnauthenticated
	}
	return c.expect(now)
}

// recordRefusal: a refused change is one entry; those of a minute that differ
// in nothing are one with a count.
func (mc *machine) recordRefusal(c *call, a *actor, kind, err error) {
	e := mc.refusal
	if e == nil {
		if c.read || c.open || !recorded(kind) {
			return
		}
		e = mc.entry(a, c.verb, "refused")
		if kind == usermgmt.ErrNotFound {
			e.target, e.org = "", a.org
		}
	}
	if !strings.HasSuffix(e.target, "?") { // a new identifier is like no other
		e.fold = mc.fold(e.verb, "refused", fmt.Sprint(e.operator, " ", e.subject), e.target, reason(err))
	}
	mc.append(e)
}

func (mc *machine) describe(a *actor) string {
	if a == nil {
		return "nobody"
	}
	return fmt.Sprintf("step %d, %s as %s by %s in %s", mc.step, name("user", a.operator), name("user", a.subject), a.door, name("org", a.org))
}

// newMachine makes the systems and the model of a world.
func newMachine(tb testing.TB, t *rapid.T, list []namedStore, tl *tally) *machine {
	mc := &machine{t: t, ctx: context.Background(), tally: newTally()} // building does not count
	mc.model = &model{strict: rapid.Bool().Draw(t, "strict"), number: map[string]int{}, lists: map[[2]int]*proxyList{}, pools: map[pool]*seats{},
		settings: map[settingsAt]map[string]setValue{}, folds: map[string]*logEntry{}}
	mc.policies = mc.drawPolicies()
	first := mc.policies[0]
	for _, st := range list {
		cfg := &usermgmt.Config{StepUp: stepUp, Objects: hostObjects, Settings: hostSettings, Fields: hostFields, Policy: &first,
			Proxy: usermgmt.ProxyConfig{Strict: mc.strict}}
		s := &system{Env: usermgmttest.NewOn(tb, st.store, cfg), name: st.name, names: map[[16]byte]string{}, texts: map[string]string{}}
		mc.systems = append(mc.systems, s)
		mc.adopt(s, len(mc.systems) == 1)
	}
	mc.build()
	mc.tally = tl
	return mc
}

// adopt takes over what Bootstrap made.
func (mc *machine) adopt(s *system, model bool) {
	add(s, "org", &s.orgs, s.Organization.ID)
	add(s, "unit", &s.units, s.MainUnit.ID)
	add(s, "team", &s.teams, s.RootTeam.ID)
	add(s, "user", &s.users, s.Administrator.ID)
	add(s, "role", &s.roles, s.AdministratorRole.ID)
	add(s, "role", &s.roles, s.Regular.ID)
	shipped, err := s.Profiles().List(mc.ctx, s.Root(), usermgmt.OrgID{})
	if err != nil {
		mc.fail("profiles: %v", err)
	}
	for _, p := range shipped { // in the order of their names
		add(s, "profile", &s.profiles, p.ID)
	}
	s.texts["settings"] = "settings" // of the system, as entries name them
	newest, err := s.Store.ListAudit(mc.ctx, usermgmt.AuditQuery{Limit: 1})
	if err != nil {
		mc.fail("audit: %v", err)
	}
	s.base = newest[0].ID
	s.Clock.Advance(time.Second)
	if model {
		mc.adoptModel(s, shipped)
	}
}

func (mc *machine) adoptModel(s *system, shipped []usermgmt.AccessProfile) {
	mc.now = s.Clock.Now()
	mc.perms = catalogue(s.Access().Catalogue())
	for n, p := range mc.perms {
		mc.number[p.name] = n
	}
	mc.proxied = make([]scope, len(mc.perms))
	for n, p := range mc.perms {
		if !slices.Contains(deniedByProxy, p.name) {
			mc.proxied[n] = ^scope(0)
		}
	}
	mc.orgs = []*organization{{name: "Acme", enabled: true, version: s.Organization.Version, policy: mc.policies[0]}}
	mc.units = []*node{{0, none, s.MainUnit.Name, 1, true}}
	mc.teams = []*node{{0, none, s.RootTeam.Name, 1, true}}
	for _, p := range shipped {
		f := &profile{org: none, name: p.Name, grants: grants{}, version: p.Version, alive: true, admin: p.Administrator, locked: true}
		for _, g := range p.Grants {
			f.grants[string(g.Permission)] = g.Scope
		}
		f.masks = mc.masksOf(f.grants)
		if p.Name == usermgmt.ProfileRegularUser {
			mc.regular = len(mc.profiles)
		}
		mc.profiles = append(mc.profiles, f)
	}
	whole := grants{"*.*": usermgmt.ScopeOrganization.Expand()}
	mc.roles = []*role{{org: none, app: none, name: "Administrator", grants: whole, masks: mc.masksOf(whole), version: 1, alive: true},
		{org: none, app: none, name: "Regular", grants: grants{}, masks: mc.masksOf(nil), version: 1, alive: true}}
	root := &s.Administrator
	mc.users = []*person{{kind: usermgmt.KindPerson, username: "root", email: root.Email, first: root.FirstName, last: root.LastName,
		responsible: none, enabled: true, version: 1, created: root.CreatedAt, password: usermgmttest.Password, epoch: 1, custom: root.Custom,
		in: map[int]*place{0: {enabled: true, profile: mc.profileNamed(usermgmt.ProfileSystemAdministrator), roles: []heldRole{{role: 0}},
			teams: []heldTeam{{team: 0}}, units: []int{0}, app: none, licence: "platform", seat: true, version: 1}}}}
	mc.poolOf(0, "platform").used = 1
}

func (m *model) profileNamed(name string) int {
	return slices.IndexFunc(m.profiles, func(p *profile) bool { return p.name == name && p.alive })
}

// who names an actor: what it verifies with.
type who struct {
	door           usermgmt.Door
	token, key     int
	user, org, app int
	kept, system   int
	proved         time.Duration // ago, to the host
}

// systemGrants are those of the system actors, in an organization or in all.
var systemGrants = [][]usermgmt.Grant{
	{{Permission: "*.*", Scope: usermgmt.ScopeSystem}},
	{{Permission: "*.*", Scope: usermgmt.ScopeOrganization}},
	{{Permission: "user.*", Scope: usermgmt.ScopeOrganization}, {Permission: "*.view", Scope: usermgmt.ScopeOrganization}},
}

// verify makes the actor on every system and in the model; nil if it is refused.
func (mc *machine) verify(w who) (*actor, []usermgmt.Actor) {
	a := mc.verifyModel(w)
	out := make([]usermgmt.Actor, len(mc.systems))
	for i, s := range mc.systems {
		var err error
		out[i], err = mc.verifyOn(s, w)
		if err != nil && !errors.Is(err, usermgmt.ErrUnauthenticated) {
			mc.fail("verify %+v on %s: %v", w, s.name, err)
		}
		if i == 0 && err != nil && w.door == usermgmt.DoorSession {
			mc.refusedProxy(w.token, err)
		}
		if (err == nil) != (a != nil) {
			mc.fail("step %d: verify %+v on %s: %v; the model lets in: %t", mc.step, w, s.name, err, a != nil)
		}
		if a == nil {
			continue
		}
		got := fmt.Sprintln(out[i].Door(), of(s, out[i].Subject()), of(s, out[i].Operator()), of(s, out[i].Org()), of(s, out[i].Session()), out[i].Pending())
		want := fmt.Sprintln(a.door, name("user", a.subject), name("user", a.operator), name("org", a.org), name("session", a.session), a.pending)
		if got != want {
			mc.fail("step %d: verify %+v on %s: got %s, want %s", mc.step, w, s.name, got, want)
		}
	}
	if a != nil && w.door == usermgmt.DoorAPIKey {
		if k := mc.keys[mc.keyNow(w.key)]; k.used.Before(mc.now.Add(-time.Hour)) {
			k.used = mc.now
		}
	}
	if a != nil && a.session != none && w.door != usermgmt.DoorNone {
		if s := mc.sessions[a.session]; s.seen.Before(mc.now.Add(-min(s.idle/10, time.Minute))) {
			s.seen = mc.now
		}
	}
	return a, out
}

// refusedProxy records that a proxy session was refused. By which rule, of which
// those of a minute are one entry, is taken from the first system's word; the others
// are compared with it.
func (mc *machine) refusedProxy(token int, why error) {
	i := mc.sessionWith(token)
	if i == none || mc.sessions[i].kind != usermgmt.SessionProxy {
		return
	}
	s := mc.sessions[i]
	a := newActor()
	a.door, a.subject, a.operator, a.org = usermgmt.DoorProxy, s.user, s.operator, s.org
	mc.on("session", fmt.Sprint("session", i), s.org)
	e := mc.entry(a, "proxy.refused", "refused")
	e.fold = mc.fold(e.verb, fmt.Sprint(e.operator), fmt.Sprint(e.subject), e.target, why.Error())
	mc.append(e)
	mc.begin()
}

func (mc *machine) verifyModel(w who) *actor {
	switch w.door {
	case usermgmt.DoorSession:
		if i := mc.sessionWith(w.token); i != none {
			return mc.verifySession(i)
		}
		return nil
	case usermgmt.DoorAPIKey:
		return mc.verifyKey(w.key)
	case usermgmt.DoorHost:
		if w.org == none && mc.known(w.user) {
			w.org = mc.users[w.user].home
		}
		a := mc.verifyHost(w.user, w.org, w.app)
		if a != nil {
			a.proved = mc.now.Add(-w.proved)
		}
		return a
	case usermgmt.DoorSystem:
		a := newActor()
		a.door, a.org, a.verified = usermgmt.DoorSystem, w.org, mc.now
		g, _ := mc.normalize(systemGrants[w.system])
		a.granted = mc.resolve(g, w.org == none)
		a.held = a.granted
		return a
	}
	return mc.kept[w.kept]
}

func (mc *machine) verifyOn(s *system, w who) (usermgmt.Actor, error) {
	switch w.door {
	case usermgmt.DoorSession:
		return s.Auth().Session(mc.ctx, s.tokens[w.token], origin)
	case usermgmt.DoorAPIKey:
		return s.Auth().APIKey(mc.ctx, s.keys[w.key], origin)
	case usermgmt.DoorHost:
		return s.ActorFor(mc.ctx, usermgmt.ActorRequest{User: at(s.users, w.user), Org: at(s.orgs, w.org), Application: at(s.apps, w.app),
			ProvedAt: mc.now.Add(-w.proved), Origin: origin})
	case usermgmt.DoorSystem:
		return s.SystemActor("the model", at(s.orgs, w.org), systemGrants[w.system]...)
	}
	return s.kept[w.kept], nil
}

// sessionWith is the session that a token opens, or none.
func (m *model) sessionWith(token int) int {
	for i, s := range m.sessions {
		if !s.ended && s.token == token && token != none {
			return i
		}
	}
	return none
}

var origin = usermgmt.Origin{Address: "192.0.2.7"}
