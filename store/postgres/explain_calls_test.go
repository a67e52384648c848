package postgres_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt"
)

func bigGet[T any](name string, do func(ctx context.Context, s usermgmt.Store) (T, error)) bigCall {
	return bigCall{name: name, do: func(ctx context.Context, s usermgmt.Store) (int, error) {
		_, err := do(ctx, s)
		if errors.Is(err, usermgmt.ErrNotFound) {
			return 0, nil
		}
		return 1, err
	}}
}

func bigList[T any](name string, do func(ctx context.Context, s usermgmt.Store) ([]T, error)) bigCall {
	return bigCall{name: name, do: func(ctx context.Context, s usermgmt.Store) (int, error) {
		rows, err := do(ctx, s)
		return len(rows), err
	}}
}

// bigWrite is a write. That it has nothing to change does not matter.
func bigWrite(name string, do func(ctx context.Context, s usermgmt.Store) error) bigCall {
	return bigCall{name: name, once: true, do: func(ctx context.Context, s usermgmt.Store) (int, error) {
		err := do(ctx, s)
		for _, fine := range []error{usermgmt.ErrNotFound, usermgmt.ErrConflict, usermgmt.ErrStale} {
			if errors.Is(err, fine) {
				return 0, nil
			}
		}
		return 1, err
	}}
}

// The identifiers of the large database.
func bigOrg(i int) usermgmt.OrgID         { return bigID(anOrg, i) }
func bigUnit(i int) usermgmt.UnitID       { return bigID(aUnit, i) }
func bigTeam(i int) usermgmt.TeamID       { return bigID(aTeam, i) }
func bigUser(i int) usermgmt.UserID       { return bigID(aUser, i) }
func bigRole(i int) usermgmt.RoleID       { return bigID(aRole, i) }
func bigProfile(i int) usermgmt.ProfileID { return bigID(aProfile, i) }
func bigSession(i int) usermgmt.SessionID { return bigID(aSession, i) }

func bigHash(kind, i int) [32]byte {
	id := bigID(kind, i)
	return sha256.Sum256(id[:])
}

// bigCalls are calls of all methods with large tables.
func bigCalls(users int) []bigCall {
	return slices.Concat(bigLookups(users), bigLists(users), bigUserLists(users), bigFactors(users), bigSeals(), bigTokenCalls(users),
		bigJobCalls(users), bigActingCalls(users), bigRecordCalls(users), bigWrites(users))
}

