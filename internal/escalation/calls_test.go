package escalation_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/usermgmt/usermgmt"
)

// effect is what a call was about, whose credential the caller got by it, for one
// organization or, with the zero one, for all, what role or profile was made, what
// one that is gone granted, and which team was moved.
type effect struct {
	text       string
	credential usermgmt.UserID
	org        usermgmt.OrgID
	role       usermgmt.RoleID
	profile    usermgmt.ProfileID
	gone       map[right]usermgmt.Scope
	moved      usermgmt.TeamID
}

// call is a kind of change with random arguments.
type call struct {
	name string
	call func(w *world, a usermgmt.Actor) (effect, error)
}

func one[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func (w *world) user() usermgmt.UserID { return one(w.random, w.users) }
func (w *world) team() usermgmt.TeamID { return w.teams[w.here(len(w.teams))] }
func (w *world) unit() usermgmt.UnitID { return w.units[w.here(len(w.units))] }
func (w *world) role() usermgmt.RoleID { return one(w.random, w.roles) }

// here is the number of a team or unit, seldom that of Beta, which is 1.
func (w *world) here(n int) int {
	if i := w.random.IntN(n); i != 1 || w.random.IntN(10) == 0 {
		return i
	}
	return 0
}

// org is mostly Acme.
func (w *world) org() usermgmt.OrgID { return w.orgs[btoi(w.random.IntN(10) == 0)] }

// profile is every other time that of regular users.
func (w *world) profile() usermgmt.ProfileID {
	if w.random.IntN(2) == 0 {
		return w.profiles[0]
	}
	return one(w.random, w.profiles)
}

func (w *world) name(kind string) string {
	w.n++
	return fmt.Sprint(kind, " number ", w.n)
}

// assignments are one or two roles, now and then for a time or from a time on.
func (w *world) assignments() (out []usermgmt.RoleAssignment) {
	for range 1 + w.random.IntN(5)/4 {
		r := usermgmt.RoleAssignment{Role: w.role()}
		switch w.random.IntN(8) {
		case 0:
			r.From = w.Clock.Now().Add(period)
		case 1:
			r.Until = w.Clock.Now().Add(period)
		}
		if len(out) == 0 || out[0].Role != r.Role {
			out = append(out, r)
		}
	}
	return out
}

func about(format string, args ...any) effect { return effect{text: fmt.Sprintf(format, args...)} }

// membership changes the membership of a random user.
func membership(change func(w *world, u *usermgmt.MembershipUpdate)) func(w *world, a usermgmt.Actor) (effect, error) {
	return func(w *world, a usermgmt.Actor) (effect, error) {
		user, org := w.user(), w.org()
		mem, err := w.Store.MembershipOf(w.t.Context(), user, org)
		if err != nil {
			return effect{}, err
		}
		var u usermgmt.MembershipUpdate
		change(w, &u)
		_, err = w.Members().Update(w.t.Context(), a, user, org, mem.Version, u)
		return about("%s in %s", w.names[user], w.orgNames[org]), err
	}
}

// structureCalls are about roles, teams, units, applications and memberships.
var structureCalls = []call{
	{"Roles.Create", func(w *world, a usermgmt.Actor) (effect, error) {
		r, err := w.Roles().Create(w.t.Context(), a, usermgmt.NewRole{Org: a.Org(), Name: w.name("role"), Grants: w.grants(3)})
		if err != nil {
			return effect{}, err
		}
		w.roles = append(w.roles, r.ID)
		return effect{text: "a role", role: r.ID}, nil
	}},
	{"Roles.Update", func(w *world, a usermgmt.Actor) (effect, error) {
		r, err := w.Store.RoleByID(w.t.Context(), w.role())
		if err != nil {
			return effect{}, err
		}
		grants := w.grants(3)
		if w.random.IntN(2) == 0 && len(r.Grants) > 0 { // take one away
			i := w.random.IntN(len(r.Grants))
			grants = append(append([]usermgmt.Grant(nil), r.Grants[:i]...), r.Grants[i+1:]...)
		}
		_, err = w.Roles().Update(w.t.Context(), a, r.ID, r.Version, usermgmt.RoleUpdate{Grants: &grants})
		return about("%s to %v", r.Name, grants), err
	}},
	{"Roles.Clone", func(w *world, a usermgmt.Actor) (effect, error) {
		r, err := w.Roles().Clone(w.t.Context(), a, w.role(), a.Org(), w.name("copy"))
		if err != nil {
			return effect{}, err
		}
		w.roles = append(w.roles, r.ID)
		return effect{text: "a role", role: r.ID}, nil
	}},
	{"Roles.Delete", func(w *world, a usermgmt.Actor) (effect, error) {
		r, err := w.Store.RoleByID(w.t.Context(), w.role())
		if err != nil {
			return effect{}, err
		}
		gone := w.grantedBy(effect{role: r.ID}, r.Org)
		return effect{text: "a role", gone: gone}, w.Roles().Delete(w.t.Context(), a, r.ID)
	}},
	{"Profiles.Create", func(w *world, a usermgmt.Actor) (effect, error) {
		p, err := w.Profiles().Create(w.t.Context(), a, usermgmt.NewProfile{Org: a.Org(), Name: w.name("profile"), Grants: w.grants(3)})
		if err != nil {
			return effect{}, err
		}
		w.profiles = append(w.profiles, p.ID)
		return effect{text: "a profile", profile: p.ID}, nil
	}},
	{"Profiles.Update", func(w *world, a usermgmt.Actor) (effect, error) {
		p, err := w.Store.ProfileByID(w.t.Context(), one(w.random, w.profiles))
		if err != nil {
			return effect{}, err
		}
		grants := append(w.grants(2), p.Grants[:w.random.IntN(len(p.Grants)+1)]...)
		_, err = w.Profiles().Update(w.t.Context(), a, p.ID, p.Version, usermgmt.ProfileUpdate{Grants: &grants})
		return about("%s to %v", p.Name, grants), err
	}},
	{"Profiles.Clone", func(w *world, a usermgmt.Actor) (effect, error) {
		p, err := w.Profiles().Clone(w.t.Context(), a, one(w.random, w.profiles), a.Org(), w.name("copy"))
		if err != nil {
			return effect{}, err
		}
		w.profiles = append(w.profiles, p.ID)
		return effect{text: "a profile", profile: p.ID}, nil
	}},
	{"Members.Update roles", membership(func(w *world, u *usermgmt.MembershipUpdate) {
		roles := w.assignments()
		u.Roles = &roles
	})},
	{"Members.Update profile", membership(func(w *world, u *usermgmt.MembershipUpdate) {
		p := w.profile()
		u.Profile = &p
	})},
	{"Members.Update teams", membership(func(w *world, u *usermgmt.MembershipUpdate) {
		first, second := w.team(), w.team()
		teams := []usermgmt.TeamAssignment{{Team: first}}
		if second != first {
			a := usermgmt.TeamAssignment{Team: second}
			switch w.random.IntN(8) {
			case 0:
				a.From = w.Clock.Now().Add(period)
			case 1:
				a.Until = w.Clock.Now().Add(period)
			}
			teams = append(teams, a)
		}
		u.Teams, u.PrimaryTeam = &teams, &first
	})},
	{"Members.Update units", membership(func(w *world, u *usermgmt.MembershipUpdate) {
		units := []usermgmt.UnitID{w.unit(), w.unit()}[:1+w.random.IntN(2)]
		u.Units = &units
	})},
	{"Members.Add", func(w *world, a usermgmt.Actor) (effect, error) {
		user, in := w.user(), w.random.IntN(2)
		org, team := w.orgs[in], w.teams[in]
		_, err := w.Members().Add(w.t.Context(), a, user, org, usermgmt.NewMembership{Profile: w.profile(), PrimaryTeam: team, Roles: w.assignments()})
		return about("%s to %s", w.names[user], w.orgNames[org]), err
	}},
	{"Members.End", func(w *world, a usermgmt.Actor) (effect, error) {
		if w.random.IntN(5) > 0 { // people should stay
			return effect{}, usermgmt.ErrConflict
		}
		user := w.user()
		return about("%s", w.names[user]), w.Members().End(w.t.Context(), a, user, one(w.random, w.orgs))
	}},
	{"Teams.Create", func(w *world, a usermgmt.Actor) (effect, error) {
		t, err := w.Teams().Create(w.t.Context(), a, usermgmt.NewTeam{Parent: w.team(), Name: w.name("team")})
		if err == nil {
			w.teams = append(w.teams, t.ID)
		}
		return about("a team"), err
	}},
	{"Teams.Update", func(w *world, a usermgmt.Actor) (effect, error) {
		t, err := w.Store.TeamByID(w.t.Context(), w.team())
		if err != nil {
			return effect{}, err
		}
		parent := w.team()
		_, err = w.Teams().Update(w.t.Context(), a, t.ID, t.Version, usermgmt.TeamUpdate{Parent: &parent})
		return effect{text: t.Name + " below another", moved: t.ID}, err
	}},
	{"Teams.AddMember", func(w *world, a usermgmt.Actor) (effect, error) {
		user := w.user()
		return about("%s", w.names[user]), w.Teams().AddMember(w.t.Context(), a, w.team(), user, usermgmt.TeamChange{})
	}},
	{"Teams.RemoveMember", func(w *world, a usermgmt.Actor) (effect, error) {
		user := w.user()
		return about("%s", w.names[user]), w.Teams().RemoveMember(w.t.Context(), a, w.team(), user)
	}},
	{"Units.Create", func(w *world, a usermgmt.Actor) (effect, error) {
		u, err := w.Units().Create(w.t.Context(), a, usermgmt.NewUnit{Parent: w.unit(), Name: w.name("unit")})
		if err == nil {
			w.units = append(w.units, u.ID)
		}
		return about("a unit"), err
	}},
	{"Units.Update", func(w *world, a usermgmt.Actor) (effect, error) {
		u, err := w.Store.UnitByID(w.t.Context(), w.unit())
		if err != nil {
			return effect{}, err
		}
		parent := w.unit()
		_, err = w.Units().Update(w.t.Context(), a, u.ID, u.Version, usermgmt.UnitUpdate{Parent: &parent})
		return about("%s below another", u.Name), err
	}},
	{"Applications.Create", func(w *world, a usermgmt.Actor) (effect, error) {
		if len(w.apps) > 3 {
			return effect{}, usermgmt.ErrConflict
		}
		app, err := w.Applications().Create(w.t.Context(), a, usermgmt.NewApplication{Org: a.Org(), Name: w.name("app"),
			Objects: [][]string{nil, {"lead"}, {"deal"}}[w.random.IntN(3)]})
		if err == nil {
			w.apps = append(w.apps, app.ID)
		}
		return about("an application"), err
	}},
	{"Applications.Update", func(w *world, a usermgmt.Actor) (effect, error) {
		app, err := w.Store.ApplicationByID(w.t.Context(), one(w.random, w.apps))
		if err != nil {
			return effect{}, err
		}
		objects := [][]string{nil, {"lead"}, {"deal"}}[w.random.IntN(3)]
		_, err = w.Applications().Update(w.t.Context(), a, app.ID, app.Version, usermgmt.ApplicationUpdate{Objects: &objects})
		return about("%s from %v to %v", app.Name, app.Objects, objects), err
	}},
	{"Applications.Grant", func(w *world, a usermgmt.Actor) (effect, error) {
		req := usermgmt.AccessRequest{Application: one(w.random, w.apps), Roles: w.assignments()}
		if w.random.IntN(2) == 0 {
			req.User = w.user()
		} else {
			req.Team = w.team()
		}
		_, err := w.Applications().Grant(w.t.Context(), a, req)
		return about("%s or a team, of %v", w.names[req.User], req.Roles), err
	}},
	{"Applications.Revoke", func(w *world, a usermgmt.Actor) (effect, error) {
		if w.random.IntN(2) == 0 {
			return about("a user"), w.Applications().Revoke(w.t.Context(), a, one(w.random, w.apps), w.user(), usermgmt.TeamID{})
		}
		return about("a team"), w.Applications().Revoke(w.t.Context(), a, one(w.random, w.apps), usermgmt.UserID{}, w.team())
	}},
	{"Sharing.Create", func(w *world, a usermgmt.Actor) (effect, error) {
		n := usermgmt.NewSharing{Name: w.name("policy"), Owning: w.team(), OwningSubteams: w.random.IntN(2) == 0, Sharing: []usermgmt.TeamID{w.team()},
			SharingSubteams: w.random.IntN(2) == 0, Model: usermgmt.SharingModel(1 + w.random.IntN(3)), //nolint:gosec // small
			Permissions: []usermgmt.Permission{one(w.random, []usermgmt.Permission{"lead.view", "lead.edit", "user.edit", "team.edit"})}}
		if w.random.IntN(3) == 0 {
			n.Roles = []usermgmt.RoleID{w.role()}
		}
		p, err := w.Sharing().Create(w.t.Context(), a, n)
		if err == nil {
			w.policies = append(w.policies, p.ID)
		}
		return about("%s %s", n.Model, n.Permissions), err
	}},
	{"Sharing.Update", func(w *world, a usermgmt.Actor) (effect, error) {
		p, err := w.Store.SharingByID(w.t.Context(), one(w.random, w.policies))
		if err != nil {
			return effect{}, err
		}
		var u usermgmt.SharingUpdate
		team, teams, model := w.team(), append(p.Sharing, w.team()), usermgmt.SharingModel(1+w.random.IntN(3)) //nolint:gosec // small
		yes, roles, perms := true, []usermgmt.RoleID(nil), append(p.Permissions, "lead.delete")
		switch w.random.IntN(7) {
		case 0:
			u.Owning = &team
		case 1:
			u.Sharing = &teams
		case 2:
			u.Model = &model
		case 3:
			u.OwningSubteams = &yes
		case 4:
			u.SharingSubteams = &yes
		case 5:
			u.Roles = &roles
		case 6:
			u.Permissions = &perms
		}
		_, err = w.Sharing().Update(w.t.Context(), a, p.ID, p.Version, u)
		return about("%s", p.Name), err
	}},
	{"Sharing.Delete", func(w *world, a usermgmt.Actor) (effect, error) {
		if w.random.IntN(4) > 0 {
			return effect{}, usermgmt.ErrConflict
		}
		return about("a policy"), w.Sharing().Delete(w.t.Context(), a, one(w.random, w.policies))
	}},
	{"Profiles.Delete", func(w *world, a usermgmt.Actor) (effect, error) {
		p, err := w.Store.ProfileByID(w.t.Context(), one(w.random, w.profiles))
		if err != nil {
			return effect{}, err
		}
		org := p.Org
		if org.IsZero() {
			org = a.Org()
		}
		gone := w.grantedBy(effect{profile: p.ID}, org)
		return effect{text: "a profile", gone: gone}, w.Profiles().Delete(w.t.Context(), a, p.ID)
	}},
	{"Teams.Delete", func(w *world, a usermgmt.Actor) (effect, error) {
		return about("a team"), w.Teams().Delete(w.t.Context(), a, w.team())
	}},
	{"Units.Delete", func(w *world, a usermgmt.Actor) (effect, error) {
		return about("a unit"), w.Units().Delete(w.t.Context(), a, w.unit())
	}},
	{"Applications.Delete", func(w *world, a usermgmt.Actor) (effect, error) {
		return about("an application"), w.Applications().Delete(w.t.Context(), a, one(w.random, w.apps))
	}},
	{"Orgs.Update", seldom(5, func(w *world, a usermgmt.Actor) (effect, error) {
		o, err := w.Store.OrgByID(w.t.Context(), w.org())
		if err != nil {
			return effect{}, err
		}
		to := !o.SwitchRoles && w.random.IntN(2) == 0
		_, err = w.Orgs().Update(w.t.Context(), a, o.ID, o.Version, usermgmt.OrganizationUpdate{SwitchRoles: &to})
		if err == nil {
			w.switched[o.ID] = to
		}
		return about("%s, roles are switched: %t", w.orgNames[o.ID], to), err
	})},
}

// unsearched says why the search does not make a call, or none of a service.
var unsearched = map[string]string{
	"Access.":              "asks",
	"Audit.":               "reads, or records what the host says",
	"Candidates.":          "reads",
	"Exports.":             "reads",
	"Auth.":                "proves who somebody is; all roles that can be in force are looked at",
	"Fields.":              "no object here is seen by the values of a field",
	"Groups.":              "no right depends on it",
	"Licences.":            "no right depends on it",
	"Questions.":           "of oneself",
	"Sessions.":            "ends what there is",
	"Settings.":            "they exempt from logins as somebody, and allow nothing",
	"APIKeys.Delete":       "takes away",
	"APIKeys.ReportLeak":   "takes away",
	"Factors.Confirm":      "of oneself",
	"Factors.Enroll":       "of oneself",
	"Factors.Prove":        "of oneself",
	"Factors.Remove":       "of oneself",
	"Factors.RenewCodes":   "of oneself",
	"Factors.SendCode":     "of oneself",
	"Imports.Users":        "is Imports.UsersSeq of a file",
	"Invitations.Accept":   "is a part of Invitations.Send",
	"Invitations.Register": "is a part of Invitations.Send",
	"Invitations.Resend":   "changes nothing of the plan",
	"Invitations.Revoke":   "takes away",
	"Orgs.Create":          "nobody has anything in it",
	"Orgs.GrantSupport":    "is the customer's consent to be looked at",
	"Orgs.RevokeSupport":   "takes away",
	"Orgs.SetEnabled":      "takes away, or gives back what there was",
	"Passwords.Change":     "of oneself",
	"Passwords.Forgot":     "goes to whose address it is",
	"Passwords.Redeem":     "for who was mailed the link",
	"Passwords.ResetMany":  "is Passwords.Reset for many",
	"Passwords.Suggest":    "is random text",
	"Proxy.NameDeputy":     "gives what oneself has, as it is meant",
	"Proxy.Support":        "with the customer's consent, as it is meant",
	"Proxy.SwitchBack":     "goes back",
	"Proxy.WithdrawDeputy": "takes away",
	"Users.ChangeEmail":    "of oneself",
	"Users.ConfirmEmail":   "for who was mailed the link",
	"Users.VerifyEmail":    "of oneself",
	"Users.Deactivate":     "takes away",
	"Users.Erase":          "takes away",
	"Users.Reactivate":     "is Users.Enable",
	"Users.EnableMany":     "is Users.Enable for many",
	"Users.SetAvatar":      "no right depends on it",
}

// reads are the names of methods that change nothing.
var reads = strings.Fields("Get List ListOf Mine Shipped Access Actions Avatar Checkpoint Deputies Grants History Prepare Status SubjectReport SupportVisits View WhoMayActAs")

func TestEveryMethodIsSearchedOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	searched := map[string]bool{}
	for _, c := range calls {
		searched[strings.Fields(c.name)[0]] = true
	}
	said := map[string]bool{}
	for get := range reflect.TypeFor[*usermgmt.Manager]().Methods() {
		if get.Type.NumIn() != 1 || get.Type.NumOut() != 1 || get.Type.Out(0).Kind() != reflect.Pointer {
			continue
		}
		for m := range get.Type.Out(0).Methods() {
			name := get.Name + "." + m.Name
			excuse := ""
			for _, why := range []string{name, get.Name + "."} {
				if unsearched[why] != "" {
					excuse, said[why] = unsearched[why], true
				}
			}
			if slices.Contains(reads, m.Name) {
				excuse = "reads"
			}
			assert.True(t, searched[name] != (excuse != ""), "%s: searched %t, excused by %q", name, searched[name], excuse)
		}
	}
	for why := range unsearched {
		assert.True(t, said[why], "there is no %s", why)
	}
}
