package equality_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt"
)

// checkLog compares the newest entries of the audit log: those that were added
// since, and the two before. With whole also what the model does not know.
func (mc *machine) checkLog(before int, whole bool) {
	n := len(mc.log) - before + 2
	var want []string
	for i := len(mc.log) - 1; i >= 0 && len(want) < n; i-- {
		want = append(want, mc.log[i].String())
	}
	var first string
	for k, s := range mc.systems {
		list, err := s.Store.ListAudit(mc.ctx, usermgmt.AuditQuery{Limit: n, From: began})
		if err != nil {
			mc.fail("audit of %s: %v", s.name, err)
		}
		var got, everything []string
		for i := range list {
			got = append(got, s.entryText(&list[i]))
			if whole && i < n-2 {
				everything = append(everything, s.wholeEntry(&list[i]))
			}
		}
		if !slices.Equal(got, want) {
			mc.fail("step %d: audit log of %s:\n%s\nthe model says:\n%s", mc.step, s.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if k == 0 {
			first = strings.Join(everything, "\n")
		} else if got := strings.Join(everything, "\n"); got != first {
			mc.fail("step %d: audit log of %s:\n%s\nof %s:\n%s", mc.step, s.name, got, mc.systems[0].name, first)
		}
	}
}

// wholeEntry is all of an entry that systems must agree on.
func (s *system) wholeEntry(e *usermgmt.AuditEntry) string {
	d := &e.Detail
	return s.plain(fmt.Sprint(s.entryText(e), " ", text(e.At), text(e.LastAt), e.Fields, d.OperatorName, "|", d.SubjectName, "|", d.TargetName, "|",
		d.Origin, d.Reason, d.Before, d.After))
}

// state is everything that the model knows, as text by lines.
func (m *model) state() []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for i, o := range m.orgs {
		add("org%d %s enabled %t epoch %d version %d pools %s", i, o.name, o.enabled, o.epoch, o.version, m.poolText(i))
	}
	for i := range m.users {
		u := m.users[i]
		add("%s", m.userText(i))
		add("user%d must change %t, reset %t, temporary until %s, verified %s, epoch %d, %s", i, u.mustChange, u.reset, text(u.temporary), u.verified,
			u.epoch, u.loginText())
		for org := range m.orgs {
			if u.in[org] != nil {
				add("%s", m.placeText(nil, i, org))
			}
			if m.lists[[2]int{i, org}] != nil {
				add("%s", m.listText(i, org))
			}
			for _, k := range m.keys {
				if k.alive && k.user == i && k.org == org {
					add("key of user%d in org%d until %s, used %s, for %d, the one before until %s", i, org, text(k.expires), text(k.used), len(k.narrow), text(k.grace))
				}
			}
		}
	}
	for i, n := range m.teams {
		if n.alive {
			add("%s", n.text("team", i))
		}
	}
	for i, n := range m.units {
		if n.alive {
			add("%s", n.text("unit", i))
		}
	}
	for i, r := range m.roles {
		if r.alive {
			add("%s", m.roleText(i))
		}
	}
	for i, p := range m.profiles {
		if p.alive {
			add("%s", m.profileText(i))
		}
	}
	for i, s := range m.sessions {
		if s.gone {
			continue
		}
		add("%s seen %s proved %s ended %t %s epoch %d %d", m.sessionText(i), text(s.seen), text(s.proved), s.ended, s.reason, s.epoch, s.operatorEpoch)
	}
	for _, e := range m.access {
		add("%s in org%d: %s %s to %d roles, version %d", name("app", e.app), e.org, name("user", e.user), name("team", e.team), len(e.roles), e.version)
	}
	return slices.Concat(out, m.settingLines(), m.groupLines(), m.invitationLines(), m.secretLines(), m.jobLines(), m.fieldLines())
}

// found is the same of a store, read row by row.
func (mc *machine) found(s *system) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	must := func(err error) {
		if err != nil {
			mc.fail("reading %s: %v", s.name, err)
		}
	}
	st, ctx := s.Store, mc.ctx
	for _, id := range s.orgs {
		o, err := st.OrgByID(ctx, id)
		must(err)
		pools, err := st.ListPools(ctx, id)
		must(err)
		add("%s %s enabled %t epoch %d version %d pools %s", of(s, id), o.Name, o.Enabled, o.Epoch, o.Version, s.poolText(pools))
	}
	for _, id := range s.users {
		acc, err := st.AccountByID(ctx, id)
		must(err)
		add("%s", s.userText(&acc.User))
		c := &acc.Credential
		add("%s must change %t, reset %t, temporary until %s, verified %s, epoch %d, %s", of(s, id), c.MustChange, c.Status == usermgmt.StatusPasswordReset,
			text(c.TemporaryUntil), strings.Join(acc.User.VerifiedEmails, " "), c.Epoch, loginText(&acc.Login))
		places, err := st.MembershipsOf(ctx, id)
		must(err)
		for i := range places {
			add("%s", s.placeText(&places[i]))
		}
		for _, org := range s.orgs {
			if l, err := st.ProxyListOf(ctx, id, org); err == nil {
				add("%s", s.listText(&l))
			}
			if k, err := st.APIKeyOf(ctx, id, org); err == nil {
				add("key of %s in %s until %s, used %s, for %d, the one before until %s", of(s, id), of(s, org), text(k.ExpiresAt), text(k.LastUsedAt), len(k.Permissions),
					text(k.PreviousUntil))
			}
		}
	}
	out = append(out, mc.foundGroups(s)...)
	out = append(out, mc.foundSecrets(s)...)
	out = append(out, mc.foundJobs(s)...)
	for _, org := range s.orgs {
		out = append(out, mc.foundSettings(s, org)...)
		out = append(out, mc.foundInvitations(s, org)...)
		out = append(out, mc.foundFields(s, org)...)
		teams, err := st.ListTeams(ctx, org, usermgmt.ListQuery{Limit: 1000})
		must(err)
		for i := range teams {
			add("%s", s.teamText(&teams[i]))
		}
		units, err := st.ListUnits(ctx, org, usermgmt.ListQuery{Limit: 1000})
		must(err)
		for i := range units {
			add("%s", s.unitText(&units[i]))
		}
		set, err := st.Policy(ctx, org)
		must(err)
		for i := range set.Roles {
			add("%s", s.roleText(&set.Roles[i]))
		}
		for i := range set.Profiles {
			add("%s", s.profileText(&set.Profiles[i]))
		}
		for _, app := range s.apps {
			entries, err := st.ListAccess(ctx, org, app, usermgmt.ListQuery{Limit: 1000})
			must(err)
			for _, e := range entries {
				add("%s in %s: %s %s to %d roles, version %d", of(s, e.Application), of(s, e.Org), of(s, e.User), of(s, e.Team), len(e.Roles), e.Version)
			}
		}
	}
	for _, id := range s.sessions {
		v, err := st.SessionByID(ctx, id)
		if errors.Is(err, usermgmt.ErrNotFound) { // as the model says, or is missed there
			continue
		}
		must(err)
		x := &v.Session
		add("%s seen %s proved %s ended %t %s epoch %d %d", s.sessionText(x), text(x.SeenAt), text(x.ProvedAt), !x.EndedAt.IsZero(), x.EndReason, x.Epoch, x.OperatorEpoch)
	}
	return out
}

