package escalation_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

var (
	triesFlag = flag.Int("tries", 0, "how many calls to try; 0 is the usual number")
	seedFlag  = flag.Uint64("seed", 0, "the seed of the search; 0 is a random one")
	worldFlag = flag.Int("world", 0, "with which world of the seed to begin")
)

// tries is how many calls are tried: CI makes a part of what a soak makes.
func tries() int {
	switch {
	case *triesFlag > 0:
		return *triesFlag
	case os.Getenv("USERMGMT_SOAK") != "":
		return 1_000_000
	}
	return 6_000
}

// triesInAWorld is after how many calls a new world begins.
const triesInAWorld = 1_000

// TestNobodyGainsARightThatTheyLacked: whatever an administrator of whatever kind
// calls, afterwards it may do nothing that it might not before; nobody else holds by
// the call what the caller does not hold; and of nobody who holds more has it got a
// credential.
func TestNobodyGainsARightThatTheyLacked(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64() //nolint:gosec // a test
	}
	began, done, worlds := time.Now(), 0, *worldFlag
	made, refused := map[string]int{}, map[string]int{}
	for done < tries() && !t.Failed() {
		random := rand.New(rand.NewPCG(seed, uint64(worlds))) //nolint:gosec // a test
		worlds++
		w := newWorld(t, random)
		for range min(triesInAWorld, tries()-done) {
			done++
			if !w.try(made, refused) {
				t.Logf("seed %d, world %d, call %d", seed, worlds-1, done)
				break
			}
		}
	}
	t.Logf("seed %d: %d calls in %d worlds, %s", seed, done, worlds-*worldFlag, time.Since(began).Round(time.Millisecond))
	if t.Failed() {
		return
	}
	for _, c := range calls {
		if done >= 50_000 {
			assert.Positive(t, made[c.name], "%s never succeeded, of %d", c.name, made[c.name]+refused[c.name])
			t.Logf("%6d made %6d refused  %s", made[c.name], refused[c.name], c.name)
		}
	}
}

// lets are the calls after which what is shared with everybody is looked at too, which
// takes long: those by which policies come to apply to somebody.
var lets = map[string]bool{"Applications.Grant": true, "Teams.Update": true, "Teams.AddMember": true, "Members.Update roles": true,
	"Members.Update teams": true, "Members.Add": true, "Users.Create": true, "Invitations.Send": true, "Imports.UsersSeq": true}

// try makes one random call and looks what it has changed. It is false after a
// finding.
func (w *world) try(made, refused map[string]int) bool {
	a := w.admins[w.random.IntN(len(w.admins))]
	c := one(w.random, draws)
	actor, in := w.actor(a)
	if !in {
		return true
	}
	before, limited := w.mightDo(a), w.limited()
	held := w.heldByAll()
	mine, teams := held[a.id], w.teamsOf(a)
	others := map[usermgmt.UserID]map[question]bool{}
	if lets[c.name] {
		for _, user := range w.users {
			others[user] = w.mightDo(admin{id: user})
		}
	}
	what, err := c.call(w, actor)
	if err != nil {
		refused[c.name]++
		for _, kind := range []error{usermgmt.ErrPermission, usermgmt.ErrNotFound, usermgmt.ErrConflict, usermgmt.ErrInvalid, usermgmt.ErrStale, usermgmt.ErrLimit} {
			if errorsIs(err, kind) {
				return true
			}
		}
		require.NoError(w.t, err, c.name)
	}
	made[c.name]++
	w.changed()
	for q := range w.mightDo(a) {
		r := right{w.records[q.record].Org, q.perm}
		if !before[q] && !(limited[object(q.perm)] && w.opened(a, q, teams, mine[r], w.heldByAll()[a.id][r]&^w.mayPass(mine, r))) {
			assert.Fail(w.t, "gained", "%s, by %s of %s, may now %s", a.name, c.name, what.text, w.describe(q))
			return false
		}
	}
	for user, could := range others {
		for q := range w.mightDo(admin{id: user}) {
			if !could[q] && !before[q] && !limited[object(q.perm)] && user != a.id && !w.ownRelation(admin{id: user}, q) && !w.below(what.moved, q) {
				assert.Fail(w.t, "shared", "%s, by %s of %s, has it shared with %s: %s", a.name, c.name, what.text, w.names[user], w.describe(q))
				return false
			}
		}
	}
	for user, now := range w.heldByAll() {
		for r, scope := range now {
			grown := scope &^ held[user][r] &^ usermgmt.ScopeShared
			if user != a.id && grown&^w.mayPass(mine, r) != 0 {
				assert.Fail(w.t, "gave", "%s, by %s of %s, gave %s %s with %s", a.name, c.name, what.text, w.names[user], r.perm, grown)
				return false
			}
		}
	}
	for r, scope := range what.gone {
		if over := scope &^ usermgmt.ScopeShared &^ w.mayPass(mine, r); over != 0 {
			assert.Fail(w.t, "deleted", "%s, by %s, deleted %s that grants %s with %s", a.name, c.name, what.text, r.perm, over)
			return false
		}
	}
	for r, scope := range w.grantedBy(what, a.org) {
		if over := scope &^ usermgmt.ScopeShared &^ w.mayPass(mine, r); over != 0 {
			assert.Fail(w.t, "made", "%s, by %s, made %s that grants %s with %s", a.name, c.name, what.text, r.perm, over)
			return false
		}
	}
	for r, scope := range w.heldByAll()[what.credential] {
		if !what.org.IsZero() && r.org != what.org {
			continue
		}
		if over := scope &^ usermgmt.ScopeShared &^ w.mayPass(mine, r); over != 0 && what.credential != a.id {
			assert.Fail(w.t, "became", "%s, by %s of %s, can be %s, who holds %s with %s", a.name, c.name, what.text, w.names[what.credential], r.perm, over)
			return false
		}
	}
	return true
}

