package equality_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// invitation asks an address into an organization.
type invitation struct {
	org, unit                 int
	email                     string
	plan                      place // as it was given
	by                        int
	created, updated, expires time.Time
	outcome                   usermgmt.InvitationOutcome
	ended                     time.Time
	accepted                  int
	version                   int64
	gone                      bool // with the person whom it asks
}

// mailAddress is the form in which mail goes to an address: the case of its domain
// does not matter.
func mailAddress(email string) string {
	local, domain, _ := strings.Cut(email, "@")
	return local + "@" + strings.ToLower(domain)
}

func (i *invitation) pending(now time.Time) bool { return i.outcome == "" && now.Before(i.expires) }

// planned is the membership that an invitation plans.
func (i *invitation) planned() *place {
	p := i.plan
	p.complete()
	return &p
}

func (m *model) invited(i int) *invitation {
	if i < 0 || i >= len(m.invitations) || m.invitations[i].gone {
		return nil
	}
	return m.invitations[i]
}

// pendingFor is the number of the invitation of an address that has no outcome,
// though it may have expired; none if there is none.
func (m *model) pendingFor(org int, key string) int {
	return slices.IndexFunc(m.invitations, func(i *invitation) bool { return i.org == org && i.outcome == "" && addressKey(i.email) == key })
}

func (m *model) endInvitation(i *invitation, outcome usermgmt.InvitationOutcome, by int) {
	i.outcome, i.ended, i.accepted = outcome, m.now, by
	i.version++
	if outcome != usermgmt.InvitationAccepted {
		m.poolOf(i.org, i.plan.licence).used--
	}
}

// recordOf is an invitation as a record; whoever sent it may know of it.
func (m *model) recordOf(i *invitation) *thing {
	return &thing{org: i.org, owner: i.by, units: []int{i.unit}, teams: m.teamsNow(i.planned(), false)}
}

func planText(roles, teams []string, profile, first, units, app, licence string) string {
	return fmt.Sprintf("%s roles %v teams %v first %s units %s app %s licence %s", profile, roles, teams, first, units, app, licence)
}

func (m *model) invitationText(n int) string {
	i := m.invitations[n]
	var roles, teams []string
	for _, h := range i.plan.roles {
		roles = append(roles, name("role", h.role)+h.period.String())
	}
	for _, h := range i.plan.teams {
		teams = append(teams, name("team", h.team)+h.period.String())
	}
	return fmt.Sprintf("invitation%d of %s key %s to org%d %s by %s licence %s, made %s, changed %s, until %s, %q at %s by %s, version %d: %s", n, i.email,
		addressKey(i.email), i.org, name("unit", i.unit), name("user", i.by), i.plan.licence, text(i.created), text(i.updated), text(i.expires), i.outcome,
		text(i.ended), name("user", i.accepted), i.version, planText(roles, teams, name("profile", i.plan.profile), name("team", i.plan.primary),
			names("unit", i.plan.units), name("app", i.plan.app), i.plan.licence))
}

func (s *system) invitationText(i *usermgmt.Invitation) string {
	var roles, teams []string
	for _, h := range i.Plan.Roles {
		roles = append(roles, of(s, h.Role)+period{h.From, h.Until}.String())
	}
	for _, h := range i.Plan.Teams {
		teams = append(teams, of(s, h.Team)+period{h.From, h.Until}.String())
	}
	return fmt.Sprintf("%s of %s key %s to %s %s by %s licence %s, made %s, changed %s, until %s, %q at %s by %s, version %d: %s", of(s, i.ID), i.Email,
		i.EmailKey, of(s, i.Org), of(s, i.OwnerUnit), of(s, i.InvitedBy), i.Licence, text(i.CreatedAt), text(i.UpdatedAt), text(i.ExpiresAt), i.Outcome,
		text(i.EndedAt), of(s, i.AcceptedBy), i.Version, planText(roles, teams, of(s, i.Plan.Profile), of(s, i.Plan.PrimaryTeam),
			ofAll(s, i.Plan.Units), of(s, i.Plan.InitialApp), string(i.Plan.Licence)))
}

