package storetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt"
)

// actingFaults are faults of what lets somebody act for somebody else.
func actingFaults() []fault {
	return []fault{
		{name: "forgets that an entry of a proxy list ends", caught: "ProxyListSave", build: func(b base) usermgmt.Store { return timelessLists{b} }},
		{name: "gives a list again", caught: "ProxyLists", build: func(b base) usermgmt.Store { return repeatsLists{b} }},
		{name: "finds no ended sessions", caught: "SessionsByID", build: func(b base) usermgmt.Store { return liveOnly{b} }},
		{name: "forgets by what right a session acts", caught: "SessionCreate", build: func(b base) usermgmt.Store { return baseless{b} }},
		{name: "forgets that a deputy ends", caught: "DeputySave", build: func(b base) usermgmt.Store { return timelessDeputies{b} }},
		{name: "takes a deputy for whom it stands for", caught: "DeputyList", build: func(b base) usermgmt.Store { return swapsDeputies{b} }},
		{name: "deletes a deputy who is none", caught: "DeputySave", build: func(b base) usermgmt.Store { return deletesNobody{b} }},
		{name: "keeps the deputies of a membership", caught: "DeputyReferences", build: func(b base) usermgmt.Store { return keepsDeputies{b} }},
	}
}

type timelessLists struct{ base }

func (s timelessLists) SaveProxyList(ctx context.Context, l usermgmt.ProxyList) error {
	l.Users = slices.Clone(l.Users)
	for i := range l.Users {
		l.Users[i].Until = time.Time{}
	}
	return s.Store.SaveProxyList(ctx, l)
}

type repeatsLists struct{ base }

func (s repeatsLists) ProxyLists(ctx context.Context, org usermgmt.OrgID, operators []usermgmt.UserID) ([]usermgmt.ProxyList, error) {
	var out []usermgmt.ProxyList
	for _, id := range operators {
		if l, err := s.Store.ProxyListOf(ctx, id, org); err == nil {
			out = append(out, l)
		}
	}
	return out, nil
}

type liveOnly struct{ base }

func (s liveOnly) SessionsByID(ctx context.Context, ids []usermgmt.SessionID) ([]usermgmt.Session, error) {
	list, err := s.Store.SessionsByID(ctx, ids)
	return slices.DeleteFunc(list, func(x usermgmt.Session) bool { return !x.EndedAt.IsZero() }), err
}

type baseless struct{ base }

func (s baseless) CreateSession(ctx context.Context, x usermgmt.Session) error {
	x.Basis, x.ReadOnly = 0, false
	return s.Store.CreateSession(ctx, x)
}

type timelessDeputies struct{ base }

func (s timelessDeputies) SaveDeputy(ctx context.Context, d usermgmt.Deputy) error {
	d.Until = time.Time{}
	return s.Store.SaveDeputy(ctx, d)
}

type swapsDeputies struct{ base }

func (s swapsDeputies) ListDeputies(ctx context.Context, q usermgmt.DeputyQuery) ([]usermgmt.Deputy, error) {
	q.User, q.Deputy = q.Deputy, q.User
	return s.Store.ListDeputies(ctx, q)
}

type deletesNobody struct{ base }

func (s deletesNobody) DeleteDeputy(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, deputy usermgmt.UserID) error {
	if _, err := s.Store.DeputyOf(ctx, user, org, deputy); errors.Is(err, usermgmt.ErrNotFound) {
		return nil
	}
	return s.Store.DeleteDeputy(ctx, user, org, deputy)
}

// keepsDeputies keeps those whose deputy the user was.
type keepsDeputies struct{ base }

func (s keepsDeputies) DeleteMembership(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, at time.Time) error {
	kept, err := s.Store.ListDeputies(ctx, usermgmt.DeputyQuery{Org: org, Deputy: user, Limit: 9})
	if err != nil {
		return err
	}
	m, err := s.Store.MembershipOf(ctx, user, org)
	if err != nil {
		return err
	}
	if err := s.Store.DeleteMembership(ctx, user, org, at); err != nil || len(kept) == 0 {
		return err
	}
	m.Version = 0
	if err := s.Store.SaveMembership(ctx, m); err != nil {
		return err
	}
	for _, d := range kept {
		d.Version = 0
		if err := s.Store.SaveDeputy(ctx, d); err != nil {
			return err
		}
	}
	return nil
}