// opened reports whether a right on an object of an application was held, by somebody in
// the teams, and has only come into reach: beyond is what is held now and was not. What
// has come to be shared besides must not be all that allows it.
func (w *world) opened(a admin, q question, teams []usermgmt.TeamID, was, beyond usermgmt.Scope) bool {
	if beyond == 0 {
		return true
	}
	if beyond != usermgmt.ScopeShared {
		return false
	}
	if was.Has(usermgmt.ScopeShared) || w.ownRelation(a, q) {
		return true
	}
	of := w.records[q.record].OwnerTeams
	return slices.ContainsFunc(teams, func(t usermgmt.TeamID) bool {
		return was.Has(usermgmt.ScopeTeam) && slices.Contains(of, t) || was.Has(usermgmt.ScopeHierarchy) && w.below(t, q)
	})
}

// teamsOf are the teams of somebody, in every organization.
func (w *world) teamsOf(a admin) (out []usermgmt.TeamID) {
	mems, err := w.Store.MembershipsOf(w.t.Context(), a.id)
	require.NoError(w.t, err)
	for _, m := range mems {
		for _, t := range m.Teams {
			out = append(out, t.Team)
		}
	}
	return out
}

// ownRelation reports whether somebody may do something by another relation than by
// what is shared.
func (w *world) ownRelation(a admin, q question) bool {
	return w.inEach(a, func(m *usermgmt.Manager, actor usermgmt.Actor) bool {
		x, err := m.Access().Explain(w.t.Context(), actor, q.perm, &w.records[q.record].Record)
		require.NoError(w.t, err)
		return x.Allowed && x.Relation != usermgmt.ScopeShared
	})
}

// below reports whether the question is about the records of the team or of one below
// it. Who reaches the records of a team that is moved is what its place decides.
func (w *world) below(team usermgmt.TeamID, q question) bool {
	teams := w.records[q.record].OwnerTeams
	if team.IsZero() || len(teams) == 0 {
		return false
	}
	for at := teams[0]; !at.IsZero(); {
		if at == team {
			return true
		}
		t, err := w.Store.TeamByID(w.t.Context(), at)
		if err != nil { // it was deleted
			return false
		}
		at = t.Parent
	}
	return false
}

// limited are the objects that belong to an application. Which application one is in
// is no right: rights on its objects are held in all of them (docs/design.md).
func (w *world) limited() map[string]bool {
	out := map[string]bool{}
	for _, id := range w.apps {
		if app, err := w.Store.ApplicationByID(w.t.Context(), id); err == nil {
			for _, o := range app.Objects {
				out[o] = true
			}
		}
	}
	return out
}

func object(p usermgmt.Permission) string {
	o, _, _ := strings.Cut(string(p), ".")
	return o
}

// right is a permission in an organization.
type right struct {
	org  usermgmt.OrgID
	perm usermgmt.Permission
}

// mayPass is the scope of a right that somebody who holds mine may give or become:
// what they hold there, what they hold system-wide, or what everybody has.
func (w *world) mayPass(mine map[right]usermgmt.Scope, r right) usermgmt.Scope {
	s := mine[r] | w.everybody[r.perm]
	for _, org := range w.orgs {
		other := mine[right{org, r.perm}]
		if other.Has(usermgmt.ScopeSystem) {
			return ^usermgmt.Scope(0)
		}
		s |= other & usermgmt.ScopeOwn // the narrowest is held anywhere
	}
	return s
}

func (w *world) describe(q question) string {
	return fmt.Sprintf("%s on %s in %s", q.perm, w.records[q.record].name, w.orgNames[w.records[q.record].Org])
}