// checkState compares everything in the stores with the model, and the outgoing
// mail of the stores with each other.
func (mc *machine) checkState() {
	want := mc.state()
	slices.Sort(want)
	var mail string
	for i, s := range mc.systems {
		got := mc.found(s)
		slices.Sort(got)
		got = slices.Compact(got) // what is system-wide is found in both organizations
		if !slices.Equal(got, want) {
			mc.fail("step %d: state of %s and of the model differ:\n%s", mc.step, s.name, difference(got, want))
		}
		list, err := s.Store.ListMessages(mc.ctx, false, usermgmt.ListQuery{Limit: 1000})
		if err != nil {
			mc.fail("mail of %s: %v", s.name, err)
		}
		var b strings.Builder
		for _, x := range list {
			fmt.Fprintln(&b, of(s, x.Org), of(s, x.User), x.To, x.Kind, text(x.NotBefore), text(x.SentAt), !x.DeadAt.IsZero(), x.LastError, s.plain(fmt.Sprint(x.Values)))
		}
		if i == 0 {
			mail = b.String()
		} else if got := b.String(); got != mail {
			mc.fail("step %d: mail of %s:\n%s\nof %s:\n%s", mc.step, s.name, got, mc.systems[0].name, mail)
		}
		mc.invariants(s)
	}
}

// difference lists the lines that only one side has.
func difference(got, want []string) string {
	var b strings.Builder
	for _, line := range got {
		if !slices.Contains(want, line) {
			b.WriteString("store " + line + "\n")
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			b.WriteString("model " + line + "\n")
		}
	}
	return b.String()
}

// ofOneOrg are calls that touch the records of one organization only.
var ofOneOrg = []string{"teams.", "units.", "roles.", "profiles.", "applications.", "members.update", "members.end", "proxy.set_grants", "api_keys."}

// foreign is what the first organization looks like from inside before a call
// that touches only the second; empty for any other call. Whoever is a member of
// both may well do something about the own membership there.
func (mc *machine) foreign(c *call, a *actor) []string {
	both := a.subject != none && mc.users[a.subject].in[0] != nil
	if a.org != 1 || both || c.read || mc.step%6 != 0 || !slices.ContainsFunc(ofOneOrg, func(p string) bool { return strings.HasPrefix(c.name, p) }) {
		return nil
	}
	return mc.views()
}

// sameForeign compares that with the present (I-17).
func (mc *machine) sameForeign(before []string) {
	if before == nil {
		return
	}
	if now := mc.views(); !slices.Equal(before, now) {
		mc.fail("step %d: a call in org1 changed what org0 sees:\n%s", mc.step, difference(before, now))
	}
}

func (mc *machine) views() (out []string) {
	for _, s := range mc.systems {
		actor, err := s.SystemActor("the onlooker", s.orgs[0], usermgmt.Grant{Permission: "*.*", Scope: usermgmt.ScopeOrganization})
		if err != nil {
			mc.fail("onlooker: %v", err)
		}
		page, err := s.Users().List(mc.ctx, actor, usermgmt.UserQuery{View: usermgmt.ViewAll, Limit: 1000})
		if err != nil {
			mc.fail("onlooker: %v", err)
		}
		for i := range page.Items {
			out = append(out, s.name+s.userText(&page.Items[i]))
		}
		for _, c := range []*call{mc.teamList(0), mc.unitList(0), mc.roleList(0), mc.poolReport(0),
			mc.auditList(0, "", 0, none, 20, 1)} {
			text, err := c.do(mc.ctx, s, actor)
			if err != nil {
				mc.fail("onlooker: %s: %v", c.name, err)
			}
			out = append(out, s.name+text)
		}
	}
	return out
}