// mailJoin gives an invitation a link in place of the one before; but none if
// there is one that is younger than interval.
func (m *model) mailJoin(n int, interval time.Duration) bool {
	for _, l := range m.links {
		if l.purpose != usermgmt.TokenJoin || l.invitation != n || l.replaced {
			continue
		}
		if interval != 0 && l.created.After(m.now.Add(-interval)) {
			return false
		}
		l.replaced = true
	}
	i := m.invitations[n]
	m.links = append(m.links, &link{purpose: usermgmt.TokenJoin, user: none, invitation: n, mail: usermgmt.MailJoin, address: i.email,
		created: m.now, expires: i.expires})
	return true
}

// mayPlan checks a plan as what the actor may give; bad says whether there are
// problems of values.
func (m *model) mayPlan(a *actor, unit int, p *place, bad bool) (bool, error) {
	org := m.units[unit].org
	r := &thing{org: org, owner: none, units: []int{unit}, teams: m.teamsNow(p, false)}
	if err := m.need(a, "user.invite", "unit.view", r); err != nil {
		return bad, err
	}
	if !m.unitInScope(a, "user.invite", org, unit) {
		return bad, usermgmt.ErrPermission
	}
	return m.checkPlace(a, none, &person{kind: usermgmt.KindPerson, home: org, unit: unit}, org, nil, p, "user.invite", bad)
}

func (mc *machine) invitationSend(email string, unit int, plan *place) *call {
	return &call{name: "invitations.send", note: fmt.Sprintf(" %s to unit%d %+v", email, unit, *plan), verb: "invitation.send",
		expect: func(a *actor) (string, error) {
			m := mc.model
			m.on("invitation", "?", a.org)
			if a.subject == none || !ownDoor(a) {
				return "", usermgmt.ErrPermission
			}
			if unit < 0 || unit >= len(m.units) || !m.units[unit].alive ||
				m.units[unit].org != a.org && m.granted(a, "user.invite")&usermgmt.ScopeSystem == 0 {
				return "", usermgmt.ErrInvalid
			}
			org := m.units[unit].org
			m.on("invitation", "?", org)
			i := &invitation{org: org, unit: unit, email: mailAddress(email), plan: *plan, by: a.subject, created: m.now, updated: m.now,
				expires: m.now.Add(m.policy(org).InvitationLifetime), accepted: none, version: 1}
			key, ok := emailKey(email)
			bad, err := m.mayPlan(a, unit, i.planned(), !ok)
			if err != nil {
				return "", err
			}
			if bad {
				return "", usermgmt.ErrInvalid
			}
			old := m.invited(m.pendingFor(org, key)) // one that has expired gives back its seat
			if old != nil && old.pending(m.now) {
				return "", usermgmt.ErrConflict
			}
			if !m.free(org, plan.licence) {
				if p := m.poolOf(org, plan.licence); old == nil || old.plan.licence != plan.licence || p.used-1 >= p.size+p.overdraft {
					return "", usermgmt.ErrLimit
				}
			}
			if old != nil {
				m.endInvitation(old, usermgmt.InvitationExpired, none)
			}
			m.poolOf(org, plan.licence).used++
			n := len(m.invitations)
			m.invitations = append(m.invitations, i)
			m.mailJoin(n, 0)
			m.on("invitation", name("invitation", n), org)
			m.record(a, "invitation.send")
			return m.invitationText(n), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			i, err := s.Invitations().Send(ctx, a, usermgmt.NewInvitation{Email: email, OwnerUnit: at(s.units, unit), NewMembership: s.place(plan)})
			if err != nil {
				return "", err
			}
			add(s, "invitation", &s.invited, i.ID)
			return s.invitationText(i), nil
		}}
}

