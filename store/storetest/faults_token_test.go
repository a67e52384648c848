package storetest

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func tokenFaults() []fault {
	return []fault{
		{name: "keeps the secrets of a replaced token", caught: "TokenReplace", build: func(b base) usermgmt.Store { return keepsSecrets{b, &handedOut} }},
		{name: "makes tokens at any rate", caught: "TokenSince", build: func(b base) usermgmt.Store { return anyRate{b} }},
		{name: "waits for a time that is yet to come", caught: "TokenSince", build: func(b base) usermgmt.Store { return waitsAhead{b} }},
		{name: "stores tokens of nobody", caught: "TokenPut", build: func(b base) usermgmt.Store { return nobodysTokens{b} }},
		{name: "keeps the last secret only", caught: "TokenArm", build: func(b base) usermgmt.Store { return lastSecret{b} }},
		{name: "forgets the code", caught: "TokenArm", build: func(b base) usermgmt.Store { return forgetsCode{b} }},
		{name: "hides used tokens", caught: "TokenUse", build: func(b base) usermgmt.Store { return hidesUsed{b} }},
		{name: "deletes tokens of any purpose", caught: "TokensDelete", build: func(b base) usermgmt.Store { return deletesTokens{b} }},
		{name: "prunes at the moment itself", caught: "TokensPrune", build: func(b base) usermgmt.Store { return prunesEarly{b} }},
		{name: "ends invitations again", caught: "InvitationEnd", build: func(b base) usermgmt.Store { return endsAgain{b} }},
		{name: "changes ended invitations", caught: "InvitationEnd", build: func(b base) usermgmt.Store { return changesEnded{b} }},
		{name: "loses the period of a plan", caught: "InvitationSave", build: func(b base) usermgmt.Store { return losesPeriod{b} }},
		{name: "lists ended invitations as pending", caught: "InvitationList", build: func(b base) usermgmt.Store { return listsEnded{b} }},
		{name: "expires a moment late", caught: "InvitationsExpired", build: func(b base) usermgmt.Store { return expiresLate{b} }},
		{name: "counts seats of others", caught: "InvitedSeats", build: func(b base) usermgmt.Store { return countsOne{b} }},
		{name: "uses a token twice when it is quick", caught: "RaceForTokens", build: func(b base) usermgmt.Store { return slowUse{b} }},
	}
}

type keepsSecrets struct {
	base
	memo *memo
}

type secretKey struct {
	root usermgmt.Store
	hash [32]byte
}

func (s keepsSecrets) ArmToken(ctx context.Context, secret usermgmt.TokenSecret) (bool, error) {
	armed, err := s.Store.ArmToken(ctx, secret)
	if t, terr := s.TokenByID(ctx, secret.Token); terr == nil {
		s.memo.LoadOrStore(secretKey{s.root, secret.Hash}, t.Key)
	}
	return armed, err
}

func (s keepsSecrets) TokenByHash(ctx context.Context, hash [32]byte) (usermgmt.Token, error) {
	if k, ok := s.memo.Load(secretKey{s.root, hash}); ok {
		return s.TokenByKey(ctx, k.(string))
	}
	return s.Store.TokenByHash(ctx, hash)
}

type anyRate struct{ base }

func (s anyRate) PutToken(ctx context.Context, t usermgmt.Token, _ time.Time) (bool, error) {
	return s.Store.PutToken(ctx, t, time.Time{})
}

type waitsAhead struct{ base }

func (s waitsAhead) PutToken(ctx context.Context, t usermgmt.Token, since time.Time) (bool, error) {
	if old, err := s.TokenByKey(ctx, t.Key); err == nil && !since.IsZero() && old.CreatedAt.After(since) {
		return false, nil
	}
	return s.Store.PutToken(ctx, t, since)
}

type nobodysTokens struct{ base }

