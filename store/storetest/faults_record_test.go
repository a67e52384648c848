package storetest

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt"
)

func recordFaults() []fault {
	return []fault{
		{name: "forgets the group", caught: "UserListGroup", build: func(b base) usermgmt.Store { return anyGroup{b} }},
		{name: "deletes groups in use", caught: "GroupDelete", build: func(b base) usermgmt.Store { return dropsLabels{b} }},
		{name: "finds any of the values", caught: "UserListCustom", build: func(b base) usermgmt.Store { return firstValue{b} }},
		{name: "looks for memberships' values with the users", caught: "UserListCustom", build: func(b base) usermgmt.Store { return oneCustom{b} }},
		{name: "searches users only", caught: "UserListSearchOfMemberships", build: func(b base) usermgmt.Store { return searchesUsers{b} }},
		{name: "finds an organization's values everywhere", caught: "UserListSearchOfMemberships", build: func(b base) usermgmt.Store { return leaksSearch{b} }},
		{name: "takes the values of a field along", caught: "FieldDelete", build: func(b base) usermgmt.Store { return clearsValues{b} }},
		{name: "keeps ended sessions", caught: "TracesOf", build: func(b base) usermgmt.Store { return liveTraces{b} }},
		{name: "erases by the user only", caught: "EraseTraces", build: func(b base) usermgmt.Store { return forgetsAddresses{b} }},
		{name: "erases invitations that are pending", caught: "EraseTraces", build: func(b base) usermgmt.Store { return endsInvitations{b} }},
		{name: "keeps former passwords", caught: "EraseTracesOfSecrets", build: func(b base) usermgmt.Store { return keepsFormer{b} }},
		{name: "lists the fields of everybody", caught: "FieldsOf", build: func(b base) usermgmt.Store { return allFields{b, &handedOut} }},
	}
}

type anyGroup struct{ base }

func (s anyGroup) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	q.Group = usermgmt.GroupID{}
	return s.Store.ListUsers(ctx, q)
}

type dropsLabels struct{ base }

func (s dropsLabels) DeleteGroup(ctx context.Context, id usermgmt.GroupID) error {
	users, err := s.Store.ListUsers(ctx, usermgmt.UserQuery{Group: id, View: usermgmt.ViewAll, Limit: everything})
	if err != nil {
		return err
	}
	for _, u := range users {
		u.Groups = nil
		if err := s.Store.SaveUser(ctx, u); err != nil {
			return err
		}
	}
	return s.Store.DeleteGroup(ctx, id)
}

type firstValue struct{ base }

func (s firstValue) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	if v, has := q.Custom["size"]; has {
		q.Custom = map[string]string{"size": v}
	}
	return s.Store.ListUsers(ctx, q)
}

type oneCustom struct{ base }

func (s oneCustom) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	if v, has := q.MemberCustom["size"]; has {
		q.MemberCustom, q.Custom = nil, map[string]string{"size": v}
	}
	return s.Store.ListUsers(ctx, q)
}

type searchesUsers struct{ base }

func (s searchesUsers) SaveMembership(ctx context.Context, m usermgmt.Membership) error {
	m.SearchKey = ""
	return s.Store.SaveMembership(ctx, m)
}

type leaksSearch struct{ base }

// SaveMembership adds the key to that of the user.
func (s leaksSearch) SaveMembership(ctx context.Context, m usermgmt.Membership) error {
	if m.SearchKey != "" {
		u, err := s.Store.UserByID(ctx, m.User)
		if err != nil {
			return err
		}
		u.SearchKey += "\n" + m.SearchKey
		if err := s.Store.SaveUser(ctx, u); err != nil {
			return err
		}
	}
	return s.Store.SaveMembership(ctx, m)
}

type clearsValues struct{ base }

func (s clearsValues) MembershipOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.Membership, error) {
	m, err := s.Store.MembershipOf(ctx, user, org)
	if err != nil || len(m.Custom) == 0 {
		return m, err
	}
	fields, err := s.Store.FieldsOf(ctx, org)
	defined := map[string]string{}
	for _, f := range fields {
		if v, has := m.Custom[f.Name]; has {
			defined[f.Name] = v
		}
	}
	m.Custom = defined
	return m, err
}

type liveTraces struct{ base }

func (s liveTraces) TracesOf(ctx context.Context, p usermgmt.Person) (usermgmt.Traces, error) {
	t, err := s.Store.TracesOf(ctx, p)
	t.Sessions = slices.DeleteFunc(t.Sessions, func(x usermgmt.Session) bool { return !x.EndedAt.IsZero() })
	return t, err
}

type forgetsAddresses struct{ base }

func (s forgetsAddresses) EraseTraces(ctx context.Context, p usermgmt.Person) error {
	return s.Store.EraseTraces(ctx, usermgmt.Person{User: p.User, EmailKeys: p.EmailKeys})
}

type endsInvitations struct{ base }

func (s endsInvitations) EraseTraces(ctx context.Context, p usermgmt.Person) error {
	t, err := s.Store.TracesOf(ctx, p)
	if err != nil {
		return err
	}
	for _, i := range t.Invitations {
		if _, err := s.Store.EndInvitation(ctx, i.ID, usermgmt.InvitationRevoked, at(0), usermgmt.UserID{}); err != nil {
			return err
		}
	}
	return s.Store.EraseTraces(ctx, p)
}

type keepsFormer struct{ base }

func (s keepsFormer) EraseTraces(ctx context.Context, p usermgmt.Person) error {
	former, err := s.Store.FormerPasswords(ctx, p.User, everything)
	if err != nil {
		return err
	}
	if err := s.Store.EraseTraces(ctx, p); err != nil {
		return err
	}
	for _, f := range former {
		if err := s.Store.AddFormerPassword(ctx, f, everything); err != nil {
			return err
		}
	}
	return nil
}

type allFields struct {
	base
	memo *memo
}

// SaveField remembers the organizations that it was told of.
func (s allFields) SaveField(ctx context.Context, f usermgmt.CustomField) error {
	s.memo.Store(s.root, f.Org)
	return s.Store.SaveField(ctx, f)
}

func (s allFields) FieldsOf(ctx context.Context, org usermgmt.OrgID) ([]usermgmt.CustomField, error) {
	out, err := s.Store.FieldsOf(ctx, org)
	if last, has := s.memo.Load(s.root); err == nil && has && last.(usermgmt.OrgID) != org {
		more, err := s.Store.FieldsOf(ctx, last.(usermgmt.OrgID))
		return append(out, more...), err
	}
	return out, err
}