// changeInvitation is the frame of changes of one that has no outcome.
func (mc *machine) changeInvitation(callName, verb string, n int, rule func(a *actor, i *invitation) error,
	do func(ctx context.Context, s *system, a usermgmt.Actor) error) *call {
	return &call{name: callName, note: fmt.Sprint(" ", n), verb: verb,
		expect: func(a *actor) (string, error) {
			m := mc.model
			i := m.invited(n)
			if i == nil {
				return "", usermgmt.ErrNotFound
			}
			m.on("invitation", name("invitation", n), i.org)
			if err := m.need(a, "user.invite", "user.invite", m.recordOf(i)); err != nil {
				return "", err
			}
			if i.outcome != "" {
				return "", usermgmt.ErrConflict
			}
			if err := rule(a, i); err != nil {
				return "", err
			}
			m.record(a, verb)
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) { return "", do(ctx, s, a) }}
}

func (mc *machine) invitationRevoke(n int) *call {
	return mc.changeInvitation("invitations.revoke", "invitation.revoke", n, func(_ *actor, i *invitation) error {
		mc.endInvitation(i, usermgmt.InvitationRevoked, none)
		return nil
	}, func(ctx context.Context, s *system, a usermgmt.Actor) error {
		return s.Invitations().Revoke(ctx, a, at(s.invited, n))
	})
}

func (mc *machine) invitationResend(n int) *call {
	return mc.changeInvitation("invitations.resend", "invitation.resend", n, func(a *actor, i *invitation) error {
		if !ownDoor(a) {
			return usermgmt.ErrPermission
		}
		was, p := *i, mc.policy(i.org)
		i.expires, i.updated = mc.now.Add(p.InvitationLifetime), mc.now
		i.version++
		if !mc.mailJoin(n, p.ResetInterval) {
			*i = was
			return usermgmt.ErrLimit
		}
		return nil
	}, func(ctx context.Context, s *system, a usermgmt.Actor) error {
		return s.Invitations().Resend(ctx, a, at(s.invited, n))
	})
}

func (mc *machine) invitationGet(n int) *call {
	return &call{name: "invitations.get", note: fmt.Sprint(" ", n), read: true,
		expect: func(a *actor) (string, error) {
			i := mc.invited(n)
			if i == nil || !mc.sees(a, "user.invite", mc.recordOf(i)) {
				return "", usermgmt.ErrNotFound
			}
			return mc.invitationText(n), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			i, err := s.Invitations().Get(ctx, a, at(s.invited, n))
			if err != nil {
				return "", err
			}
			return s.invitationText(i), nil
		}}
}

// invitationBatches is how many times the size of a page a list looks at for one.
const invitationBatches = 20

func (mc *machine) invitationList(org int, pending bool, limit, pages int) *call {
	return &call{name: "invitations.list", note: fmt.Sprintf(" of %s, pending %t, %d times %d", name("org", org), pending, pages, limit), read: true,
		expect: func(a *actor) (string, error) {
			m, org := mc.model, org
			if org == none {
				org = a.org
			}
			switch {
			case org != a.org && !m.can(a, "user.invite", &thing{org: org, owner: none}):
				return "", usermgmt.ErrNotFound
			case m.nothing(a, "user.invite"):
				return "", usermgmt.ErrPermission
			case limit < 0:
				return "", usermgmt.ErrInvalid
			case limit > usermgmt.MaxPageSize:
				return "", usermgmt.ErrLimit
			}
			var left []int
			for n := len(m.invitations) - 1; n >= 0; n-- {
				if i := m.invitations[n]; i.org == org && !i.gone && (!pending || i.outcome == "") {
					left = append(left, n)
				}
			}
			limit := limit
			if limit == 0 {
				limit = usermgmt.DefaultPageSize
			}
			var out []string
			for range pages {
				seen := 0
				for looked := 0; len(left) > 0 && seen < limit && looked < invitationBatches*limit; looked++ {
					if m.sees(a, "user.invite", m.recordOf(m.invitations[left[0]])) {
						out = append(out, m.invitationText(left[0]))
						seen++
					}
					left = left[1:]
				}
				if len(left) == 0 {
					return strings.Join(append(out, "end"), "\n"), nil
				}
				out = append(out, "page")
			}
			return strings.Join(out, "\n"), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			q := usermgmt.InvitationQuery{Org: at(s.orgs, org), Pending: pending, Limit: limit}
			var out []string
			for range pages {
				page, err := s.Invitations().List(ctx, a, q)
				if err != nil {
					return "", err
				}
				for i := range page.Items {
					out = append(out, s.invitationText(&page.Items[i]))
				}
				if page.Next.IsZero() {
					return strings.Join(append(out, "end"), "\n"), nil
				}
				out, q.After = append(out, "page"), page.Next
			}
			return strings.Join(out, "\n"), nil
		}}
}