func bigLookups(users int) []bigCall {
	type st = usermgmt.Store
	type c = context.Context
	u := bigUser(users/2 + 1)
	many := make([]usermgmt.UserID, 500)
	for i := range many {
		many[i] = bigUser(1 + i*(users/600))
	}
	return []bigCall{
		bigGet("OrgByID", func(x c, s st) (usermgmt.Organization, error) { return s.OrgByID(x, bigOrg(1)) }),
		bigGet("OrgByName", func(x c, s st) (usermgmt.Organization, error) { return s.OrgByName(x, "org 1") }),
		bigGet("Policy", func(x c, s st) (usermgmt.PolicySet, error) { return s.Policy(x, bigOrg(1)) }),
		bigGet("Trees", func(x c, s st) (usermgmt.TreeSet, error) { return s.Trees(x, bigOrg(1)) }),
		bigGet("UnitByID", func(x c, s st) (usermgmt.BusinessUnit, error) { return s.UnitByID(x, bigUnit(77)) }),
		bigGet("TeamByID", func(x c, s st) (usermgmt.Team, error) { return s.TeamByID(x, bigTeam(77)) }),
		bigGet("SharingByID", func(x c, s st) (usermgmt.SharingPolicy, error) { return s.SharingByID(x, bigID(aSharing, 7)) }),
		bigGet("UserByID", func(x c, s st) (usermgmt.User, error) { return s.UserByID(x, u) }),
		bigList("UsersByID 500", func(x c, s st) ([]usermgmt.User, error) { return s.UsersByID(x, many) }),
		bigGet("AccountByLogin", func(x c, s st) (usermgmt.Account, error) { return s.AccountByLogin(x, "anan1@example.test") }),
		bigGet("AccountByLogin unknown", func(x c, s st) (usermgmt.Account, error) { return s.AccountByLogin(x, "nobody") }),
		bigGet("AccountByID", func(x c, s st) (usermgmt.Account, error) { return s.AccountByID(x, u) }),
		bigList("UsersByLogin", func(x c, s st) ([]usermgmt.User, error) {
			return s.UsersByLogin(x, []string{"nobody", "anan1", "fribe400@example.test"})
		}),
		bigList("UsersByExternalID", func(x c, s st) ([]usermgmt.User, error) {
			return s.UsersByExternalID(x, "ldap", []string{"cn=400", "cn=404", "cn=7"})
		}),
		bigGet("UserByExternalID", func(x c, s st) (usermgmt.User, error) { return s.UserByExternalID(x, "ldap", "cn=400") }),
		bigGet("MembershipOf", func(x c, s st) (usermgmt.Membership, error) { return s.MembershipOf(x, u, bigOrg(1)) }),
		bigList("MembershipsOf", func(x c, s st) ([]usermgmt.Membership, error) { return s.MembershipsOf(x, u) }),
		bigList("Memberships 500", func(x c, s st) ([]usermgmt.Membership, error) { return s.Memberships(x, bigOrg(1), many) }),
		bigGet("RoleByID", func(x c, s st) (usermgmt.Role, error) { return s.RoleByID(x, bigRole(7)) }),
		bigGet("ProfileByID", func(x c, s st) (usermgmt.AccessProfile, error) { return s.ProfileByID(x, bigProfile(7)) }),
		bigGet("ProfileByName", func(x c, s st) (usermgmt.AccessProfile, error) {
			return s.ProfileByName(x, usermgmt.OrgID{}, "profile 7")
		}),
		bigGet("ApplicationByID", func(x c, s st) (usermgmt.Application, error) {
			return s.ApplicationByID(x, bigID(anApplication, 7))
		}),
		bigGet("AccessByID", func(x c, s st) (usermgmt.AccessEntry, error) { return s.AccessByID(x, bigID(anAccess, 7)) }),
		bigList("AccessOf", func(x c, s st) ([]usermgmt.AccessEntry, error) { return s.AccessOf(x, bigUser(27), bigOrg(1)) }),
		bigGet("OrgStanding", func(x c, s st) (usermgmt.Standing, error) { return s.OrgStanding(x, bigOrg(1)) }),
		bigGet("StandingOf", func(x c, s st) (usermgmt.Standing, error) { return s.StandingOf(x, u, bigOrg(1)) }),
		bigGet("StandingOf user", func(x c, s st) (usermgmt.Standing, error) { return s.StandingOf(x, u, usermgmt.OrgID{}) }),
		bigGet("SessionByToken", func(x c, s st) (usermgmt.SessionView, error) { return s.SessionByToken(x, bigHash(aSession, 400)) }),
		bigGet("SessionByID", func(x c, s st) (usermgmt.SessionView, error) { return s.SessionByID(x, bigSession(401)) }),
		bigGet("APIKeyByHash", func(x c, s st) (usermgmt.KeyView, error) { return s.APIKeyByHash(x, bigHash(aKey, 21)) }),
		bigGet("APIKeyOf", func(x c, s st) (usermgmt.APIKey, error) { return s.APIKeyOf(x, bigUser(21), bigOrg(1)) }),
		bigGet("ProxyListOf", func(x c, s st) (usermgmt.ProxyList, error) { return s.ProxyListOf(x, bigUser(9), bigOrg(1)) }),
	}
}

