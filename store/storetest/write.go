package storetest

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt"
)

// write is one change of contents that succeeds, alone or after the others.
type write struct {
	method string
	do     func(ctx context.Context, s store) error
}

// writes returns the changes, every writing method among them whose effect can
// be read.
func (c *contents) writes() []write {
	return append(slices.Concat(c.writesOfRecords(), c.writesOfDoors(), c.writesOfLabels(), c.writesOfInvitations(), c.writesOfFactors()), c.writeOfTraces())
}

func (c *contents) writesOfRecords() []write {
	org := c.a.org.ID
	return []write{
		{"SaveOrg", func(ctx context.Context, s store) error { return s.SaveOrg(ctx, c.newOrg) }},
		{"SaveOrg", func(ctx context.Context, s store) error {
			o := c.a.org
			o.SwitchRoles = true
			return s.SaveOrg(ctx, o)
		}},
		{"BumpStamps", func(ctx context.Context, s store) error { return s.BumpStamps(ctx, org, true) }},
		{"BumpStamps", func(ctx context.Context, s store) error { return s.BumpStamps(ctx, usermgmt.OrgID{}, false) }},
		{"SaveUnit", func(ctx context.Context, s store) error { return s.SaveUnit(ctx, c.newUnit) }},
		{"SaveUnit", func(ctx context.Context, s store) error {
			u := c.a.annex
			u.Parent = c.a.top.ID
			return s.SaveUnit(ctx, u)
		}},
		{"DeleteUnit", func(ctx context.Context, s store) error { return s.DeleteUnit(ctx, c.spareUnit.ID) }},
		{"SaveTeam", func(ctx context.Context, s store) error { return s.SaveTeam(ctx, c.newTeam) }},
		{"SaveTeam", func(ctx context.Context, s store) error {
			t := c.a.side
			t.NameKey = "moved"
			return s.SaveTeam(ctx, t)
		}},
		{"DeleteTeam", func(ctx context.Context, s store) error { return s.DeleteTeam(ctx, c.spareTeam.ID) }},
		{"SaveSharing", func(ctx context.Context, s store) error { return s.SaveSharing(ctx, c.newSharing) }},
		{"SaveSharing", func(ctx context.Context, s store) error {
			p := c.sharing
			p.Sharing, p.Roles = []usermgmt.TeamID{c.a.root.ID}, nil
			return s.SaveSharing(ctx, p)
		}},
		{"DeleteSharing", func(ctx context.Context, s store) error { return s.DeleteSharing(ctx, c.spareSharing.ID) }},
		{"SaveUser", func(ctx context.Context, s store) error { return s.SaveUser(ctx, c.newUser) }},
		{"SaveUser", func(ctx context.Context, s store) error {
			u := c.ann
			u.UsernameKey, u.EmailKey, u.ExternalID, u.OwnerUnit, u.Emails = "anna", "", "anna", c.a.leaf.ID, nil
			return s.SaveUser(ctx, u)
		}},
		{"SaveMembership", func(ctx context.Context, s store) error {
			return s.SaveMembership(ctx, c.w.newMembership(c.a, c.dan.ID))
		}},
		{"SaveMembership", func(ctx context.Context, s store) error {
			m := c.annInA
			m.Roles, m.Teams, m.PrimaryTeam = nil, nil, usermgmt.TeamID{}
			return s.SaveMembership(ctx, m)
		}},
		{"BumpRights", func(ctx context.Context, s store) error { return s.BumpRights(ctx, c.bob.ID, org) }},
		{"DeleteMembership", func(ctx context.Context, s store) error { return s.DeleteMembership(ctx, c.cat.ID, org, at(5)) }},
		{"SaveRole", func(ctx context.Context, s store) error { return s.SaveRole(ctx, c.newRole) }},
		{"SaveRole", func(ctx context.Context, s store) error {
			r := c.sysRole
			r.Grants = grants
			return s.SaveRole(ctx, r)
		}},
		{"DeleteRole", func(ctx context.Context, s store) error { return s.DeleteRole(ctx, c.spareRole.ID) }},
		{"SaveProfile", func(ctx context.Context, s store) error { return s.SaveProfile(ctx, c.newProfile) }},
		{"SaveProfile", func(ctx context.Context, s store) error {
			p := c.sysProfile
			p.NameKey, p.Grants = "renamed", nil
			return s.SaveProfile(ctx, p)
		}},
		{"DeleteProfile", func(ctx context.Context, s store) error { return s.DeleteProfile(ctx, c.spareProfile.ID) }},
		{"SaveApplication", func(ctx context.Context, s store) error { return s.SaveApplication(ctx, c.newApp) }},
		{"SaveApplication", func(ctx context.Context, s store) error {
			a := c.a.app
			a.Objects = []string{"lead"}
			return s.SaveApplication(ctx, a)
		}},
		{"DeleteApplication", func(ctx context.Context, s store) error { return s.DeleteApplication(ctx, c.spareApp.ID) }},
		{"SaveAccess", func(ctx context.Context, s store) error { return s.SaveAccess(ctx, c.newAccess) }},
		{"SaveAccess", func(ctx context.Context, s store) error {
			e := c.annAccess
			e.Roles = nil
			return s.SaveAccess(ctx, e)
		}},
		{"DeleteAccess", func(ctx context.Context, s store) error { return s.DeleteAccess(ctx, c.spareAccess.ID) }},
		{"SetPool", func(ctx context.Context, s store) error { return s.SetPool(ctx, org, "new", size(3)) }},
		{"SetPool", func(ctx context.Context, s store) error {
			return s.SetPool(ctx, org, usermgmt.LicencePlatform, size(9))
		}},
		{"ClaimSeats", func(ctx context.Context, s store) error { return s.ClaimSeats(ctx, org, usermgmt.LicencePlatform, 1) }},
		{"ClaimSeats", func(ctx context.Context, s store) error { return s.ClaimSeats(ctx, org, "newer", 1) }},
		{"PutSettings", func(ctx context.Context, s store) error {
			return s.PutSettings(ctx, org, settings{"new": {Value: "v"}}, []string{"k"})
		}},
		{"PutSettings", func(ctx context.Context, s store) error {
			return s.PutSettings(ctx, usermgmt.OrgID{}, values("other"), nil)
		}},
		{"PutMemberSettings", func(ctx context.Context, s store) error {
			return s.PutMemberSettings(ctx, c.bob.ID, org, values("new"), nil)
		}},
		{"AddJob", func(ctx context.Context, s store) error { return s.AddJob(ctx, c.newJob) }},
		{"KeepJob", func(ctx context.Context, s store) error {
			_, err := s.KeepJob(ctx, c.running.ID, 1, 5, at(2))
			return err
		}},
		{"ClaimJob", func(ctx context.Context, s store) error {
			_, err := s.ClaimJob(ctx, at(0), at(9))
			return err
		}},
		{"EndJob", func(ctx context.Context, s store) error {
			j := c.running
			j.Status, j.EndedAt = usermgmt.JobFailed, at(8)
			_, err := s.EndJob(ctx, j)
			return err
		}},
		{"DeleteJob", func(ctx context.Context, s store) error { return s.DeleteJob(ctx, c.done.ID) }},
		{"AppendAudit", func(ctx context.Context, s store) error { return s.AppendAudit(ctx, c.newEntry) }},
		{"AppendAudit", func(ctx context.Context, s store) error {
			e := c.entry
			e.ID, e.LastAt = idOf[usermgmt.AuditEntry](1<<20), at(8)
			return s.AppendAudit(ctx, e)
		}},
		{"SealAudit", func(ctx context.Context, s store) error { return s.SealAudit(ctx, newSeal(&c.unsealed, 2)) }},
		{"PruneAudit", func(ctx context.Context, s store) error {
			_, err := s.PruneAudit(ctx, usermgmt.AuditAccess, usermgmt.Forever, 9)
			return err
		}},
		{"EraseAudit", func(ctx context.Context, s store) error {
			_, err := s.EraseAudit(ctx, c.unsealed.Operator)
			return err
		}},
		{"AddMessages", func(ctx context.Context, s store) error { return s.AddMessages(ctx, c.newMessage) }},
		{"ClaimMessages", func(ctx context.Context, s store) error {
			_, err := s.ClaimMessages(ctx, false, at(3), at(9), 9)
			return err
		}},
		{"SettleMessage", func(ctx context.Context, s store) error {
			m := c.sent
			m.SentAt = at(4)
			return s.SettleMessage(ctx, m)
		}},
		{"PutBlob", func(ctx context.Context, s store) error { return s.PutBlob(ctx, "new", []byte("new")) }},
		{"PutBlob", func(ctx context.Context, s store) error { return s.PutBlob(ctx, "picture", []byte("other")) }},
		{"PutBlob", func(ctx context.Context, s store) error { return s.PutBlob(ctx, "picture", nil) }},
		{"SaveCheckpoint", func(ctx context.Context, s store) error { return s.SaveCheckpoint(ctx, c.newMark) }},
		{"PutImportDigests", func(ctx context.Context, s store) error {
			u, err := s.UserByID(ctx, c.bob.ID)
			if err != nil {
				return err
			}
			m, err := s.MembershipOf(ctx, u.ID, org)
			if err != nil {
				return err
			}
			return s.PutImportDigests(ctx, org, []usermgmt.ImportDigest{{User: u.ID, Digest: [16]byte{2}, Version: u.Version, Rights: m.Rights, Settings: m.Settings}})
		}},
		{"SaveCheckpoint", func(ctx context.Context, s store) error {
			m := c.mark
			m.Rows = 7
			return s.SaveCheckpoint(ctx, m)
		}},
	}
}

