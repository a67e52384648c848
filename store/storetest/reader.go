package storetest

import (
	"context"
	"errors"
	"slices"

	"github.com/usermgmt/usermgmt"
)

// store keeps the lines of the tables short.
type store = usermgmt.Store

// readers returns reads that succeed on contents, every read method among them.
func (c *contents) readers() []reader {
	org, q := c.a.org.ID, usermgmt.ListQuery{Limit: everything}
	all := usermgmt.UserQuery{View: usermgmt.ViewAll, Limit: everything}
	inA, inB := all, all
	inA.Org, inB.Org = org, c.b.org.ID
	return append([]reader{
		read("OrgByID", func(ctx context.Context, s store) (usermgmt.Organization, error) { return s.OrgByID(ctx, org) }),
		read("OrgByName", func(ctx context.Context, s store) (usermgmt.Organization, error) { return s.OrgByName(ctx, "a") }),
		read("ListOrgs", func(ctx context.Context, s store) ([]usermgmt.Organization, error) { return s.ListOrgs(ctx, q) }),
		read("Policy", func(ctx context.Context, s store) (usermgmt.PolicySet, error) { return s.Policy(ctx, org) }),
		read("Policy", func(ctx context.Context, s store) (usermgmt.PolicySet, error) { return s.Policy(ctx, c.b.org.ID) }),
		read("Trees", func(ctx context.Context, s store) (usermgmt.TreeSet, error) { return s.Trees(ctx, org) }),
		read("UnitByID", func(ctx context.Context, s store) (usermgmt.BusinessUnit, error) { return s.UnitByID(ctx, c.a.leaf.ID) }),
		read("ListUnits", func(ctx context.Context, s store) ([]usermgmt.BusinessUnit, error) { return s.ListUnits(ctx, org, q) }),
		read("TeamByID", func(ctx context.Context, s store) (usermgmt.Team, error) { return s.TeamByID(ctx, c.a.crew.ID) }),
		read("ListTeams", func(ctx context.Context, s store) ([]usermgmt.Team, error) { return s.ListTeams(ctx, org, q) }),
		read("SharingByID", func(ctx context.Context, s store) (usermgmt.SharingPolicy, error) {
			return s.SharingByID(ctx, c.sharing.ID)
		}),
		read("UserByID", func(ctx context.Context, s store) (usermgmt.User, error) { return s.UserByID(ctx, c.ann.ID) }),
		read("UsersByID", func(ctx context.Context, s store) (unordered[usermgmt.User], error) {
			users, err := s.UsersByID(ctx, []usermgmt.UserID{c.ann.ID, c.bob.ID, c.cat.ID, c.dan.ID})
			return users, err
		}),
		read("AccountByLogin", func(ctx context.Context, s store) (usermgmt.Account, error) { return s.AccountByLogin(ctx, "ann") }),
		read("UsersByLogin", func(ctx context.Context, s store) (unordered[usermgmt.User], error) {
			users, err := s.UsersByLogin(ctx, []string{"ann", "bob", "new"})
			return users, err
		}),
		read("UsersByExternalID", func(ctx context.Context, s store) (unordered[usermgmt.User], error) {
			users, err := s.UsersByExternalID(ctx, "ldap", []string{"ann", "new"})
			return users, err
		}),
		read("AccountByID", func(ctx context.Context, s store) (usermgmt.Account, error) { return s.AccountByID(ctx, c.bob.ID) }),
		read("UserByExternalID", func(ctx context.Context, s store) (usermgmt.User, error) {
			return s.UserByExternalID(ctx, "ldap", "ann")
		}),
		read("ListUsers", func(ctx context.Context, s store) ([]usermgmt.User, error) { return s.ListUsers(ctx, all) }),
		read("ListUsers", func(ctx context.Context, s store) ([]usermgmt.User, error) { return s.ListUsers(ctx, inA) }),
		read("StreamMembers", func(ctx context.Context, s store) ([]usermgmt.Member, error) { return members(ctx, s, inA) }),
		read("StreamMembers", func(ctx context.Context, s store) ([]usermgmt.Member, error) { return members(ctx, s, inB) }),
		read("MembershipOf", func(ctx context.Context, s store) (usermgmt.Membership, error) {
			return s.MembershipOf(ctx, c.ann.ID, org)
		}),
		read("MembershipsOf", func(ctx context.Context, s store) ([]usermgmt.Membership, error) {
			return s.MembershipsOf(ctx, c.ann.ID)
		}),
		read("Memberships", func(ctx context.Context, s store) (unordered[usermgmt.Membership], error) {
			ms, err := s.Memberships(ctx, org, []usermgmt.UserID{c.ann.ID, c.bob.ID, c.cat.ID, c.dan.ID})
			return ms, err
		}),
		read("RoleByID", func(ctx context.Context, s store) (usermgmt.Role, error) { return s.RoleByID(ctx, c.sysRole.ID) }),
		read("ProfileByID", func(ctx context.Context, s store) (usermgmt.AccessProfile, error) {
			return s.ProfileByID(ctx, c.sysProfile.ID)
		}),
		read("ProfileByName", func(ctx context.Context, s store) (usermgmt.AccessProfile, error) {
			return s.ProfileByName(ctx, org, c.a.profile.NameKey)
		}),
		read("ApplicationByID", func(ctx context.Context, s store) (usermgmt.Application, error) {
			return s.ApplicationByID(ctx, c.a.app.ID)
		}),
		read("AccessByID", func(ctx context.Context, s store) (usermgmt.AccessEntry, error) {
			return s.AccessByID(ctx, c.annAccess.ID)
		}),
		read("ListAccess", func(ctx context.Context, s store) ([]usermgmt.AccessEntry, error) {
			return s.ListAccess(ctx, org, c.a.app.ID, q)
		}),
		read("AccountsByID", func(ctx context.Context, s store) (unordered[usermgmt.Account], error) {
			as, err := s.AccountsByID(ctx, []usermgmt.UserID{c.ann.ID, c.bob.ID, c.dan.ID})
			return as, err
		}),
		read("MembershipsOfUsers", func(ctx context.Context, s store) (unordered[usermgmt.Membership], error) {
			ms, err := s.MembershipsOfUsers(ctx, []usermgmt.UserID{c.ann.ID, c.bob.ID, c.cat.ID, c.dan.ID})
			return ms, err
		}),
		read("AccessOfUsers", func(ctx context.Context, s store) (unordered[usermgmt.AccessEntry], error) {
			es, err := s.AccessOfUsers(ctx, org, []usermgmt.UserID{c.ann.ID, c.bob.ID, c.cat.ID})
			return es, err
		}),
		read("AccessOf", func(ctx context.Context, s store) (unordered[usermgmt.AccessEntry], error) {
			es, err := s.AccessOf(ctx, c.ann.ID, org)
			return es, err
		}),
		read("OrgStanding", func(ctx context.Context, s store) (usermgmt.Standing, error) { return s.OrgStanding(ctx, org) }),
		read("StandingOf", func(ctx context.Context, s store) (usermgmt.Standing, error) { return s.StandingOf(ctx, c.ann.ID, org) }),
		read("SessionByToken", func(ctx context.Context, s store) (usermgmt.SessionView, error) {
			return s.SessionByToken(ctx, c.annSession.TokenHash)
		}),
		read("SessionByID", func(ctx context.Context, s store) (usermgmt.SessionView, error) {
			return s.SessionByID(ctx, c.bobSession.ID)
		}),
		read("ListSessions", func(ctx context.Context, s store) ([]usermgmt.Session, error) {
			return s.ListSessions(ctx, c.ann.ID, 9)
		}),
		read("ListSessions", func(ctx context.Context, s store) ([]usermgmt.Session, error) {
			return s.ListSessions(ctx, c.bob.ID, 9)
		}),
		read("ListSessions", func(ctx context.Context, s store) ([]usermgmt.Session, error) {
			return s.ListSessions(ctx, c.cat.ID, 9)
		}),
		read("APIKeyByHash", func(ctx context.Context, s store) (usermgmt.KeyView, error) {
			return s.APIKeyByHash(ctx, c.annKey.Hash)
		}),
		read("APIKeyOf", func(ctx context.Context, s store) (usermgmt.APIKey, error) {
			return s.APIKeyOf(ctx, c.annKey.User, org)
		}),
		read("ProxyListOf", func(ctx context.Context, s store) (usermgmt.ProxyList, error) {
			return s.ProxyListOf(ctx, c.ann.ID, org)
		}),
		read("ProxyLists", func(ctx context.Context, s store) (unordered[usermgmt.ProxyList], error) {
			ls, err := s.ProxyLists(ctx, org, []usermgmt.UserID{c.ann.ID, c.bob.ID, c.cat.ID})
			return unordered[usermgmt.ProxyList](ls), err
		}),
		read("SessionsByID", func(ctx context.Context, s store) (unordered[usermgmt.Session], error) {
			ls, err := s.SessionsByID(ctx, []usermgmt.SessionID{c.annSession.ID, c.annProxy.ID, c.bobSession.ID, c.newSession.ID})
			return unordered[usermgmt.Session](ls), err
		}),
		read("DeputyOf", func(ctx context.Context, s store) (usermgmt.Deputy, error) {
			return s.DeputyOf(ctx, c.ann.ID, org, c.bob.ID)
		}),
		read("ListDeputies", func(ctx context.Context, s store) ([]usermgmt.Deputy, error) {
			return s.ListDeputies(ctx, usermgmt.DeputyQuery{Org: org, User: c.bob.ID, Limit: 9})
		}),
		read("ListDeputies", func(ctx context.Context, s store) ([]usermgmt.Deputy, error) {
			return s.ListDeputies(ctx, usermgmt.DeputyQuery{Org: org, Deputy: c.cat.ID, Limit: 9})
		}),
		read("TracesOf", func(ctx context.Context, s store) (usermgmt.Traces, error) {
			return s.TracesOf(ctx, usermgmt.Person{User: c.ann.ID, Addresses: []string{c.sent.To}, EmailKeys: []string{"new@mail.test"}})
		}),
		read("GroupByID", func(ctx context.Context, s store) (usermgmt.Group, error) { return s.GroupByID(ctx, c.group.ID) }),
		read("ListGroups", func(ctx context.Context, s store) ([]usermgmt.Group, error) { return s.ListGroups(ctx, q) }),
		read("FieldByID", func(ctx context.Context, s store) (usermgmt.CustomField, error) { return s.FieldByID(ctx, c.field.ID) }),
		read("FieldsOf", func(ctx context.Context, s store) (unordered[usermgmt.CustomField], error) {
			fs, err := s.FieldsOf(ctx, org)
			return fs, err
		}),
		read("ListPools", func(ctx context.Context, s store) ([]usermgmt.LicencePool, error) { return s.ListPools(ctx, org) }),
		read("FloatingSeats", func(ctx context.Context, s store) (map[usermgmt.LicenceType]int, error) {
			return s.FloatingSeats(ctx, org, at(5))
		}),
		read("SettingsOf", func(ctx context.Context, s store) (usermgmt.SettingSet, error) { return s.SettingsOf(ctx, org) }),
		read("JobByID", func(ctx context.Context, s store) (usermgmt.Job, error) { return s.JobByID(ctx, c.running.ID) }),
		read("JobByID", func(ctx context.Context, s store) (usermgmt.Job, error) { return s.JobByID(ctx, c.queued.ID) }),
		read("ListJobs", func(ctx context.Context, s store) ([]usermgmt.Job, error) { return s.ListJobs(ctx, c.ann.ID, q) }),
		read("EndedJobs", func(ctx context.Context, s store) ([]usermgmt.Job, error) { return s.EndedJobs(ctx, at(99), 9) }),
		read("ListAudit", func(ctx context.Context, s store) ([]usermgmt.AuditEntry, error) {
			return s.ListAudit(ctx, usermgmt.AuditQuery{Limit: everything})
		}),
		read("UnsealedAudit", func(ctx context.Context, s store) ([]usermgmt.AuditEntry, error) {
			return s.UnsealedAudit(ctx, usermgmt.Forever, everything)
		}),
		read("LastSeal", func(ctx context.Context, s store) (usermgmt.Seal, error) { return s.LastSeal(ctx, org) }),
		read("ListSealed", func(ctx context.Context, s store) ([]usermgmt.SealedEntry, error) {
			return s.ListSealed(ctx, org, 0, everything)
		}),
		read("ListMessages", func(ctx context.Context, s store) ([]usermgmt.Message, error) { return s.ListMessages(ctx, false, q) }),
		read("Blob", func(ctx context.Context, s store) ([]byte, error) { return s.Blob(ctx, "picture") }),
		read("CheckpointByID", func(ctx context.Context, s store) (usermgmt.Checkpoint, error) {
			return s.CheckpointByID(ctx, c.mark.ID)
		}),
		read("ImportDigests", func(ctx context.Context, s store) ([]usermgmt.ImportDigest, error) { return digests(ctx, s, org) }),
	}, append(c.invitationReaders(), c.readersOfFactors()...)...)
}