func bigLists(users int) []bigCall {
	type st = usermgmt.Store
	type c = context.Context
	page := usermgmt.ListQuery{Limit: 50}
	named := usermgmt.ListQuery{Limit: 50, Search: "77", After: usermgmt.Position{Key: "n"}}
	out := []bigCall{
		bigList("ListOrgs", func(x c, s st) ([]usermgmt.Organization, error) { return s.ListOrgs(x, named) }),
		bigList("ListUnits", func(x c, s st) ([]usermgmt.BusinessUnit, error) { return s.ListUnits(x, bigOrg(1), page) }),
		bigList("ListUnits search", func(x c, s st) ([]usermgmt.BusinessUnit, error) { return s.ListUnits(x, bigOrg(1), named) }),
		bigList("ListTeams search", func(x c, s st) ([]usermgmt.Team, error) { return s.ListTeams(x, bigOrg(1), named) }),
		bigList("ListAccess", func(x c, s st) ([]usermgmt.AccessEntry, error) {
			return s.ListAccess(x, bigOrg(1), bigID(anApplication, 8), usermgmt.ListQuery{Limit: 50, After: usermgmt.Position{ID: bigID(anAccess, users/2)}})
		}),
		bigList("ListSessions", func(x c, s st) ([]usermgmt.Session, error) { return s.ListSessions(x, bigUser(7), 50) }),
		bigList("ListMessages", func(x c, s st) ([]usermgmt.Message, error) { return s.ListMessages(x, false, page) }),
		bigList("ListMessages pending", func(x c, s st) ([]usermgmt.Message, error) { return s.ListMessages(x, true, page) }),
	}
	for name, q := range map[string]usermgmt.AuditQuery{
		"":                   {},
		"org":                {Org: bigOrg(1)},
		"small org":          {Org: bigOrg(9)},
		"operator":           {Operator: bigUser(9)},
		"operator in org":    {Operator: bigUser(9), Org: bigOrg(9)},
		"subject":            {Subject: bigUser(9)},
		"target":             {Target: bigUser(9).String()},
		"verb":               {Verb: "user.delete"},
		"verb in org":        {Verb: "user.delete", Org: bigOrg(9)},
		"operation":          {Operation: bigID(14, 99)},
		"outcome":            {Org: bigOrg(1), Outcome: usermgmt.Outcome(2)},
		"time":               {Org: bigOrg(1), From: time.Now().Add(-9000 * time.Hour), Until: time.Now().Add(-7000 * time.Hour)},
		"time, whole store":  {From: time.Now().Add(-7150 * time.Hour), Until: time.Now().Add(-7100 * time.Hour)},
		"visible units":      {Org: bigOrg(1), Visible: &usermgmt.Filter{Org: bigOrg(1), UnitTrees: []usermgmt.UnitID{bigUnit(5)}}},
		"visible small tree": {Org: bigOrg(1), Visible: &usermgmt.Filter{Org: bigOrg(1), UnitTrees: []usermgmt.UnitID{bigUnit(9900)}}},
		"visible teams":      {Org: bigOrg(1), Visible: &usermgmt.Filter{Org: bigOrg(1), Teams: []usermgmt.TeamID{bigTeam(4900)}}},
		"visible owners":     {Org: bigOrg(1), Visible: &usermgmt.Filter{Org: bigOrg(1), Owners: []usermgmt.UserID{bigUser(users - 1)}}},
	} {
		q.Limit = 50
		out = append(out, bigList("ListAudit "+name, func(x c, s st) ([]usermgmt.AuditEntry, error) { return s.ListAudit(x, q) }))
	}
	return out
}

