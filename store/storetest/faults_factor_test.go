package storetest

import (
	"context"
	"errors"
	"slices"

	"github.com/usermgmt/usermgmt"
)

type repeatsSteps struct{ base }

func (s repeatsSteps) UseFactorStep(ctx context.Context, user usermgmt.UserID, step int64) (bool, error) {
	f, err := s.Store.FactorOf(ctx, user)
	if err == nil && len(f.Secret) > 0 && f.LastStep == step {
		return true, nil
	}
	return s.Store.UseFactorStep(ctx, user, step)
}

// lowersSteps answers as if saving had stored the step that it was given.
type lowersSteps struct{ base }

func (s lowersSteps) FactorOf(ctx context.Context, user usermgmt.UserID) (usermgmt.Factor, error) {
	f, err := s.Store.FactorOf(ctx, user)
	if f.Version == 3 {
		f.LastStep = 3
	}
	return f, err
}

type keepsCodes struct{ base }

func (s keepsCodes) DeleteFactor(ctx context.Context, user usermgmt.UserID) error {
	n, err := s.Store.CountRecoveryCodes(ctx, user)
	if err != nil {
		return err
	}
	if err := s.Store.DeleteFactor(ctx, user); err != nil || n == 0 {
		return err
	}
	return s.Store.PutRecoveryCodes(ctx, user, make([][32]byte, 1))
}

type keepsUsedCodes struct{ base }

func (s keepsUsedCodes) UseRecoveryCode(ctx context.Context, user usermgmt.UserID, hash [32]byte) (bool, error) {
	used, err := s.Store.UseRecoveryCode(ctx, user, hash)
	if used {
		err = s.Store.PutRecoveryCodes(ctx, user, [][32]byte{hash, hashOf(2)})
	}
	return used, err
}

type factorsAtOnce struct{ base }

func (s factorsAtOnce) AccountByID(ctx context.Context, id usermgmt.UserID) (usermgmt.Account, error) {
	a, err := s.Store.AccountByID(ctx, id)
	if _, none := s.Store.FactorOf(ctx, id); none == nil {
		a.Factor = true
	}
	return a, err
}

type oldestFormer struct{ base }

func (s oldestFormer) FormerPasswords(ctx context.Context, user usermgmt.UserID, limit int) ([]usermgmt.FormerPassword, error) {
	list, err := s.Store.FormerPasswords(ctx, user, max(limit, 99))
	if limit > 0 && len(list) > limit {
		list = list[len(list)-limit:]
	}
	return list, err
}

type openAges struct{ base }

func (s openAges) PasswordsByAge(ctx context.Context, q usermgmt.PasswordQuery) ([]usermgmt.Account, error) {
	list, err := s.Store.PasswordsByAge(ctx, q)
	if err != nil || len(list) == 0 || q.Limit < 9 || !q.After.IsZero() {
		return list, err
	}
	// One more of the organization, whatever its status.
	users, err := s.Store.ListUsers(ctx, usermgmt.UserQuery{View: usermgmt.ViewCannotLogIn, Limit: 9})
	for _, u := range users {
		if a, err := s.Store.AccountByID(ctx, u.ID); err == nil && u.Org == q.Org {
			list = append(list, a)
		}
	}
	return list, err
}

type movesAny struct{ base }

func (s movesAny) MoveMark(ctx context.Context, name, _, to string) (bool, error) {
	is, err := s.Store.Mark(ctx, name)
	if err != nil {
		return false, err
	}
	return s.Store.MoveMark(ctx, name, is, to)
}

type forgetsPrevious struct{ base }

func (s forgetsPrevious) APIKeyByHash(ctx context.Context, hash [32]byte) (usermgmt.KeyView, error) {
	v, err := s.Store.APIKeyByHash(ctx, hash)
	if err == nil && v.Key.Hash != hash {
		return usermgmt.KeyView{}, usermgmt.ErrNotFound
	}
	return v, err
}

type withdrawsAll struct{ base }

func (s withdrawsAll) WithdrawAPIKey(ctx context.Context, hash [32]byte) (bool, error) {
	v, err := s.Store.APIKeyByHash(ctx, hash)
	if err == nil {
		hash = v.Key.Hash
	} else if !errors.Is(err, usermgmt.ErrNotFound) {
		return false, err
	}
	return s.Store.WithdrawAPIKey(ctx, hash)
}

type laterKeys struct{ base }

func (s laterKeys) KeysByExpiry(ctx context.Context, q usermgmt.KeyQuery) ([]usermgmt.APIKey, error) {
	q.Until = usermgmt.Forever
	list, err := s.Store.KeysByExpiry(ctx, q)
	return slices.Clone(list), err
}

type slowSteps struct{ base }

func (s slowSteps) UseFactorStep(ctx context.Context, user usermgmt.UserID, step int64) (bool, error) {
	f, err := s.Store.FactorOf(ctx, user)
	if err != nil || f.LastStep >= step {
		return false, err
	}
	pause()
	_, err = s.Store.UseFactorStep(ctx, user, step)
	return err == nil, err
}

type goodForAll struct{ base }

func (s goodForAll) UseRecoveryCode(ctx context.Context, user usermgmt.UserID, hash [32]byte) (bool, error) {
	n, err := s.Store.CountRecoveryCodes(ctx, user)
	if err != nil {
		return false, err
	}
	pause()
	_, err = s.Store.UseRecoveryCode(ctx, user, hash)
	return n > 1 && err == nil, err
}

type withdrawnByAll struct{ base }

func (s withdrawnByAll) WithdrawAPIKey(ctx context.Context, hash [32]byte) (bool, error) {
	_, missing := s.Store.APIKeyByHash(ctx, hash)
	pause()
	_, err := s.Store.WithdrawAPIKey(ctx, hash)
	return missing == nil && err == nil, err
}

type slowMarks struct{ base }

func (s slowMarks) MoveMark(ctx context.Context, name, from, to string) (bool, error) {
	is, err := s.Store.Mark(ctx, name)
	if err != nil || is != from {
		return false, err
	}
	pause()
	_, err = s.Store.MoveMark(ctx, name, from, to)
	return err == nil, err
}
