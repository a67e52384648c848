package storetest

import (
	"context"
	"fmt"

	"github.com/usermgmt/usermgmt"
)

// contents is a store with something of everything in it.
type contents struct {
	w    *world
	a, b *site
	// ann and bob are members of a; cat is too and has everything that ends
	// with a membership; dan is a member of nothing.
	ann, bob, cat, dan       usermgmt.User
	annInA, bobInA           usermgmt.Membership
	annKey, bobKey, catKey   usermgmt.APIKey
	annList                  usermgmt.ProxyList
	annAccess, bobAccess     usermgmt.AccessEntry
	sharing                  usermgmt.SharingPolicy
	annSession, bobSession   usermgmt.Session
	annProxy, old            usermgmt.Session
	sent, waiting            usermgmt.Message
	entry                    usermgmt.AuditEntry
	sealed, unsealed         usermgmt.AuditEntry
	mark                     usermgmt.Checkpoint
	queued, running, done    usermgmt.Job
	newJob                   usermgmt.Job
	spareUnit                usermgmt.BusinessUnit
	spareTeam                usermgmt.Team
	spareRole, sysRole       usermgmt.Role
	spareProfile, sysProfile usermgmt.AccessProfile
	spareApp                 usermgmt.Application
	spareAccess              usermgmt.AccessEntry
	newSession, nextSession  usermgmt.Session
	newKey                   usermgmt.APIKey
	newMark                  usermgmt.Checkpoint
	newUser                  usermgmt.User
	newEntry                 usermgmt.AuditEntry
	newMessage               usermgmt.Message
	newUnit                  usermgmt.BusinessUnit
	newTeam                  usermgmt.Team
	newOrg                   usermgmt.Organization
	newRole                  usermgmt.Role
	newProfile               usermgmt.AccessProfile
	newApp                   usermgmt.Application
	newSharing, spareSharing usermgmt.SharingPolicy
	newAccess                usermgmt.AccessEntry
	group, spareGroup        usermgmt.Group
	field, spareField        usermgmt.CustomField
	newGroup                 usermgmt.Group
	newField                 usermgmt.CustomField
	token, spareToken        usermgmt.Token
	oldToken, newToken       usermgmt.Token
	invitation               usermgmt.Invitation
	spareInvitation          usermgmt.Invitation
	newInvitation            usermgmt.Invitation
}

