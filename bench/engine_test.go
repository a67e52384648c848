package bench

import (
	"fmt"
	"strconv"
	"testing"
)

// An engine knows a world and answers questions about it. A failure of the
// engine itself fails the test.
type engine interface {
	// ask prepares a question. What it returns only decides.
	ask(q question) func() bool
	// fresh answers a question with all that a request needs after the world may
	// have changed.
	fresh(q question) bool
	// take takes a role away from a user, and give gives it back, both after the
	// world itself has changed.
	take(user, role int)
	give(user, role int)
	// move hangs a team in below another one of the organization.
	move(team, from, to int)
	// list finds those of the teams on whose records the user has the permission.
	list(user, perm int, teams []int) map[int]bool
	close()
}

// A maker makes an engine that knows the world.
type maker struct {
	name string
	make func(testing.TB, *world) engine
	// most is the number of users that the engine can bear here; 0 is any.
	most int
	// stale: roles taken away are still answered from a cache.
	stale bool
	// fixed: the engine is asked only; its caller changes nothing.
	fixed bool
}

// makers are the engines, with the peers that take long to compile last; see
// peers_test.go.
var makers = append([]maker{
	{name: "usermgmt", make: newOurs},
	{name: "casbin", make: newCasbin},
	{name: "casbin-cached", make: newCasbinCached, stale: true},
	{name: "cedar", make: newCedar},
	{name: "cedar-sliced", make: newCedarSliced, fixed: true},
}, peers...)

// The names of things, for the engines that know them by strings.
func userName(i int) string  { return "user" + strconv.Itoa(i) }
func teamName(i int) string  { return "team" + strconv.Itoa(i) }
func roleName(i int) string  { return "role" + strconv.Itoa(i) }
func orgName(i int) string   { return "org" + strconv.Itoa(i) }
func shareName(i int) string { return fmt.Sprintf("share%d", i) }

// seenName is the role that a record is visible to, or "".
func (q question) seenName() string {
	if q.seen < 0 {
		return ""
	}
	return roleName(q.seen)
}

// teamsOf are the teams of an organization, at most n, spread over it.
func (w *world) teamsOf(org, n int) []int {
	var all []int
	for t := range w.teams {
		if w.teams[t].org == org {
			all = append(all, t)
		}
	}
	if len(all) <= n {
		return all
	}
	out := make([]int, n)
	for i := range out {
		out[i] = all[i*len(all)/n]
	}
	return out
}
