package equality_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

func (mc *machine) keyGenerate(user, org int, life time.Duration, narrow []string) *call {
	var expires time.Time
	if life != 0 {
		expires = mc.now.Add(life)
	}
	return &call{name: "api_keys.generate", verb: "api_key.generate",
		expect: func(a *actor) (string, error) {
			m, org := mc.model, org
			if org == none {
				org = a.org
			}
			if err := m.keyHolder(a, user, org); err != nil {
				return "", err
			}
			u := m.users[user]
			bad := life < 0
			for _, p := range narrow {
				_, ok := m.number[p]
				bad = bad || !ok
			}
			switch {
			case bad:
				return "", usermgmt.ErrInvalid
			case !u.enabled || !u.in[org].enabled:
				return "", usermgmt.ErrConflict
			}
			m.dropKey(user, org) // the one before stops working
			m.keys = append(m.keys, &apiKey{user: user, org: org, alive: true, narrow: narrow, created: m.now, expires: expires, previous: none})
			m.record(a, "api_key.generate")
			return fmt.Sprintf("key of user%d in org%d until %s", user, org, text(expires)), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			var perms []usermgmt.Permission
			for _, p := range narrow {
				perms = append(perms, usermgmt.Permission(p))
			}
			k, err := s.APIKeys().Generate(ctx, a, usermgmt.KeyRequest{User: at(s.users, user), Org: at(s.orgs, org), ExpiresAt: expires, Permissions: perms})
			if err != nil {
				return "", err
			}
			s.keys = append(s.keys, k.Text.Reveal())
			return fmt.Sprintf("key of %s in %s until %s", of(s, k.Key.User), of(s, k.Key.Org), text(k.Key.ExpiresAt)), nil
		}}
}

func (mc *machine) keyDelete(user, org int) *call {
	return &call{name: "api_keys.delete", verb: "api_key.delete",
		expect: func(a *actor) (string, error) {
			m, org := mc.model, org
			if org == none {
				org = a.org
			}
			if a.door == usermgmt.DoorProxy || a.door == usermgmt.DoorAPIKey {
				return "", usermgmt.ErrPermission
			}
			if err := m.member(user, org); err != nil {
				return "", err
			}
			if user != a.subject {
				if err := m.need(a, "user.manage_api_key", "user.view", m.personIn(user, org)); err != nil {
					return "", err
				}
			}
			if m.dropKey(user, org) {
				m.record(a, "api_key.delete")
			}
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.APIKeys().Delete(ctx, a, at(s.users, user), at(s.orgs, org))
		}}
}

func (mc *machine) proxyLogin(target int, acknowledged bool) *call {
	return &call{name: "proxy.login", verb: "proxy.login",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if a.door != usermgmt.DoorSession || target == a.subject {
				return "", usermgmt.ErrPermission
			}
			if err := m.member(target, a.org); err != nil {
				return "", err
			}
			if err := m.need(a, "proxy.login", "user.view", m.personIn(target, a.org)); err != nil {
				return "", err
			}
			if !m.enters(target, a.org, true, true) || !m.onList(a.subject, target, a.org) || m.strict && m.stronger(a, target, a.org) != nil {
				return "", usermgmt.ErrPermission
			}
			asks := m.policy(a.org).SecurityQuestion && m.users[target].logins == 0 // and no call here answers
			switch {
			case asks && m.users[a.subject].question == "":
				return "", usermgmt.ErrConflict
			case asks || !acknowledged:
				return "", usermgmt.ErrInvalid
			}
			own := m.sessions[a.session]
			expires := m.now.Add(4 * time.Hour)
			if own.expires.Before(expires) {
				expires = own.expires
			}
			own.parked, own.token, own.seen = true, none, m.now
			m.sessions = append(m.sessions, &session{kind: usermgmt.SessionProxy, user: target, org: a.org, app: none, operator: a.subject,
				parent: a.session, token: m.tokens, epoch: m.sessionEpoch(target, a.org), operatorEpoch: own.epoch, idle: 15 * time.Minute, proved: own.proved,
				created: m.now, seen: m.now, expires: expires})
			m.tokens++
			m.record(a, "proxy.login")
			return m.sessionText(len(m.sessions) - 1), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			r, err := s.Proxy().Login(ctx, a, usermgmt.ProxyRequest{Target: at(s.users, target), Acknowledged: acknowledged, Origin: origin})
			if err != nil {
				return "", err
			}
			return s.opened(r), nil
		}}
}

