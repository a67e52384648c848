package storetest

import (
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

func valueCases() []testCase {
	return []testCase{
		{"ValueStrings", []string{"SaveOrg", "SaveUser", "SaveMembership"}, valueStrings},
		{"ValueTimes", []string{"SaveOrg", "SaveMembership", "CreateSession"}, valueTimes},
		{"ValueEmpty", []string{"SaveUser", "SaveMembership", "SaveRole"}, valueEmpty},
		{"ValueCopiesOut", allReaders(), valueCopiesOut},
	}
}

func valueStrings(w *world) {
	st := w.site("a")
	for i, s := range []string{
		" leading and trailing ", "line\r\nfeed\ttab", `quote ' " back \ slash`, `{"json": [1, null]}`, `{a,b,"c"}`, "NULL", "%s $1 ?",
		"\u00e9 and e\u0301 differ", "\U0001f600\u200d\ufeff\ufffd", "\x01\x1f\x7f", strings.Repeat("long \u00e9 ", 20000),
	} {
		o := st.org
		o.Version, o.Description, o.ExportFields = int64(i)+1, s, []string{s, "", s}
		w.do(w.s.SaveOrg(w.ctx, o))
		o.Version++
		got(w.s.OrgByID(w.ctx, o.ID)).is(w, o)
		u := w.user(st, "user "+string(rune('a'+i)), func(u *usermgmt.User) {
			u.Emails, u.Address.Street, u.SSO.FederationID = []string{s}, s, s
		})
		got(w.s.UserByID(w.ctx, u.ID)).is(w, u)
		m := w.join(st, u.ID, func(m *usermgmt.Membership) {
			m.Settings = map[string]usermgmt.SettingValue{s: {Value: s}, "k": {Value: s, Locked: true}}
		})
		got(w.s.MembershipOf(w.ctx, u.ID, st.org.ID)).is(w, m)
	}
}

func valueTimes(w *world) {
	st := w.site("a")
	for i, t := range []time.Time{
		{}, at(0), time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC),
		time.Date(2024, 3, 31, 1, 30, 0, 1000, time.UTC), time.Date(1582, 10, 4, 0, 0, 0, 0, time.UTC), usermgmt.Forever,
	} {
		o := st.org
		o.Version, o.UpdatedAt = int64(i)+1, t
		w.do(w.s.SaveOrg(w.ctx, o))
		o.Version++
		got(w.s.OrgByID(w.ctx, o.ID)).is(w, o)
		u := w.user(st, "user "+string(rune('a'+i)), func(u *usermgmt.User) { u.DeactivatedAt = t })
		got(w.s.UserByID(w.ctx, u.ID)).is(w, u)
		m := w.join(st, u.ID, func(m *usermgmt.Membership) {
			m.Roles = []usermgmt.RoleAssignment{{Role: st.role.ID, From: t}}
			m.Teams = []usermgmt.TeamAssignment{{Team: st.crew.ID, Until: t}}
		})
		got(w.s.MembershipOf(w.ctx, u.ID, st.org.ID)).is(w, m)
		s := w.newSession(st, u.ID, 0)
		s.SeenAt, s.Idle = t, time.Duration(i)*time.Hour+time.Microsecond
		w.do(w.s.CreateSession(w.ctx, s))
		w.sessionIs("a session", s)
		w.do(w.s.ClearAttempts(w.ctx, u.ID, t))
		equal(w, "LockedUntil", usermgmt.LoginState{User: u.ID, LockedUntil: t}, got(w.s.AccountByID(w.ctx, u.ID)).must(w).Login)
	}
}

// valueEmpty saves slices and maps that are empty, not nil: rows must work.
func valueEmpty(w *world) {
	st := w.site("a")
	u := w.user(st, "u", func(u *usermgmt.User) { u.Emails, u.EmployeeNumber = []string{}, []string{} })
	got(w.s.UserByID(w.ctx, u.ID)).is(w, u)
	m := w.join(st, u.ID, func(m *usermgmt.Membership) {
		m.Roles, m.Teams, m.Units = []usermgmt.RoleAssignment{}, []usermgmt.TeamAssignment{}, []usermgmt.UnitID{}
		m.Settings = map[string]usermgmt.SettingValue{}
	})
	got(w.s.MembershipOf(w.ctx, u.ID, st.org.ID)).is(w, m)
	r := st.role
	r.Grants = []usermgmt.Grant{}
	w.do(w.s.SaveRole(w.ctx, r))
	r.Version = 2
	got(w.s.RoleByID(w.ctx, r.ID)).is(w, r)
	o := st.org
	o.Policy, o.ExportFields = &usermgmt.Policy{Words: []string{}}, []string{}
	w.do(w.s.SaveOrg(w.ctx, o))
	read := got(w.s.OrgByID(w.ctx, o.ID)).must(w)
	if read.Policy == nil {
		w.Errorf("an empty policy came back as none")
	}
}

// valueCopiesOut overwrites what every read returned: the store is as before.
func valueCopiesOut(w *world) {
	c := w.contents()
	before := c.dump(w.ctx, w.s)
	for _, r := range c.readers() {
		v, err := r.read(w.ctx, w.s)
		if err != nil {
			w.Errorf("%s: %v", r.method, err)
			continue
		}
		scribble(v)
		if d := differentLines(before, c.dump(w.ctx, w.s)); d != "" {
			w.Fatalf("what %s returned is the store's own memory (- before, + after overwriting it):\n%s", r.method, d)
		}
	}
}