// reserved counts the seats that invitations hold in an organization.
func (m *model) reserved(org int) map[string]int {
	out := map[string]int{}
	for _, i := range m.invitations {
		if i.org == org && i.outcome == "" {
			out[i.plan.licence]++
		}
	}
	return out
}

// invitationLines are all invitations, as text by lines.
func (m *model) invitationLines() (out []string) {
	for n, i := range m.invitations {
		if !i.gone {
			out = append(out, m.invitationText(n))
		}
	}
	for org := range m.orgs {
		out = append(out, fmt.Sprintf("reserved in org%d: %v", org, m.reserved(org)))
	}
	return out
}

func (mc *machine) foundInvitations(s *system, org usermgmt.OrgID) (out []string) {
	list, err := s.Store.ListInvitations(mc.ctx, org, false, usermgmt.ListQuery{Limit: 1000})
	if err != nil {
		mc.fail("reading the invitations of %s: %v", s.name, err)
	}
	for i := range list {
		out = append(out, s.invitationText(&list[i]))
	}
	seats, err := s.Store.InvitedSeats(mc.ctx, org)
	if err != nil {
		mc.fail("reading the invitations of %s: %v", s.name, err)
	}
	return append(out, fmt.Sprintf("reserved in %s: %v", of(s, org), seats))
}

// drawInvitation draws an invitation: mostly one of the actor's organization
// that has no outcome.
func (mc *machine) drawInvitation(a *actor) int {
	var open, near []int
	for n, i := range mc.invitations {
		if i.org != a.org {
			continue
		}
		near = append(near, n)
		if i.outcome == "" {
			open = append(open, n)
		}
	}
	switch {
	case len(open) > 0 && !mc.chance("any invitation", 25):
		return mc.choose("invitation", open)
	case len(near) > 0 && !mc.chance("elsewhere", 40):
		return mc.choose("invitation", near)
	case len(mc.invitations) > 0 && !mc.chance("no invitation", 20):
		return mc.any("invitation", len(mc.invitations))
	}
	return ghost
}

