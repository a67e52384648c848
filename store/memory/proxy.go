package memory

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt"
)

// proxyTeam is a proxy list that names a team.
type proxyTeam struct {
	team     usermgmt.TeamID
	operator usermgmt.UserID
	org      usermgmt.OrgID
}

func (a proxyTeam) compare(b proxyTeam) int {
	if c := compareIDs(a.team, b.team); c != 0 {
		return c
	}
	if c := compareIDs(a.operator, b.operator); c != 0 {
		return c
	}
	return compareIDs(a.org, b.org)
}

func cloneProxyList(l *usermgmt.ProxyList) usermgmt.ProxyList {
	c := *l
	c.Users, c.Teams, c.UpdatedAt = cloneSlice(l.Users), cloneSlice(l.Teams), utc(l.UpdatedAt)
	for i := range c.Users {
		c.Users[i].From, c.Users[i].Until = utc(c.Users[i].From), utc(c.Users[i].Until)
	}
	for i := range c.Teams {
		c.Teams[i].From, c.Teams[i].Until = utc(c.Teams[i].From), utc(c.Teams[i].Until)
	}
	return c
}

func (v *version) proxyList(operator usermgmt.UserID, org usermgmt.OrgID) *usermgmt.ProxyList {
	return v.others.proxies.Get(hashID(operator), func(l *usermgmt.ProxyList) bool {
		return l.Operator == operator && l.Org == org
	})
}

// SaveProxyList implements [usermgmt.Store].
func (s *Store) SaveProxyList(ctx context.Context, l usermgmt.ProxyList) error {
	return s.write(ctx, func(w *writer) error { return w.saveProxyList(&l) })
}

func (w *writer) saveProxyList(l *usermgmt.ProxyList) error {
	old := w.v.proxyList(l.Operator, l.Org)
	var stored int64
	if old != nil {
		stored = old.Version
	}
	if err := checkVersion(l.Version, old != nil, stored); err != nil {
		return err
	}
	if w.v.person(l.Operator) == nil {
		return missing("operator")
	}
	if w.v.org(l.Org) == nil {
		return missing("organization")
	}
	for _, u := range l.Users {
		if w.v.person(u.User) == nil {
			return missing("users")
		}
	}
	for _, x := range l.Teams {
		if w.v.team(x.Team) == nil {
			return missing("teams")
		}
	}
	row := cloneProxyList(l)
	row.Version++
	w.replaceProxyList(old, &row)
	return nil
}

// replaceProxyList puts row in the place of old, which may be nil.
func (w *writer) replaceProxyList(old, row *usermgmt.ProxyList) {
	t := w.others()
	if old != nil {
		for _, x := range old.Teams {
			t.proxyTeams.Delete(w.own, proxyTeam{x.Team, old.Operator, old.Org})
		}
	}
	for _, x := range row.Teams {
		t.proxyTeams.Set(w.own, proxyTeam{x.Team, row.Operator, row.Org})
	}
	put(&t.proxies, w.own, old, row)
}

func (w *writer) deleteProxyList(l *usermgmt.ProxyList) {
	t := w.others()
	for _, x := range l.Teams {
		t.proxyTeams.Delete(w.own, proxyTeam{x.Team, l.Operator, l.Org})
	}
	t.proxies.Delete(w.own, l)
}

// forgetProxyTeam takes a team out of the lists that name it.
func (w *writer) forgetProxyTeam(team usermgmt.TeamID) {
	var lists []*usermgmt.ProxyList
	w.v.others.proxyTeams.Ascend(func(x proxyTeam) bool { return compareIDs(x.team, team) >= 0 },
		func(x proxyTeam) bool {
			if x.team == team {
				lists = append(lists, w.v.proxyList(x.operator, x.org))
			}
			return x.team == team
		})
	for _, l := range lists {
		row := cloneProxyList(l)
		row.Teams = slices.DeleteFunc(row.Teams, func(x usermgmt.ProxyTeam) bool { return x.Team == team })
		w.replaceProxyList(l, &row)
	}
}

// ProxyListOf implements [usermgmt.Store].
func (s *Store) ProxyListOf(
	ctx context.Context, operator usermgmt.UserID, org usermgmt.OrgID,
) (usermgmt.ProxyList, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.ProxyList{}, err
	}
	l := v.proxyList(operator, org)
	if l == nil {
		return usermgmt.ProxyList{}, usermgmt.ErrNotFound
	}
	return cloneProxyList(l), nil
}

// ProxyLists implements [usermgmt.Store].
func (s *Store) ProxyLists(
	ctx context.Context, org usermgmt.OrgID, operators []usermgmt.UserID,
) ([]usermgmt.ProxyList, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var out []usermgmt.ProxyList
	seen := make(map[usermgmt.UserID]bool, len(operators))
	for _, id := range operators {
		if l := v.proxyList(id, org); l != nil && !seen[id] {
			seen[id] = true
			out = append(out, cloneProxyList(l))
		}
	}
	return out, nil
}
