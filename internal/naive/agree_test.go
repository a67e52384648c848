package naive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/testonly"
)

// engine is the library, on a store that holds a world.
type engine struct {
	m   *usermgmt.Manager
	s   usermgmt.Store
	now time.Time
}

func newEngine(t testing.TB, s usermgmt.Store, w *World) *engine {
	t.Helper()
	put(t, s, w)
	e := &engine{s: s}
	m, err := usermgmt.New(s, &usermgmt.Config{
		Objects: objects(w), Fields: []usermgmt.CustomField{{Name: fieldName, Type: usermgmt.FieldText}},
		Now: func() time.Time { return e.now }, Hash: &usermgmt.HashConfig{MemoryKiB: 64, Passes: 1, Permit: testonly.Permit{Weak: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	e.m = m
	return e
}

// compare asks the engine and the evaluator the same questions of one world, each of
// many sessions some, and tells the tally. It returns the questions.
func (d *draw) compare(t testing.TB, s usermgmt.Store, n size, tally *tally) (all []Question) {
	t.Helper()
	ctx := context.Background()
	e := newEngine(t, s, d.w)
	var ask []Question
	for range n.sessions {
		ask = append(ask, d.session(one(d, moments...)))
	}
	slices.SortStableFunc(ask, func(a, b Question) int { return a.At.Compare(b.At) })
	for number, q := range ask {
		e.now = q.At
		c := &asked{t: t, d: d, e: e, ctx: ctx, session: q}
		c.enter(number, d.chance(50))
		if d.chance(30) {
			c.users()
		}
		for range n.each {
			q := d.question(q)
			tally.count(d.w, q, c.question(q))
			all = append(all, q)
		}
	}
	return all
}

// asked is one session that asks.
type asked struct {
	t       testing.TB
	d       *draw
	e       *engine
	ctx     context.Context
	session Question
	actor   usermgmt.Actor
}

// enter makes the actor: by an API key, a session, or the host's own means.
func (c *asked) enter(number int, bySession bool) {
	c.t.Helper()
	q, all := c.session, c.session
	all.Key = true // as if nothing had to be chosen
	gone := q.Role != "" && !slices.Contains(c.d.w.actor(all).roles, q.Role)
	var err error
	if q.Key {
		c.actor, err = c.e.m.Auth().APIKey(c.ctx, makeKey(c.ctx, c.t, c.e.s, q, number), usermgmt.Origin{})
	} else {
		c.actor, err = c.e.m.ActorFor(c.ctx, usermgmt.ActorRequest{
			User: id[usermgmt.User](q.User), Org: id[usermgmt.Organization](q.Org), Application: id[usermgmt.Application](q.App),
			Role: id[usermgmt.Role](q.Role), ProvedAt: q.At,
		})
		if gone && !errors.Is(err, usermgmt.ErrPermission) {
			c.fail(q, "a role that is not there was taken: %v", err)
		}
		if gone || bySession {
			c.actor, err = c.e.m.Auth().Session(c.ctx, openSession(c.ctx, c.t, c.e.s, q, number), usermgmt.Origin{})
		}
	}
	if err != nil {
		c.fail(q, "no actor: %v", err)
	}
	a := c.d.w.actor(q)
	if pending := c.actor.Pending() == usermgmt.StepRole; pending != a.mustChoose {
		c.fail(q, "pending %v", c.actor.Pending())
	}
	if got := c.actor.Application(); got != id[usermgmt.Application](a.app) {
		c.fail(q, "current application %v, want %q", got, a.app)
	}
	inForce := ""
	if c.d.w.Organizations[q.Org].SwitchRoles && !q.Key && len(a.roles) > 0 {
		inForce = a.roles[0]
	}
	if got := c.actor.Role(); got != id[usermgmt.Role](inForce) {
		c.fail(q, "role in force %v, want %q", got, inForce)
	}
}

// fail reports a disagreement with the whole world.
func (c *asked) fail(q Question, format string, args ...any) {
	c.t.Helper()
	question, _ := json.Marshal(q)
	world, _ := json.Marshal(c.d.w)
	want := c.d.w.May(q)
	var granted []string
	for _, g := range want.Granted {
		granted = append(granted, fmt.Sprintf("%s %s (%s) by %s: %v, holding %v", g.Kind, g.Name, g.Entry, g.Rule, keys(g.Relations), keys(g.Hold)))
	}
	c.t.Fatalf("the library: %s\nthe book: allowed %v, because %s; granted %q\nquestion %s\nworld %s",
		fmt.Sprintf(format, args...), want.Allowed, want.Why, granted, question, world)
}

// question asks in every way and compares.
func (c *asked) question(q Question) Answer {
	c.t.Helper()
	want := c.d.w.May(q)
	p := usermgmt.Permission(q.Permission)
	filter := c.e.m.Access().Filter(c.actor, p)
	if q.Record == nil {
		if got := c.actor.Has(p); got != want.Allowed {
			c.fail(q, "has %v", got)
		}
		if !want.Allowed && !filter.Nothing() {
			c.fail(q, "a filter %+v without the right", filter)
		}
	} else {
		c.check(q, want, p, filter)
	}
	if want.Why != WhyMustChoose {
		c.explain(q, want, p)
	}
	return want
}

func (c *asked) check(q Question, want Answer, p usermgmt.Permission, filter usermgmt.Filter) {
	c.t.Helper()
	r := record(q.Record)
	if got := c.actor.Can(p, *r); got != want.Allowed {
		c.fail(q, "can %v", got)
	}
	err := c.e.m.Access().Check(c.actor, p, *r)
	if (err == nil) != want.Allowed || err != nil && !errors.Is(err, usermgmt.ErrPermission) && want.Why != WhyMustChoose {
		c.fail(q, "check %v", err)
	}
	object, action, field := split(q.Permission)
	o := c.d.w.Objects[object]
	if o.Basis == "" && r.Criteria != nil {
		return // there are no such records, which filters need not mind
	}
	if got := c.d.w.matches(&filter, r); got != want.Allowed {
		c.fail(q, "filter %v: %+v", got, filter)
	}
	if field == "" && len(o.Fields) > 0 && action != "archive" {
		got := c.e.m.Access().Fields(c.actor, p, *r)
		for _, f := range o.Fields {
			q.Permission = object + "." + action + ":" + f
			if c.d.w.exists(object, action, f) && slices.Contains(got, f) != c.d.w.May(q).Allowed {
				c.fail(q, "fields %v", got)
			}
		}
	}
}

// explain compares what Explain says of the answer and of every source.
func (c *asked) explain(q Question, want Answer, p usermgmt.Permission) {
	c.t.Helper()
	got, err := c.e.m.Access().Explain(c.ctx, c.actor, p, record(q.Record))
	if err != nil {
		c.fail(q, "explain: %v", err)
	}
	if got.Allowed != want.Allowed {
		c.fail(q, "explained as %+v", got)
	}
	var all usermgmt.Scope
	for _, g := range want.Granted {
		all |= scope(g.Relations)
	}
	has := q
	has.Record = nil
	if !c.d.w.May(has).Allowed {
		all = 0 // held, but out of reach, or a field without its record
	}
	if got.Scope.String() != all.String() {
		c.fail(q, "explained with scope %v, want %v", got.Scope, all)
	}
	relations := scope(want.Relations)
	if q.Record != nil && want.Allowed && got.Relation == 0 || !relations.Has(got.Relation) {
		c.fail(q, "explained by relation %v of %v", got.Relation, relations)
	}
	if len(got.Sources) != len(want.Granted) {
		c.fail(q, "explained by sources %+v", got.Sources)
	}
	for _, s := range got.Sources {
		i := slices.IndexFunc(want.Granted, func(g Granted) bool { return same(s, g) })
		if i < 0 || s.Scope.String() != scope(want.Granted[i].Relations).String() {
			c.fail(q, "explained by source %+v", s)
		}
		hold := scope(want.Granted[i].Hold)
		covers := want.Why != WhyApplication && (q.Record == nil || hold != 0)
		if s.Covers != covers || !hold.Has(s.Relation) || (s.Relation != 0) != (s.Covers && q.Record != nil) {
			c.fail(q, "explained by source %+v", s)
		}
	}
	c.ends(q, got)
	if got.Allowed && len(got.Misses) > 0 {
		c.fail(q, "allowed and missed by %+v", got.Misses)
	}
	for _, m := range got.Misses {
		if !c.missed(q, want, m) {
			c.fail(q, "missed by %+v", m)
		}
	}
}

// same: the source that is explained is this one.
func same(s usermgmt.Source, g Granted) bool {
	switch g.Kind {
	case FromProfile:
		return s.Kind == usermgmt.SourceProfile && s.Profile == id[usermgmt.AccessProfile](g.Name)
	case FromRole:
		return s.Kind == usermgmt.SourceRole && s.Role == id[usermgmt.Role](g.Name)
	case FromUserEntry:
		return s.Kind == usermgmt.SourceAccess && s.Role == id[usermgmt.Role](g.Name) && s.Access == id[usermgmt.AccessEntry](g.Entry)
	case FromTeamEntry:
		return s.Kind == usermgmt.SourceTeamAccess && s.Role == id[usermgmt.Role](g.Name) && s.Access == id[usermgmt.AccessEntry](g.Entry)
	default:
		return s.Kind == usermgmt.SourceSharing && s.Sharing == id[usermgmt.SharingPolicy](g.Name)
	}
}

// ends checks the units or teams by which a record is said to relate.
func (c *asked) ends(q Question, got usermgmt.Explanation) {
	c.t.Helper()
	a, by := c.d.w.actor(q), got.By
	name := func(all []string, is func(string) bool) string {
		if i := slices.IndexFunc(all, is); i >= 0 {
			return all[i]
		}
		return ""
	}
	var units, teams []string
	if q.Record != nil {
		units, teams = q.Record.Units, q.Record.Teams
	}
	unit := name(a.units, func(s string) bool { return id[usermgmt.BusinessUnit](s) == by.Unit })
	recordUnit := name(units, func(s string) bool { return id[usermgmt.BusinessUnit](s) == by.RecordUnit })
	team := name(a.teams, func(s string) bool { return id[usermgmt.Team](s) == by.Team })
	recordTeam := name(teams, func(s string) bool { return id[usermgmt.Team](s) == by.RecordTeam })
	good := by == usermgmt.Relatives{}
	switch got.Relation {
	case usermgmt.ScopeUnit:
		good = unit != "" && unit == recordUnit
	case usermgmt.ScopeDivision:
		good = unit != "" && (unit == recordUnit || below(a.org.Units, recordUnit, unit))
	case usermgmt.ScopeTeam:
		good = team != "" && team == recordTeam
	case usermgmt.ScopeSubteams:
		good = team != "" && below(a.org.Teams, recordTeam, team)
	case usermgmt.ScopeShared:
		good = by.Team.IsZero() && slices.ContainsFunc(c.d.w.May(q).Granted, func(g Granted) bool {
			return g.Hold[Shared] && slices.Contains(g.shared, recordTeam)
		})
	}
	if !good {
		c.fail(q, "relation %v by %+v", got.Relation, by)
	}
}

// missed: with the one difference the answer would be yes, by this source.
func (c *asked) missed(q Question, want Answer, m usermgmt.Miss) bool {
	w := c.d.w
	by := func(g Granted) bool { return same(m.Source, g) }
	reaches := func(g Granted) bool { return by(g) && (q.Record == nil || len(g.Hold) > 0) }
	switch m.Kind {
	case usermgmt.MissScope:
		return slices.ContainsFunc(want.Granted, by) && !slices.ContainsFunc(want.Granted, reaches)
	case usermgmt.MissCriteria:
		r := *q.Record
		r.Criteria, q.Record = nil, &r
	case usermgmt.MissApplication:
		for name := range w.Applications {
			if id[usermgmt.Application](name) == m.Application {
				q.App = name
			}
		}
	case usermgmt.MissRole:
		q.Key = true
	case usermgmt.MissLater:
		w = clone(w)
		eachAssignment(w, func(a *Assignment) bool { a.From = time.Time{}; return true })
	case usermgmt.MissOver:
		w = clone(w)
		eachAssignment(w, func(a *Assignment) bool { a.Until = time.Time{}; return true })
	default:
		return false
	}
	return slices.ContainsFunc(w.May(q).Granted, reaches)
}

// users compares the list of users with what may be said of each.
func (c *asked) users() {
	c.t.Helper()
	q := c.session
	q.Permission = "user.view"
	orgs := []string{q.Org}
	if c.d.w.Organizations[q.Org].Provider {
		orgs = keys(c.d.w.Organizations)
	}
	for _, org := range orgs {
		page, err := c.e.m.Users().List(c.ctx, c.actor, usermgmt.UserQuery{Org: id[usermgmt.Organization](org), View: usermgmt.ViewAll, Limit: 100})
		got := map[usermgmt.UserID]bool{}
		if err == nil {
			for _, u := range page.Items {
				got[u.ID] = true
			}
		}
		for _, user := range keys(c.d.w.Organizations[org].Members) {
			q.Record = c.d.w.UserRecord(user, org, q.At)
			if want := c.d.w.May(q); got[id[usermgmt.User](user)] != want.Allowed {
				c.fail(q, "listed %v, %v", got[id[usermgmt.User](user)], err)
			}
		}
	}
}

// matches reads a filter as its documentation says, for a record of the host's.
func (w *World) matches(f *usermgmt.Filter, r *usermgmt.Record) bool {
	if !w.matchesParts(f, r) {
		return false
	}
	return r.Criteria == nil || f.Criteria == nil || listed(f.Criteria, r.Criteria) || w.matches(f.Control, r)
}

func (w *World) matchesParts(f *usermgmt.Filter, r *usermgmt.Record) bool {
	switch {
	case f.And != nil && !w.matches(f.And, r):
		return false
	case f.System:
		return true
	case r.Org != f.Org || f.Org.IsZero():
		return false
	case f.All, slices.Contains(f.Owners, r.Owner):
		return true
	}
	for name, org := range w.Organizations {
		if id[usermgmt.Organization](name) != f.Org {
			continue
		}
		for u := range org.Units {
			if !slices.Contains(r.OwnerUnits, id[usermgmt.BusinessUnit](u)) {
				continue
			}
			under := func(top usermgmt.UnitID) bool {
				return top == id[usermgmt.BusinessUnit](u) || slices.ContainsFunc(keys(org.Units), func(t string) bool {
					return top == id[usermgmt.BusinessUnit](t) && below(org.Units, u, t)
				})
			}
			if slices.Contains(f.Units, id[usermgmt.BusinessUnit](u)) || slices.ContainsFunc(f.UnitTrees, under) {
				return true
			}
		}
		for u := range org.Teams {
			if !slices.Contains(r.OwnerTeams, id[usermgmt.Team](u)) {
				continue
			}
			under := func(top usermgmt.TeamID) bool {
				return slices.ContainsFunc(keys(org.Teams), func(t string) bool {
					return top == id[usermgmt.Team](t) && below(org.Teams, u, t)
				})
			}
			if slices.Contains(f.Teams, id[usermgmt.Team](u)) || slices.ContainsFunc(f.TeamTrees, under) {
				return true
			}
		}
	}
	return false
}

// listed: something is in both.
func listed(a, b *usermgmt.Criteria) bool {
	return slices.ContainsFunc(a.Teams, func(x usermgmt.TeamID) bool { return slices.Contains(b.Teams, x) }) ||
		slices.ContainsFunc(a.Roles, func(x usermgmt.RoleID) bool { return slices.Contains(b.Roles, x) }) ||
		slices.ContainsFunc(a.Users, func(x usermgmt.UserID) bool { return slices.Contains(b.Users, x) }) ||
		slices.ContainsFunc(a.Values, func(x string) bool { return slices.Contains(b.Values, x) })
}