// contents fills the store.
func (w *world) contents() *contents {
	w.Helper()
	c := &contents{w: w, a: w.site("a"), b: w.site("b")}
	none := usermgmt.OrgID{}
	c.a.org.Policy = &usermgmt.Policy{MinLength: 8, Words: []string{"x", "y"}}
	c.a.org.ExportFields = []string{"username", "email"}
	w.do(w.s.SaveOrg(w.ctx, c.a.org))
	c.a.org.Version = 2
	c.sysRole, c.sysProfile = w.role(none, "sys"), w.profile(none, "sys")
	c.group, c.spareGroup = w.group("g"), w.group("spare")
	c.field, c.spareField = w.field(c.a.org.ID, "f"), w.field(c.a.org.ID, "spare")
	c.ann = w.user(c.a, "ann", func(u *usermgmt.User) {
		u.Groups, u.Custom = []usermgmt.GroupID{c.group.ID}, map[string]string{"size": "42"}
		u.Source, u.ExternalID, u.Emails, u.EmployeeNumber = "ldap", "ann", []string{"a@x.test"}, []string{"DE", "1"}
	})
	c.bob, c.cat, c.dan = w.user(c.a, "bob"), w.user(c.a, "cat"), w.user(c.b, "dan")
	full := func(m *usermgmt.Membership) {
		m.Roles = []usermgmt.RoleAssignment{{Role: c.a.role.ID}, {Role: c.sysRole.ID, Until: at(9)}}
		m.Units, m.Settings = []usermgmt.UnitID{c.a.mid.ID, c.a.leaf.ID}, values("v")
		m.Custom, m.SearchKey = map[string]string{"desk": "1"}, "desk 1"
	}
	c.annInA = w.join(c.a, c.ann.ID, inTeams(c.a.crew.ID, c.a.side.ID), full)
	c.bobInA = w.join(c.a, c.bob.ID, inTeams(c.a.squad.ID))
	w.join(c.a, c.cat.ID, full)

	c.annKey, c.bobKey, c.catKey = w.newKey(c.a, c.ann.ID), w.newKey(c.a, c.bob.ID), w.newKey(c.a, c.cat.ID)
	c.annKey.ExpiresAt, c.annKey.PreviousHash, c.annKey.PreviousUntil = at(5000), hashOf(-31), at(50)
	for _, k := range []usermgmt.APIKey{c.annKey, c.bobKey, c.catKey} {
		w.do(w.s.PutAPIKey(w.ctx, k))
	}
	c.spareTeam = w.team(c.a.org.ID, c.a.root.ID, "spare")
	c.annList = usermgmt.ProxyList{
		Operator: c.ann.ID, Org: c.a.org.ID, Restricted: true,
		Users: []usermgmt.ProxyUser{{User: c.bob.ID, From: at(1)}, {User: c.cat.ID}},
		Teams: []usermgmt.ProxyTeam{{Team: c.spareTeam.ID}, {Team: c.a.squad.ID, Until: at(9)}}, UpdatedAt: at(0),
	}
	w.do(w.s.SaveProxyList(w.ctx, c.annList))
	w.do(w.s.SaveProxyList(w.ctx, usermgmt.ProxyList{Operator: c.cat.ID, Org: c.a.org.ID, UpdatedAt: at(0)}))
	c.annList.Version = 1
	for _, pair := range [][2]usermgmt.UserID{{c.ann.ID, c.bob.ID}, {c.bob.ID, c.cat.ID}, {c.cat.ID, c.ann.ID}, {c.bob.ID, c.bob.ID}} {
		w.do(w.s.SaveDeputy(w.ctx, w.newDeputy(c.a, pair[0], pair[1])))
	}
	c.annAccess, c.bobAccess = w.access(c.a, c.ann.ID), w.access(c.a, c.bob.ID)
	c.annAccess.Roles = []usermgmt.RoleAssignment{{Role: c.a.role.ID}}
	w.do(w.s.SaveAccess(w.ctx, c.annAccess))
	c.annAccess.Version = 2
	w.access(c.a, c.cat.ID)
	byTeam := usermgmt.AccessEntry{
		ID: newID[usermgmt.AccessEntry](w), Org: c.a.org.ID, Application: c.a.app.ID, Team: c.a.root.ID,
		Roles: []usermgmt.RoleAssignment{{Role: c.a.role.ID}},
	}
	w.do(w.s.SaveAccess(w.ctx, byTeam))
	c.sharing, c.spareSharing = w.sharing(c.a, "s"), w.sharing(c.a, "spare")

	c.annSession, c.bobSession = w.session(c.a, c.ann.ID, 0), w.session(c.a, c.bob.ID, 1)
	c.annProxy = w.proxy(c.a, c.annSession, c.bob.ID, 2)
	w.session(c.a, c.cat.ID, 3)
	c.old = w.session(c.a, c.ann.ID, -5000)

	for _, n := range []int{1, 2} {
		if _, _, err := w.s.ReserveAttempt(w.ctx, c.ann.ID, rule(2, at(0), at(n))); err != nil {
			w.do(err)
		}
	}
	w.do(w.s.SetPool(w.ctx, c.a.org.ID, usermgmt.LicencePlatform, size(5)))
	w.do(w.s.ClaimSeats(w.ctx, c.a.org.ID, usermgmt.LicencePlatform, 2))
	c.entry = w.newAudit("first")
	c.entry.Org, c.entry.FoldKey, c.entry.Fields = c.a.org.ID, "fold", []string{"a", "b"}
	c.entry.Detail.Before, c.entry.Detail.After = map[string]string{"a": "1"}, map[string]string{"a": "2"}
	c.sealed, c.unsealed = w.newAudit("sealed"), w.newAudit("unsealed")
	c.sealed.Org, c.sealed.Class = c.a.org.ID, usermgmt.AuditAccess
	c.unsealed.Org, c.unsealed.Operator, c.unsealed.Detail.OperatorName = c.a.org.ID, newID[usermgmt.User](w), "O"
	w.do(w.s.AppendAudit(w.ctx, c.entry, c.sealed, c.unsealed))
	w.do(w.s.SealAudit(w.ctx, newSeal(&c.sealed, 1)))
	c.sent, c.waiting = w.newMessage(0), w.newMessage(1)
	w.do(w.s.AddMessages(w.ctx, c.sent, c.waiting))
	w.do(w.s.PutBlob(w.ctx, "picture", []byte("pixels")))
	c.mark = usermgmt.Checkpoint{ID: newID[usermgmt.Checkpoint](w), Rows: 1, UpdatedAt: at(0)}
	w.do(w.s.SaveCheckpoint(w.ctx, c.mark))

	w.do(w.s.SaveFactor(w.ctx, usermgmt.Factor{User: c.ann.ID, Secret: []byte("sealed"), ConfirmedAt: at(0), LastStep: 3}))
	w.do(w.s.SaveFactor(w.ctx, usermgmt.Factor{User: c.cat.ID, Next: []byte("next"), NextAt: at(0)}))
	w.do(w.s.PutRecoveryCodes(w.ctx, c.ann.ID, [][32]byte{hashOf(-21), hashOf(-22)}))
	w.do(w.s.SaveQuestion(w.ctx, usermgmt.Question{User: c.ann.ID, Text: "q", Hash: "h", ChosenAt: at(0)}))
	w.do(w.s.SaveQuestion(w.ctx, usermgmt.Question{User: c.cat.ID, Text: "q", Hash: "h", ChosenAt: at(0)}))
	w.do(w.s.AddFormerPassword(w.ctx, usermgmt.FormerPassword{User: c.ann.ID, Hash: "old", RetiredAt: at(-9)}, 9))
	w.do(w.s.SaveCredential(w.ctx, usermgmt.Credential{
		User: c.bob.ID, Status: usermgmt.StatusActive, Hash: "bob's", ChangedAt: at(0), Epoch: 1, Version: 1,
	}))
	if _, err := w.s.MoveMark(w.ctx, "m", "", "1"); err != nil {
		w.do(err)
	}
	w.do(w.s.PutSettings(w.ctx, none, values("system"), nil))
	w.do(w.s.PutSettings(w.ctx, c.a.org.ID, values("a"), nil))
	w.do(w.s.SetPool(w.ctx, c.a.org.ID, "flex", usermgmt.PoolTerms{Size: 3, Floating: true}))
	w.do(w.s.CreateSession(w.ctx, w.seated(c.a, c.dan.ID, 4, "flex")))
	c.running = w.job(c.a, c.ann.ID, "export")
	c.running = got(w.s.ClaimJob(w.ctx, at(0), at(1))).must(w)
	c.queued, c.done = w.job(c.a, c.bob.ID, "export"), w.newJob(c.a, c.ann.ID, "export")
	c.done.Status, c.done.Params, c.done.EndedAt = usermgmt.JobDone, map[string]string{"a": "b"}, at(0)
	w.do(w.s.AddJob(w.ctx, c.done))

	c.spareUnit = w.unit(c.a.org.ID, c.a.top.ID, "spare")
	c.spareRole, c.spareProfile = w.role(c.a.org.ID, "spare"), w.profile(c.a.org.ID, "spare")
	c.spareApp = w.app(c.a.org.ID, "spare")
	c.spareAccess = w.access(c.a, c.dan.ID)
	w.do(w.s.PutImportDigests(w.ctx, c.a.org.ID, []usermgmt.ImportDigest{w.digest(c.cat.ID, c.a.org.ID, 1)}))
	c.invitations()
	c.prepare()
	return c
}