// switchBack takes the token of a proxy session, and no actor.
func (mc *machine) switchBack(token int) *call {
	return &call{name: "proxy.switch_back", verb: "proxy.switch_back", open: true,
		expect: func(*actor) (string, error) {
			m := mc.model
			i := m.sessionWith(token)
			if i == none || m.sessions[i].kind != usermgmt.SessionProxy {
				return "", usermgmt.ErrUnauthenticated
			}
			s := m.sessions[i]
			if !m.now.Before(s.expires) || !m.now.Before(s.seen.Add(s.idle)) {
				return "", usermgmt.ErrUnauthenticated
			}
			m.endSession(i, none, "switched back")
			a := newActor()
			a.door, a.subject, a.operator, a.org = usermgmt.DoorProxy, s.user, s.operator, s.org
			m.on("session", fmt.Sprint("session", i), s.org)
			m.append(m.entry(a, "proxy.switch_back", "done")) // whether or not the operator may still be in
			own := m.sessions[s.parent]
			was := *own
			own.parked, own.token, own.seen = false, m.tokens, m.now
			if m.verifySession(s.parent) == nil {
				*own = was
				m.endSession(s.parent, none, "operator may no longer be in")
				return "", usermgmt.ErrUnauthenticated
			}
			m.tokens++
			return m.sessionText(s.parent), nil
		},
		do: func(ctx context.Context, s *system, _ usermgmt.Actor) (string, error) {
			text := "nonsense"
			if token < len(s.tokens) {
				text = s.tokens[token]
			}
			r, err := s.Proxy().SwitchBack(ctx, text, origin)
			if err != nil {
				return "", err
			}
			s.tokens = append(s.tokens, r.Token.Reveal())
			return s.sessionText(&r.Session), nil
		}}
}

func (mc *machine) proxyGrants(operator int, version int64, g proxyList) *call {
	return &call{name: "proxy.set_grants", verb: "proxy.configure",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if err := m.member(operator, a.org); err != nil {
				return "", err
			}
			if err := m.need(a, "proxy.configure", "user.view", m.personIn(operator, a.org)); err != nil {
				return "", err
			}
			switch {
			case operator == a.subject:
				return "", usermgmt.ErrPermission
			case m.users[operator].erased:
				return "", usermgmt.ErrConflict
			}
			key := [2]int{operator, a.org}
			old := int64(0)
			if l := m.lists[key]; l != nil {
				old = l.version
			}
			if old != version {
				return "", usermgmt.ErrStale
			}
			bad := !g.restricted && len(g.users)+len(g.teams) > 0
			for _, u := range g.users {
				bad = bad || !m.known(u) || m.users[u].in[a.org] == nil
			}
			for _, t := range g.teams {
				bad = bad || !alive(m.teams, t, a.org)
			}
			if bad {
				return "", usermgmt.ErrInvalid
			}
			l := g
			l.version = old + 1
			m.lists[key] = &l
			m.record(a, "proxy.configure")
			return m.listText(operator, a.org), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			grants := usermgmt.ProxyGrants{Restricted: g.restricted}
			for _, u := range g.users {
				grants.Users = append(grants.Users, usermgmt.ProxyUser{User: at(s.users, u)})
			}
			for _, t := range g.teams {
				grants.Teams = append(grants.Teams, usermgmt.ProxyTeam{Team: at(s.teams, t)})
			}
			l, err := s.Proxy().SetGrants(ctx, a, at(s.users, operator), version, grants)
			if err != nil {
				return "", err
			}
			return s.listText(l), nil
		}}
}