// probes returns reads of what is there only after some of the writes, or only
// before.
func (c *contents) probes() []reader {
	org := c.a.org.ID
	out := c.invitationProbes()
	for _, u := range []usermgmt.UserID{c.bob.ID, c.cat.ID, c.dan.ID} {
		out = append(out,
			read("APIKeyOf", func(ctx context.Context, s store) (usermgmt.APIKey, error) { return s.APIKeyOf(ctx, u, org) }),
			read("ProxyListOf", func(ctx context.Context, s store) (usermgmt.ProxyList, error) { return s.ProxyListOf(ctx, u, org) }),
			read("AccountByID", func(ctx context.Context, s store) (usermgmt.Account, error) { return s.AccountByID(ctx, u) }),
		)
	}
	return append(out,
		read("APIKeyOf", func(ctx context.Context, s store) (usermgmt.APIKey, error) {
			return s.APIKeyOf(ctx, c.ann.ID, c.b.org.ID)
		}),
		read("AccountByLogin", func(ctx context.Context, s store) (usermgmt.Account, error) { return s.AccountByLogin(ctx, "new") }),
		read("SessionByID", func(ctx context.Context, s store) (usermgmt.SessionView, error) { return s.SessionByID(ctx, c.old.ID) }),
		read("SessionByID", func(ctx context.Context, s store) (usermgmt.SessionView, error) {
			return s.SessionByID(ctx, c.annProxy.ID)
		}),
		read("FactorOf", func(ctx context.Context, s store) (usermgmt.Factor, error) { return s.FactorOf(ctx, c.bob.ID) }),
		read("FactorOf", func(ctx context.Context, s store) (usermgmt.Factor, error) { return s.FactorOf(ctx, c.cat.ID) }),
		read("QuestionOf", func(ctx context.Context, s store) (usermgmt.Question, error) { return s.QuestionOf(ctx, c.bob.ID) }),
		read("Blob", func(ctx context.Context, s store) ([]byte, error) { return s.Blob(ctx, "new") }),
		read("CheckpointByID", func(ctx context.Context, s store) (usermgmt.Checkpoint, error) {
			return s.CheckpointByID(ctx, c.newMark.ID)
		}),
		read("JobByID", func(ctx context.Context, s store) (usermgmt.Job, error) { return s.JobByID(ctx, c.newJob.ID) }),
		read("JobByID", func(ctx context.Context, s store) (usermgmt.Job, error) { return s.JobByID(ctx, c.done.ID) }),
	)
}