// prepare makes the records that the writes of contents insert.
func (c *contents) prepare() {
	w, org := c.w, c.a.org.ID
	c.newSession, c.nextSession = w.newSession(c.a, c.ann.ID, 5), c.bobSession
	c.nextSession.TokenHash, c.nextSession.Parked, c.nextSession.SeenAt = hashOf(-7), true, at(7)
	c.newKey = w.newKey(c.b, c.ann.ID)
	c.newMark = usermgmt.Checkpoint{ID: newID[usermgmt.Checkpoint](w), Rows: 2}
	c.newUser = w.newUser(c.a, "new")
	c.newJob = w.newJob(c.a, c.cat.ID, "export")
	c.newEntry, c.newMessage = w.newAudit("new"), w.newMessage(2)
	c.newUnit = usermgmt.BusinessUnit{ID: newID[usermgmt.BusinessUnit](w), Org: org, Parent: c.a.mid.ID, NameKey: "new"}
	c.newTeam = usermgmt.Team{ID: newID[usermgmt.Team](w), Org: org, Parent: c.a.root.ID, NameKey: "new"}
	c.newOrg = usermgmt.Organization{ID: newID[usermgmt.Organization](w), NameKey: "new"}
	c.newRole = usermgmt.Role{ID: newID[usermgmt.Role](w), Org: org, NameKey: "new", Grants: grants}
	c.newProfile = usermgmt.AccessProfile{ID: newID[usermgmt.AccessProfile](w), Org: org, NameKey: "new", Grants: grants}
	c.newApp = usermgmt.Application{ID: newID[usermgmt.Application](w), Org: org, NameKey: "new"}
	c.newSharing = c.sharing
	c.newSharing.ID, c.newSharing.NameKey, c.newSharing.Version = newID[usermgmt.SharingPolicy](w), "new", 0
	c.newGroup = usermgmt.Group{ID: newID[usermgmt.Group](w), NameKey: "new"}
	c.newField = usermgmt.CustomField{ID: newID[usermgmt.CustomField](w), Org: org, Name: "new", Values: []string{"x"}}
	c.newAccess = usermgmt.AccessEntry{ID: newID[usermgmt.AccessEntry](w), Org: org, Application: c.a.app.ID, Team: c.a.side.ID}
}