func (c *contents) writesOfDoors() []write {
	org := c.a.org.ID
	return []write{
		{"SaveCredential", func(ctx context.Context, s store) error {
			return s.SaveCredential(ctx, usermgmt.Credential{
				User: c.ann.ID, Status: usermgmt.StatusExpired, Hash: "new", Epoch: 2, Version: 1,
			})
		}},
		{"ReserveAttempt", func(ctx context.Context, s store) error {
			_, _, err := s.ReserveAttempt(ctx, c.bob.ID, rule(3, at(0), at(5)))
			return err
		}},
		{"ReleaseAttempt", func(ctx context.Context, s store) error { return s.ReleaseAttempt(ctx, c.ann.ID, at(2)) }},
		{"RecordLogin", func(ctx context.Context, s store) error { return s.RecordLogin(ctx, c.bob.ID, at(6)) }},
		{"ClearAttempts", func(ctx context.Context, s store) error { return s.ClearAttempts(ctx, c.dan.ID, usermgmt.Forever) }},
		{"CreateSession", func(ctx context.Context, s store) error { return s.CreateSession(ctx, c.newSession) }},
		{"UpdateSession", func(ctx context.Context, s store) error {
			return s.UpdateSession(ctx, c.nextSession, c.bobSession.TokenHash)
		}},
		{"TouchSession", func(ctx context.Context, s store) error { return s.TouchSession(ctx, c.annSession.ID, at(9), at(9)) }},
		{"PruneSessions", func(ctx context.Context, s store) error {
			_, err := s.PruneSessions(ctx, at(-4000), 9)
			return err
		}},
		{"EndSession", func(ctx context.Context, s store) error {
			_, err := s.EndSession(ctx, c.annSession.ID, at(9), "logout")
			return err
		}},
		{"EndSessions", func(ctx context.Context, s store) error {
			_, err := s.EndSessions(ctx, c.bob.ID, usermgmt.OrgID{}, usermgmt.SessionID{}, at(9), "password")
			return err
		}},
		{"PutAPIKey", func(ctx context.Context, s store) error { return s.PutAPIKey(ctx, c.newKey) }},
		{"TouchAPIKey", func(ctx context.Context, s store) error { return s.TouchAPIKey(ctx, c.annKey.ID, at(9), at(9)) }},
		{"PutAPIKey", func(ctx context.Context, s store) error {
			k := c.annKey
			k.ID, k.Hash, k.Permissions = idOf[usermgmt.APIKey](1<<20), hashOf(-8), nil
			return s.PutAPIKey(ctx, k)
		}},
		{"DeleteAPIKey", func(ctx context.Context, s store) error { return s.DeleteAPIKey(ctx, c.bob.ID, org) }},
		{"SaveProxyList", func(ctx context.Context, s store) error {
			return s.SaveProxyList(ctx, usermgmt.ProxyList{Operator: c.bob.ID, Org: org, Users: []usermgmt.ProxyUser{{User: c.ann.ID}}})
		}},
		{"SaveProxyList", func(ctx context.Context, s store) error {
			return s.SaveProxyList(ctx, usermgmt.ProxyList{Operator: c.ann.ID, Org: org, Version: 1})
		}},
		{"SaveDeputy", func(ctx context.Context, s store) error {
			return s.SaveDeputy(ctx, c.w.newDeputy(c.a, c.bob.ID, c.ann.ID))
		}},
		{"SaveDeputy", func(ctx context.Context, s store) error {
			d := c.w.newDeputy(c.a, c.ann.ID, c.bob.ID)
			d.ReadOnly, d.Version = true, 1
			return s.SaveDeputy(ctx, d)
		}},
		{"DeleteDeputy", func(ctx context.Context, s store) error { return s.DeleteDeputy(ctx, c.bob.ID, org, c.bob.ID) }},
	}
}

