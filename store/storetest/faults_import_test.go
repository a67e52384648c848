package storetest

import (
	"context"
	"iter"

	"github.com/usermgmt/usermgmt"
)

// importFaults are faults of what imports remember.
func importFaults() []fault {
	return []fault{
		{name: "keeps digests of users who have changed", caught: "ImportDigestsHold", build: func(b base) usermgmt.Store { return staleDigests{b, versions} }},
		{name: "keeps digests of memberships that have changed", caught: "ImportDigestsHold", build: func(b base) usermgmt.Store { return staleDigests{b, rights} }},
		{name: "keeps digests of settings that have changed", caught: "ImportDigestsHold", build: func(b base) usermgmt.Store { return staleDigests{b, memberSets} }},
		{name: "confuses digests of organizations", caught: "ImportDigests", build: func(b base) usermgmt.Store { return globalDigests{b} }},
		{name: "forgets whom a row names", caught: "ImportDigests", build: func(b base) usermgmt.Store { return namelessDigests{b} }},
	}
}

// staleDigests notes digests as if they were of what is there now.
type staleDigests struct {
	base
	now func(d *usermgmt.ImportDigest, u *usermgmt.User, m *usermgmt.Membership)
}

func versions(d *usermgmt.ImportDigest, u *usermgmt.User, _ *usermgmt.Membership) {
	d.Version = u.Version
}
func rights(d *usermgmt.ImportDigest, _ *usermgmt.User, m *usermgmt.Membership) { d.Rights = m.Rights }
func memberSets(d *usermgmt.ImportDigest, _ *usermgmt.User, m *usermgmt.Membership) {
	d.Settings = m.Settings
}

func (s staleDigests) PutImportDigests(ctx context.Context, org usermgmt.OrgID, digests []usermgmt.ImportDigest) error {
	for i := range digests {
		u, err := s.Store.UserByID(ctx, digests[i].User)
		if err != nil {
			continue
		}
		m, err := s.Store.MembershipOf(ctx, u.ID, org)
		if err == nil {
			s.now(&digests[i], &u, &m)
		}
	}
	return s.Store.PutImportDigests(ctx, org, digests)
}

type globalDigests struct{ base }

func (s globalDigests) ImportDigests(ctx context.Context, org usermgmt.OrgID) iter.Seq2[usermgmt.ImportDigest, error] {
	return func(yield func(usermgmt.ImportDigest, error) bool) {
		orgs, err := s.Store.ListOrgs(ctx, usermgmt.ListQuery{Limit: everything})
		if err != nil {
			yield(usermgmt.ImportDigest{}, err)
			return
		}
		for i := range orgs {
			for d, err := range s.Store.ImportDigests(ctx, orgs[i].ID) {
				if !yield(d, err) {
					return
				}
			}
		}
	}
}

type namelessDigests struct{ base }

func (s namelessDigests) PutImportDigests(ctx context.Context, org usermgmt.OrgID, digests []usermgmt.ImportDigest) error {
	for i := range digests {
		digests[i].Named = nil
	}
	return s.Store.PutImportDigests(ctx, org, digests)
}