// reader is one read of contents.
type reader struct {
	method string
	read   func(ctx context.Context, s usermgmt.Store) (any, error)
}

func read[T any](method string, f func(ctx context.Context, s usermgmt.Store) (T, error)) reader {
	return reader{method, func(ctx context.Context, s usermgmt.Store) (any, error) { return f(ctx, s) }}
}

// unordered is what a read returns in no order.
type unordered[T any] []T

func (u unordered[T]) lines() []string {
	var out []string
	for _, v := range u {
		out = append(out, fmt.Sprint(describe(v)))
	}
	return out
}

// members collects a stream, with its error.
func members(ctx context.Context, s usermgmt.Store, q usermgmt.UserQuery) (out []usermgmt.Member, err error) {
	for m, e := range s.StreamMembers(ctx, q) {
		if e != nil {
			err = e
			continue
		}
		out = append(out, m)
	}
	return out, err
}

// dump describes everything that can be read, one line per value, what is in
// no order sorted. A failed read is a line too.
func (c *contents) dump(ctx context.Context, s usermgmt.Store) []string {
	var out []string
	for i, r := range append(c.readers(), c.probes()...) {
		name := fmt.Sprintf("%s#%d", r.method, i)
		v, err := r.read(ctx, s)
		if err != nil {
			out = append(out, name+": "+kindOf(err))
			continue
		}
		for _, line := range dumpLines(v) {
			out = append(out, name+line)
		}
	}
	return out
}