func (c *contents) writesOfLabels() []write {
	return []write{
		{"SaveGroup", func(ctx context.Context, s store) error { return s.SaveGroup(ctx, c.newGroup) }},
		{"SaveGroup", func(ctx context.Context, s store) error {
			g := c.group
			g.NameKey = "renamed"
			return s.SaveGroup(ctx, g)
		}},
		{"DeleteGroup", func(ctx context.Context, s store) error { return s.DeleteGroup(ctx, c.spareGroup.ID) }},
		{"SaveField", func(ctx context.Context, s store) error { return s.SaveField(ctx, c.newField) }},
		{"SaveField", func(ctx context.Context, s store) error {
			f := c.field
			f.Values, f.Order = nil, 7
			return s.SaveField(ctx, f)
		}},
		{"DeleteField", func(ctx context.Context, s store) error { return s.DeleteField(ctx, c.spareField.ID) }},
	}
}

// writeOfTraces comes last: it takes along what other writes change.
func (c *contents) writeOfTraces() write {
	return write{"EraseTraces", func(ctx context.Context, s store) error {
		return s.EraseTraces(ctx, usermgmt.Person{User: c.cat.ID, Addresses: []string{c.waiting.To}})
	}}
}

// allWrites names the methods of writes.
func allWrites() []string {
	var names []string
	none := &site{}
	for _, w := range (&contents{a: none, b: none}).writes() {
		names = append(names, w.method)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