func bigSeals() []bigCall {
	type st = usermgmt.Store
	type c = context.Context
	org, now := bigOrg(1), time.Now()
	return []bigCall{
		bigList("UnsealedAudit", func(x c, s st) ([]usermgmt.AuditEntry, error) { return s.UnsealedAudit(x, now, 500) }),
		bigGet("LastSeal", func(x c, s st) (usermgmt.Seal, error) { return s.LastSeal(x, org) }),
		bigList("ListSealed", func(x c, s st) ([]usermgmt.SealedEntry, error) { return s.ListSealed(x, org, 1000, 1000) }),
		bigWrite("SealAudit", func(x c, s st) error {
			last, err := s.LastSeal(x, org)
			if err != nil {
				return err
			}
			open, err := s.UnsealedAudit(x, now, 500)
			if err != nil {
				return err
			}
			var seals []usermgmt.Seal
			for _, e := range open {
				if e.Org == org {
					last = usermgmt.Seal{Org: org, Number: last.Number + 1, Entry: e.ID, At: e.At, Class: e.Class, Count: e.Count}
					seals = append(seals, last)
				}
			}
			return s.SealAudit(x, seals...)
		}),
		bigWrite("PruneAudit of accesses", func(x c, s st) error {
			_, err := s.PruneAudit(x, usermgmt.AuditAccess, now.Add(-299*24*time.Hour), 500)
			return err
		}),
		bigWrite("PruneAudit of changes", func(x c, s st) error {
			_, err := s.PruneAudit(x, usermgmt.AuditChange, now.Add(-299*24*time.Hour), 500)
			return err
		}),
		bigWrite("EraseAudit", func(x c, s st) error {
			_, err := s.EraseAudit(x, bigUser(6001))
			return err
		}),
	}
}