func (mc *machine) drawSend(a *actor) *call {
	org := mc.pickOrg(a)
	unit := mc.pickNode("owner unit", mc.units, org)
	if unit < len(mc.units) {
		org = mc.units[unit].org
	}
	p := mc.pickPlace(org)
	if units, teams := mc.placesOf(a); len(units) > 0 && len(teams) > 0 && mc.chance("own places", 60) { // for those who administer a part
		p = &place{profile: mc.regular, roles: []heldRole{{role: 1}}, app: none, licence: "platform"}
		unit = units[0]
		p.primary = mc.users[a.subject].in[a.org].primary
	}
	email := fmt.Sprintf("Name%02d@acme.test", mc.pick("number", 90))
	var strangers, open, expired []int
	for n, i := range mc.invitations {
		if i.org == org && i.pending(mc.now) {
			open = append(open, n)
		} else if i.org == org && i.outcome == "" {
			expired = append(expired, n)
		}
	}
	for i, u := range mc.users {
		if u.in[org] == nil && u.email != "" {
			strangers = append(strangers, i)
		}
	}
	switch mc.weighted("whom", 48, 12, 34, 6) {
	case 0:
		if len(strangers) > 0 {
			email = mc.users[mc.choose("stranger", strangers)].email
		}
	case 1:
		if u := mc.users[mc.any("user", len(mc.users))]; u.email != "" {
			email = strings.ToUpper(u.email)
		}
	case 3:
		email = sample(mc, "no address", []string{"nobody", "x@", "a@b@acme.test"})
	}
	if len(expired) > 0 && mc.chance("once more", 60) {
		email = mc.invitations[mc.choose("expired", expired)].email
	} else if len(open) > 0 && mc.chance("twice", 15) {
		email = mc.invitations[mc.choose("open", open)].email
	}
	return mc.invitationSend(email, unit, p)
}

// senders may invite.
func senders(mc *machine, a *actor) bool {
	return a.door == usermgmt.DoorSession && mc.granted(a, "user.invite") != 0
}

// invitationKinds are the calls of this file.
var invitationKinds = []kind{
	{"invitations.send", 20, false, func(mc *machine, a *actor) *call { return mc.drawSend(a) }, senders},
	{"invitations.revoke", 9, false, func(mc *machine, a *actor) *call { return mc.invitationRevoke(mc.drawInvitation(a)) }, senders},
	{"invitations.resend", 9, false, func(mc *machine, a *actor) *call { return mc.invitationResend(mc.drawInvitation(a)) }, senders},
	{"invitations.get", 9, true, func(mc *machine, a *actor) *call { return mc.invitationGet(mc.drawInvitation(a)) }, nil},
	{"invitations.list", 10, true, func(mc *machine, a *actor) *call {
		return mc.invitationList(mc.orgOrOwn(a), mc.chance("pending", 50), sample(mc, "limit", []int{1, 1, 1, 2, 2, 3, 0, 1000, 1001, -1}), 2+mc.pick("pages", 3))
	}, nil},
}

// invitationFaults are those of a store that keeps invitations.
type invitationFaults struct {
	putInvitation   func(i *usermgmt.Invitation)
	acceptedBy      func(by *usermgmt.UserID)
	useToken        func(id usermgmt.TokenID) bool // reports whether to do it
	endInvitation   func(outcome *usermgmt.InvitationOutcome, at *time.Time)
	listInvitations func(pending *bool, q *usermgmt.ListQuery)
}

func (f faulty) SaveInvitation(ctx context.Context, i usermgmt.Invitation) error {
	if f.putInvitation != nil {
		f.putInvitation(&i)
	}
	return f.Store.SaveInvitation(ctx, i)
}

func (f faulty) EndInvitation(ctx context.Context, id usermgmt.InvitationID, outcome usermgmt.InvitationOutcome, at time.Time, by usermgmt.UserID) (bool, error) {
	if f.endInvitation != nil {
		f.endInvitation(&outcome, &at)
	}
	if f.acceptedBy != nil {
		f.acceptedBy(&by)
	}
	return f.Store.EndInvitation(ctx, id, outcome, at, by)
}

func (f faulty) ListInvitations(ctx context.Context, org usermgmt.OrgID, pending bool, q usermgmt.ListQuery) ([]usermgmt.Invitation, error) {
	if f.listInvitations != nil {
		f.listInvitations(&pending, &q)
	}
	return f.Store.ListInvitations(ctx, org, pending, q)
}

func (f faulty) UseToken(ctx context.Context, id usermgmt.TokenID, at time.Time) (bool, error) {
	if f.useToken != nil && !f.useToken(id) {
		return true, nil
	}
	return f.Store.UseToken(ctx, id, at)
}