// allReaders names the methods of readers.
func allReaders() []string {
	var names []string
	none := &site{}
	for _, r := range (&contents{a: none, b: none}).readers() {
		names = append(names, r.method)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// kindOf names the sentinel that err matches.
func kindOf(err error) string {
	for _, kind := range sentinels {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return "another error: " + err.Error()
}

// dumpLines describes what a read returned, sorted where it has no order.
func dumpLines(v any) []string {
	switch v := v.(type) {
	case interface{ lines() []string }:
		return slices.Sorted(slices.Values(v.lines()))
	case usermgmt.PolicySet:
		return slices.Concat(
			describe(usermgmt.PolicySet{Org: v.Org, Policy: v.Policy, SystemPolicy: v.SystemPolicy}),
			dumpLines(unordered[usermgmt.Role](v.Roles)), dumpLines(unordered[usermgmt.AccessProfile](v.Profiles)),
			dumpLines(unordered[usermgmt.Application](v.Applications)),
			dumpLines(unordered[usermgmt.AccessEntry](v.TeamAccess)), dumpLines(unordered[usermgmt.SharingPolicy](v.Sharing)),
			dumpLines(unordered[usermgmt.CustomField](v.Fields)),
		)
	case usermgmt.Traces:
		return slices.Concat(
			dumpLines(unordered[usermgmt.Session](v.Sessions)), dumpLines(unordered[usermgmt.APIKey](v.Keys)),
			dumpLines(unordered[usermgmt.Message](v.Messages)), dumpLines(unordered[usermgmt.Job](v.Jobs)),
			dumpLines(unordered[usermgmt.Invitation](v.Invitations)),
		)
	case usermgmt.TreeSet:
		return slices.Concat(
			describe(usermgmt.TreeSet{Stamp: v.Stamp}),
			dumpLines(unordered[usermgmt.UnitNode](v.Units)), dumpLines(unordered[usermgmt.TeamNode](v.Teams)),
		)
	}
	return describe(v)
}