func bigUserLists(users int) []bigCall {
	org, yes, no := bigOrg(1), true, false
	all := usermgmt.ViewAll
	vis := func(f usermgmt.Filter) *usermgmt.Filter {
		f.Org = org
		return &f
	}
	units, teams := []usermgmt.UnitID{bigUnit(5)}, []usermgmt.TeamID{bigTeam(4990)}
	queries := []struct {
		name string
		q    usermgmt.UserQuery
	}{
		{"", usermgmt.UserQuery{Org: org}},
		{"everybody", usermgmt.UserQuery{Org: org, View: all}},
		{"disabled", usermgmt.UserQuery{Org: org, View: usermgmt.ViewDisabled}},
		{"deactivated", usermgmt.UserQuery{Org: org, View: usermgmt.ViewDeactivated}},
		{"cannot log in", usermgmt.UserQuery{Org: org, View: usermgmt.ViewCannotLogIn, Now: time.Now()}},
		{"home", usermgmt.UserQuery{Org: org, Home: true}},
		{"of a small org", usermgmt.UserQuery{Org: bigOrg(9)}},
		{"disabled of a small org", usermgmt.UserQuery{Org: bigOrg(9), View: usermgmt.ViewDisabled}},
		{"profile, common", usermgmt.UserQuery{Org: org, Profile: bigProfile(1)}},
		{"profile, rare", usermgmt.UserQuery{Org: org, Profile: bigProfile(2)}},
		{"role, common", usermgmt.UserQuery{Org: org, Role: bigRole(1)}},
		{"role, rare", usermgmt.UserQuery{Org: org, Role: bigRole(190)}},
		{"role, nobody", usermgmt.UserQuery{Org: org, Role: bigRole(9999)}},
		{"team, large", usermgmt.UserQuery{Org: org, Team: bigTeam(1)}},
		{"team, small", usermgmt.UserQuery{Org: org, Team: bigTeam(4990)}},
		{"team tree of all", usermgmt.UserQuery{Org: org, TeamTree: bigTeam(1)}},
		{"team tree, middle", usermgmt.UserQuery{Org: org, TeamTree: bigTeam(7)}},
		{"team tree, small", usermgmt.UserQuery{Org: org, TeamTree: bigTeam(600)}},
		{"unit, large", usermgmt.UserQuery{Org: org, Unit: bigUnit(1)}},
		{"unit, small", usermgmt.UserQuery{Org: org, Unit: bigUnit(9990)}},
		{"unit tree of all", usermgmt.UserQuery{Org: org, UnitTree: bigUnit(1)}},
		{"unit tree, tenth", usermgmt.UserQuery{Org: org, UnitTree: bigUnit(5)}},
		{"unit tree, hundredth", usermgmt.UserQuery{Org: org, UnitTree: bigUnit(50)}},
		{"unit tree, small", usermgmt.UserQuery{Org: org, UnitTree: bigUnit(1100)}},
		{"kind, person", usermgmt.UserQuery{Org: org, Kind: usermgmt.KindPerson}},
		{"kind, service", usermgmt.UserQuery{Org: org, Kind: usermgmt.KindService}},
		{"newsletter", usermgmt.UserQuery{Org: org, Newsletter: &yes}},
		{"no newsletter", usermgmt.UserQuery{Org: org, Newsletter: &no}},
		{"search, common", usermgmt.UserQuery{Org: org, Search: "anan"}},
		{"search, middle", usermgmt.UserQuery{Org: org, Search: "kagan"}},
		{"search, many", usermgmt.UserQuery{Org: org, Search: "soka"}},
		{"search, few", usermgmt.UserQuery{Org: org, Search: "garaisn"}},
		{"search, rare", usermgmt.UserQuery{Org: org, Search: fmt.Sprint(users/2 + 12345)}},
		{"search, nobody", usermgmt.UserQuery{Org: org, Search: "zzzqqq"}},
		{"search, all", usermgmt.UserQuery{Org: org, Search: "example.test"}},
		{"search, one letter", usermgmt.UserQuery{Org: org, Search: "v"}},
		{"search, two letters", usermgmt.UserQuery{Org: org, Search: "va"}},
		{"search, two letters, nobody", usermgmt.UserQuery{Org: org, Search: "qq"}},
		{"search and unit", usermgmt.UserQuery{Org: org, Search: "an", Unit: bigUnit(9990)}},
		{"visible unit trees", usermgmt.UserQuery{Org: org, Visible: vis(usermgmt.Filter{UnitTrees: units})}},
		{"visible small unit tree", usermgmt.UserQuery{Org: org, Visible: vis(usermgmt.Filter{UnitTrees: []usermgmt.UnitID{bigUnit(1100)}})}},
		{"visible empty unit", usermgmt.UserQuery{Org: org, Visible: vis(usermgmt.Filter{Units: []usermgmt.UnitID{bigUnit(99999)}})}},
		{"visible teams", usermgmt.UserQuery{Org: org, Visible: vis(usermgmt.Filter{Teams: teams, At: time.Now()})}},
		{"visible team trees", usermgmt.UserQuery{Org: org, Visible: vis(usermgmt.Filter{TeamTrees: []usermgmt.TeamID{bigTeam(600)}})}},
		{"visible owners", usermgmt.UserQuery{Org: org, Visible: vis(usermgmt.Filter{Owners: []usermgmt.UserID{bigUser(21), bigUser(users / 2)}})}},
		{"visible units, teams and owners", usermgmt.UserQuery{Org: org, Visible: vis(usermgmt.Filter{
			UnitTrees: []usermgmt.UnitID{bigUnit(1100)}, Teams: teams, TeamTrees: teams, Owners: []usermgmt.UserID{bigUser(21)},
		})}},
		{"visible and search", usermgmt.UserQuery{Org: org, Search: "kagan", Visible: vis(usermgmt.Filter{UnitTrees: units})}},
		{"visible and disabled", usermgmt.UserQuery{Org: org, View: usermgmt.ViewDisabled, Visible: vis(usermgmt.Filter{UnitTrees: units})}},
		{"whole store", usermgmt.UserQuery{}},
		{"whole store, disabled", usermgmt.UserQuery{View: usermgmt.ViewDisabled}},
		{"whole store, cannot log in", usermgmt.UserQuery{View: usermgmt.ViewCannotLogIn, Now: time.Now()}},
		{"whole store, search", usermgmt.UserQuery{Search: "kagan"}},
		{"whole store, service", usermgmt.UserQuery{Kind: usermgmt.KindService}},
		{"whole store, newsletter", usermgmt.UserQuery{Newsletter: &yes}},
		{"whole store, visible units", usermgmt.UserQuery{Visible: vis(usermgmt.Filter{Units: []usermgmt.UnitID{bigUnit(9990)}})}},
		{"whole store, visible all", usermgmt.UserQuery{Visible: &usermgmt.Filter{Org: bigOrg(9), All: true}}},
		{"whole store, visible teams and units", usermgmt.UserQuery{Visible: vis(usermgmt.Filter{Teams: teams, Units: []usermgmt.UnitID{bigUnit(9990)}})}},
	}
	var out []bigCall
	list := func(name string, q usermgmt.UserQuery) {
		q.Limit = 50
		out = append(out, bigList("ListUsers "+name, func(ctx context.Context, s usermgmt.Store) ([]usermgmt.User, error) {
			return s.ListUsers(ctx, q)
		}))
	}
	for _, x := range queries {
		list(x.name, x.q)
		x.q.Sort, x.q.Desc = usermgmt.SortCreated, true
		list(x.name+", newest first", x.q)
	}
	for i, key := range []string{"kan, ", "kan", "kan", "2020-06-01T00:00:00.000000Z"} {
		for _, o := range []usermgmt.OrgID{org, {}} {
			for _, desc := range []bool{false, true} {
				list(fmt.Sprintf("deep, order %d, descending %t", i, desc), usermgmt.UserQuery{
					Org: o, Sort: usermgmt.UserSort(i), Desc: desc, After: usermgmt.Position{Key: key, ID: bigUser(1)},
				})
			}
		}
	}
	stream := func(name string, q usermgmt.UserQuery, most int) {
		out = append(out, bigCall{name: "StreamMembers " + name, do: func(ctx context.Context, s usermgmt.Store) (n int, err error) {
			for _, err := range s.StreamMembers(ctx, q) {
				if err != nil {
					return n, err
				}
				if n++; n == most {
					break
				}
			}
			return n, nil
		}})
	}
	stream("all", usermgmt.UserQuery{Org: org, View: all}, 0)
	stream("ten of all", usermgmt.UserQuery{Org: org, View: all, Sort: usermgmt.SortEmail}, 10)
	stream("ten of all, newest first", usermgmt.UserQuery{Org: org, Sort: usermgmt.SortCreated, Desc: true}, 10)
	stream("small unit", usermgmt.UserQuery{Org: org, Unit: bigUnit(9990)}, 0)
	stream("unit tree", usermgmt.UserQuery{Org: org, UnitTree: bigUnit(5)}, 0)
	stream("search", usermgmt.UserQuery{Org: org, Search: "kagan"}, 0)
	stream("visible", usermgmt.UserQuery{Org: org, Visible: vis(usermgmt.Filter{UnitTrees: units, Teams: teams})}, 0)
	stream("disabled", usermgmt.UserQuery{Org: org, View: usermgmt.ViewDisabled}, 0)
	stream("a small org", usermgmt.UserQuery{Org: bigOrg(9)}, 0)
	return out
}