func (m *model) listText(operator, org int) string {
	l := m.lists[[2]int{operator, org}]
	return fmt.Sprintf("user%d in org%d restricted %t to %s and %s, version %d", operator, org, l.restricted, names("user", l.users), names("team", l.teams), l.version)
}

func (s *system) listText(l *usermgmt.ProxyList) string {
	var users []usermgmt.UserID
	for _, u := range l.Users {
		users = append(users, u.User)
	}
	var teams []usermgmt.TeamID
	for _, t := range l.Teams {
		teams = append(teams, t.Team)
	}
	return fmt.Sprintf("%s in %s restricted %t to %s and %s, version %d", of(s, l.Operator), of(s, l.Org), l.Restricted, ofAll(s, users), ofAll(s, teams), l.Version)
}

func (mc *machine) setPool(org int, licence string, size, overdraft int, floating bool) *call {
	return &call{name: "licences.set_pool", verb: "licence.set_pool",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if org >= len(m.orgs) {
				return "", usermgmt.ErrNotFound
			}
			m.on("organization", fmt.Sprint("org", org), org)
			if err := m.needIn(a, "licence.manage", org); err != nil {
				return "", err
			}
			if !licenceForm.MatchString(licence) {
				return "", usermgmt.ErrInvalid
			}
			p := m.poolOf(org, licence)
			p.size, p.overdraft, p.floating = max(size, -1), overdraft, floating
			m.record(a, "licence.set_pool")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Licences().SetPool(ctx, a, at(s.orgs, org), usermgmt.LicenceType(licence),
				usermgmt.PoolTerms{Size: size, Overdraft: overdraft, Floating: floating})
		}}
}

func (mc *machine) poolReport(org int) *call {
	return &call{name: "licences.report", read: true,
		expect: func(a *actor) (string, error) {
			m, org := mc.model, org
			if org == none {
				org = a.org
			}
			if err := m.needIn(a, "licence.view", org); err != nil {
				return "", err
			}
			return m.reportText(org), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			list, err := s.Licences().Report(ctx, a, at(s.orgs, org))
			var out []string
			for _, p := range list {
				out = append(out, fmt.Sprintf("%s %d over by %d, reserved %d", s.poolText([]usermgmt.LicencePool{p.LicencePool}), p.InUse, p.Over, p.Reserved))
			}
			return strings.Join(out, "\n"), err
		}}
}

func (m *model) poolText(org int) string {
	var out []string
	for k, p := range m.pools {
		if k.org == org {
			out = append(out, fmt.Sprintf("%s %d of %d+%d floating %t", k.licence, p.used, p.size, p.overdraft, p.floating))
		}
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}

func (s *system) poolText(list []usermgmt.LicencePool) string {
	var out []string
	for _, p := range list {
		out = append(out, fmt.Sprintf("%s %d of %d+%d floating %t", p.Type, p.Used, p.Size, p.Overdraft, p.Floating))
	}
	return fmt.Sprint(out)
}

func (mc *machine) orgEnable(org int, version int64, enable bool) *call {
	return &call{name: "orgs.set_enabled", verb: "organization.enable",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if org >= len(m.orgs) {
				return "", usermgmt.ErrNotFound
			}
			o := m.orgs[org]
			m.on("organization", fmt.Sprint("org", org), org)
			if err := m.needIn(a, "organization.disable", org); err != nil {
				return "", err
			}
			switch {
			case org == a.org && !enable:
				return "", usermgmt.ErrConflict
			case o.version != version:
				return "", usermgmt.ErrStale
			}
			if o.enabled && !enable {
				o.epoch++
			}
			o.enabled = enable
			o.version++
			m.record(a, "organization.enable")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Orgs().SetEnabled(ctx, a, at(s.orgs, org), version, enable)
		}}
}
