package usermgmt

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// onProxyList refuses members who are not on a restricted list.
func (m *Manager) onProxyList(ctx context.Context, s Store, operator UserID, target *Member, org OrgID, now time.Time) error {
	list, err := s.ProxyListOf(ctx, operator, org)
	if err != nil {
		return skipNotFound(err)
	}
	if !list.allows(&target.Membership, now) {
		return &Error{Kind: ErrPermission, Rule: "not_on_list", Permission: PermProxyLogin}
	}
	return nil
}

// allows reports whether the list, as of now, has the member.
func (l *ProxyList) allows(target *Membership, now time.Time) bool {
	if !l.Restricted {
		return true
	}
	c := clock{now: now}
	if slices.ContainsFunc(l.Users, func(e ProxyUser) bool { return e.User == target.User && c.counts(e.From, e.Until) }) {
		return true
	}
	teams := teamsAt(target, now)
	return slices.ContainsFunc(l.Teams, func(e ProxyTeam) bool {
		return c.counts(e.From, e.Until) && slices.Contains(teams, e.Team)
	})
}

// ProxyGrants says as whom an operator may log in.
type ProxyGrants struct {
	// Restricted: only the users and the members of the teams below, each entry in
	// its time. Without it everybody within the permission and the hierarchy, and
	// the lists must be empty. A list whose entries have all ended allows nobody.
	Restricted bool
	Users      []ProxyUser
	Teams      []ProxyTeam
}

// Grants returns the proxy list of an operator in the actor's organization. One
// that was never set is unrestricted. The actor needs [PermProxyConfigure] on
// the operator, or is the operator.
//
// Errors: [ErrNotFound], [ErrPermission].
func (p *Proxy) Grants(ctx context.Context, a Actor, operator UserID) (*ProxyList, error) {
	const op = "Proxy.Grants"
	v, err := p.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	_, r, err := p.m.memberRecord(ctx, p.m.store, operator, v.org)
	if err != nil {
		return nil, withOp(op, err)
	}
	if operator != v.subject || operator.IsZero() {
		if err := v.need(PermProxyConfigure, PermUserView, r); err != nil {
			return nil, withOp(op, err)
		}
	}
	list, err := p.m.store.ProxyListOf(ctx, operator, v.org)
	switch {
	case isNotFound(err):
		return &ProxyList{Operator: operator, Org: v.org}, nil
	case err != nil:
		return nil, withOp(op, err)
	}
	return &list, nil
}

// SetGrants replaces the proxy list of an operator, if version is the stored
// one (0 for a list that was never set). The list narrows; it never gives a
// right. Running proxy sessions that it no longer allows end with their next
// verification.
//
// The actor needs [PermProxyConfigure] on the operator, who is neither the actor
// nor reserved.
// Every user is a member of the organization and every team is one of its teams,
// each there once, and an entry that ends does so after it begins.
//
// SetGrants is atomic. It records "proxy.configure".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrStale], [ErrInvalid].
func (p *Proxy) SetGrants(ctx context.Context, a Actor, operator UserID, version int64, g ProxyGrants) (*ProxyList, error) {
	var out *ProxyList
	err := p.m.change(ctx, a, "Proxy.SetGrants", verbProxyGrants, func(ctx context.Context, w *work) error {
		mem, r, err := w.member(ctx, operator, w.v.org)
		if err != nil {
			return err
		}
		if err := w.need(PermProxyConfigure, PermUserView, r); err != nil {
			return err
		}
		if operator == w.v.subject {
			return &Error{Kind: ErrPermission, Rule: "self", Permission: PermProxyConfigure}
		}
		if mem.User.Reserved {
			return &Error{Kind: ErrPermission, Rule: "reserved", Permission: PermProxyConfigure}
		}
		if err := mem.User.stillThere(); err != nil {
			return err
		}
		old, err := w.tx.ProxyListOf(ctx, operator, w.v.org)
		if skipNotFound(err) != nil {
			return err
		}
		if old.Version != version {
			return &Error{Kind: ErrStale, Field: "version"}
		}
		list := ProxyList{Operator: operator, Org: w.v.org, Restricted: g.Restricted, Version: old.Version, UpdatedAt: w.now,
			Users: slices.Clone(g.Users), Teams: slices.Clone(g.Teams)}
		if err := w.checkProxyList(ctx, &list); err != nil {
			return err
		}
		if err := w.tx.SaveProxyList(ctx, list); err != nil {
			return err
		}
		list.Version++
		w.record(proxyFields(&old), proxyFields(&list))
		out = &list
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (w *work) checkProxyList(ctx context.Context, l *ProxyList) error {
	var p problems
	if !l.Restricted && len(l.Users)+len(l.Teams) > 0 {
		p.add("restricted", "required", "a list of users or teams is a restriction")
	}
	if len(l.Users) > MaxPageSize || len(l.Teams) > MaxPageSize {
		p.add("users", "max_items", fmt.Sprintf("at most %d users and %d teams", MaxPageSize, MaxPageSize))
		return p.err()
	}
	var users []UserID
	for _, u := range l.Users {
		if slices.Contains(users, u.User) {
			p.add("users", "twice", "the same user twice")
		}
		checkPeriod(&p, "users", u.From, u.Until)
		users = append(users, u.User)
	}
	var teams []TeamID
	for _, t := range l.Teams {
		if slices.Contains(teams, t.Team) {
			p.add("teams", "twice", "the same team twice")
		}
		checkPeriod(&p, "teams", t.From, t.Until)
		teams = append(teams, t.Team)
	}
	mems, err := w.tx.Memberships(ctx, l.Org, users)
	if err != nil {
		return err
	}
	for _, u := range users {
		if !slices.ContainsFunc(mems, func(m Membership) bool { return m.User == u }) {
			p.add("users", "unknown", "no such member in the organization")
			break
		}
	}
	trees, err := w.trees(ctx, l.Org)
	if err != nil {
		return err
	}
	for _, t := range teams {
		if _, ok := trees.teams.Position(authz.ID(t)); !ok {
			p.add("teams", "unknown", "no such team in the organization")
			break
		}
	}
	return p.err()
}

func proxyFields(l *ProxyList) map[string]string {
	users, teams := make([]string, len(l.Users)), make([]string, len(l.Teams))
	for i, u := range l.Users {
		users[i] = u.User.String() + period(u.From, u.Until)
	}
	for i, t := range l.Teams {
		teams[i] = t.Team.String() + period(t.From, t.Until)
	}
	slices.Sort(users)
	slices.Sort(teams)
	return map[string]string{"restricted": boolText(l.Restricted), "users": strings.Join(users, " "), "teams": strings.Join(teams, " ")}
}

func checkPeriod(p *problems, field string, from, until time.Time) {
	if !from.IsZero() && !until.IsZero() && !from.Before(until) {
		p.add(field, "period", "ends before it begins")
	}
}

// notExempt refuses members as whom nobody acts.
func (m *Manager) notExempt(ctx context.Context, s Store, mem *Membership) error {
	set, err := s.SettingsOf(ctx, mem.Org)
	if err != nil {
		return err
	}
	value, _, _ := m.setting(SettingProxyExempt).effective(settingLevels{set.System, set.Org, mem.Settings})
	if value.Value == boolText(true) {
		return refusedActing(PermProxyLogin, "exempt")
	}
	return nil
}