func bigWrites(users int) []bigCall {
	type st = usermgmt.Store
	type c = context.Context
	id, org, now := bigUser(users/2+3), bigOrg(1), time.Now()
	return []bigCall{
		bigWrite("SaveUser", func(x c, s st) error {
			u, err := s.UserByID(x, id)
			if err != nil {
				return err
			}
			u.FirstName, u.SearchKey, u.EmailKey = "x", "x", "x@example.test"
			return s.SaveUser(x, u)
		}),
		bigWrite("SaveUser new", func(x c, s st) error {
			u, err := s.UserByID(x, id)
			u.ID, u.UsernameKey, u.EmailKey, u.Version, u.Source, u.ExternalID = bigUser(users+99), "new", "new@x", 0, "", ""
			return errors.Join(err, s.SaveUser(x, u))
		}),
		bigWrite("SaveMembership", func(x c, s st) error {
			m, err := s.MembershipOf(x, id, org)
			if err != nil {
				return err
			}
			m.Teams, m.PrimaryTeam = nil, usermgmt.TeamID{}
			return s.SaveMembership(x, m)
		}),
		bigWrite("SaveMembership new", func(x c, s st) error {
			m, err := s.MembershipOf(x, id, org)
			m.Version, m.User, m.Teams = 0, bigUser(users+99), []usermgmt.TeamAssignment{{Team: bigTeam(9)}}
			return errors.Join(err, s.SaveMembership(x, m))
		}),
		bigWrite("BumpRights", func(x c, s st) error { return s.BumpRights(x, id, org) }),
		bigWrite("DeleteMembership", func(x c, s st) error { return s.DeleteMembership(x, id, org, now) }),
		bigWrite("SaveCredential", func(x c, s st) error {
			return s.SaveCredential(x, usermgmt.Credential{User: id, Status: usermgmt.StatusActive, Epoch: 2, Version: 1})
		}),
		bigWrite("ReserveAttempt", func(x c, s st) error {
			_, _, err := s.ReserveAttempt(x, id, usermgmt.AttemptRule{Limit: 5, Now: now, LockUntil: now})
			return err
		}),
		bigWrite("ReleaseAttempt", func(x c, s st) error { return s.ReleaseAttempt(x, id, now) }),
		bigWrite("RecordLogin", func(x c, s st) error { return s.RecordLogin(x, id, now) }),
		bigWrite("ClearAttempts", func(x c, s st) error { return s.ClearAttempts(x, id, time.Time{}) }),
		bigWrite("UpdateSession", func(x c, s st) error {
			return s.UpdateSession(x, usermgmt.Session{ID: bigSession(404), TokenHash: bigHash(aSession, 404), SeenAt: now}, bigHash(aSession, 404))
		}),
		bigWrite("TouchSession", func(x c, s st) error { return s.TouchSession(x, bigSession(404), now, now) }),
		bigWrite("EndSession", func(x c, s st) error {
			_, err := s.EndSession(x, bigSession(404), now, "logout")
			return err
		}),
		bigWrite("EndSessions", func(x c, s st) error {
			_, err := s.EndSessions(x, bigUser(7), org, bigSession(1), now, "password")
			return err
		}),
		bigWrite("EndSessions everywhere", func(x c, s st) error {
			_, err := s.EndSessions(x, bigUser(8), usermgmt.OrgID{}, usermgmt.SessionID{}, now, "password")
			return err
		}),
		bigWrite("PruneSessions", func(x c, s st) error {
			_, err := s.PruneSessions(x, now.Add(-29*24*time.Hour), 1000)
			return err
		}),
		bigWrite("DeleteAPIKey", func(x c, s st) error { return s.DeleteAPIKey(x, bigUser(41), org) }),
		bigWrite("TouchAPIKey", func(x c, s st) error { return s.TouchAPIKey(x, bigID(aKey, 21), now, now) }),
		bigWrite("ClaimMessages", func(x c, s st) error {
			_, err := s.ClaimMessages(x, false, now, now.Add(time.Minute), 50)
			return err
		}),
		bigWrite("SettleMessage", func(x c, s st) error {
			return s.SettleMessage(x, usermgmt.Message{ID: bigID(aMessage, 1000), SentAt: now, NotBefore: now})
		}),
		bigWrite("DeleteAccess", func(x c, s st) error { return s.DeleteAccess(x, bigID(anAccess, 27)) }),
		// What is in use is found in large tables.
		bigWrite("DeleteUnit", func(x c, s st) error { return s.DeleteUnit(x, bigUnit(9999)) }),
		bigWrite("DeleteTeam", func(x c, s st) error { return s.DeleteTeam(x, bigTeam(4999)) }),
		bigWrite("DeleteRole", func(x c, s st) error { return s.DeleteRole(x, bigRole(199)) }),
		bigWrite("DeleteProfile", func(x c, s st) error { return s.DeleteProfile(x, bigProfile(19)) }),
		bigWrite("DeleteApplication", func(x c, s st) error { return s.DeleteApplication(x, bigID(anApplication, 19)) }),
	}
}