func (s nobodysTokens) PutToken(ctx context.Context, t usermgmt.Token, since time.Time) (bool, error) {
	if t.Key == "" {
		t.Key = t.ID.String()
	}
	return s.Store.PutToken(ctx, t, since)
}

type lastSecret struct{ base }

func (s lastSecret) ArmToken(ctx context.Context, secret usermgmt.TokenSecret) (bool, error) {
	if t, err := s.TokenByID(ctx, secret.Token); err == nil && t.UsedAt.IsZero() {
		if _, err := s.PutToken(ctx, t, time.Time{}); err != nil {
			return false, err
		}
	}
	return s.Store.ArmToken(ctx, secret)
}

type forgetsCode struct{ base }

func (s forgetsCode) ArmToken(ctx context.Context, secret usermgmt.TokenSecret) (bool, error) {
	secret.Code = ""
	return s.Store.ArmToken(ctx, secret)
}

type hidesUsed struct{ base }

func (s hidesUsed) TokenByHash(ctx context.Context, hash [32]byte) (usermgmt.Token, error) {
	t, err := s.Store.TokenByHash(ctx, hash)
	if err == nil && !t.UsedAt.IsZero() {
		return usermgmt.Token{}, usermgmt.ErrNotFound
	}
	return t, err
}

type deletesTokens struct{ base }

func (s deletesTokens) DeleteTokens(ctx context.Context, user usermgmt.UserID, _ ...usermgmt.TokenPurpose) error {
	return s.Store.DeleteTokens(ctx, user)
}

type prunesEarly struct{ base }

func (s prunesEarly) PruneTokens(ctx context.Context, t time.Time, limit int) (int, error) {
	return s.Store.PruneTokens(ctx, t.Add(time.Microsecond), limit)
}

type endsAgain struct{ base }

func (s endsAgain) EndInvitation(ctx context.Context, id usermgmt.InvitationID, o usermgmt.InvitationOutcome, at time.Time, by usermgmt.UserID) (bool, error) {
	_, err := s.Store.EndInvitation(ctx, id, o, at, by)
	return true, err
}

type changesEnded struct{ base }

func (s changesEnded) SaveInvitation(ctx context.Context, i usermgmt.Invitation) error {
	if i.Outcome != "" && i.Version > 0 {
		return nil
	}
	return s.Store.SaveInvitation(ctx, i)
}

type losesPeriod struct{ base }

func (s losesPeriod) InvitationByID(ctx context.Context, id usermgmt.InvitationID) (usermgmt.Invitation, error) {
	i, err := s.Store.InvitationByID(ctx, id)
	for n := range i.Plan.Roles {
		i.Plan.Roles[n].Until = time.Time{}
	}
	return i, err
}

type listsEnded struct{ base }

func (s listsEnded) ListInvitations(ctx context.Context, org usermgmt.OrgID, _ bool, q usermgmt.ListQuery) ([]usermgmt.Invitation, error) {
	return s.Store.ListInvitations(ctx, org, false, q)
}

type expiresLate struct{ base }

func (s expiresLate) ExpiredInvitations(ctx context.Context, now time.Time, limit int) ([]usermgmt.Invitation, error) {
	return s.Store.ExpiredInvitations(ctx, now.Add(-time.Microsecond), limit)
}

type countsOne struct{ base }

func (s countsOne) InvitedSeats(ctx context.Context, org usermgmt.OrgID) (map[usermgmt.LicenceType]int, error) {
	seats, err := s.Store.InvitedSeats(ctx, org)
	for t := range seats {
		seats[t] = 1
	}
	return seats, err
}

// slowUse looks before it uses.
type slowUse struct{ base }

func (s slowUse) UseToken(ctx context.Context, id usermgmt.TokenID, at time.Time) (bool, error) {
	t, err := s.Store.TokenByID(ctx, id)
	if s.bound || err != nil || !t.UsedAt.IsZero() {
		return s.Store.UseToken(ctx, id, at)
	}
	pause()
	_, err = s.Store.UseToken(ctx, id, at)
	return true, err
}
