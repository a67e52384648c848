package usermgmt_test

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func (h hookStore) SaveFactor(ctx context.Context, f usermgmt.Factor) error {
	h.hook("SaveFactor")
	return h.Store.SaveFactor(ctx, f)
}

func (h hookStore) FactorOf(ctx context.Context, user usermgmt.UserID) (usermgmt.Factor, error) {
	h.hook("FactorOf")
	return h.Store.FactorOf(ctx, user)
}

func (h hookStore) DeleteFactor(ctx context.Context, user usermgmt.UserID) error {
	h.hook("DeleteFactor")
	return h.Store.DeleteFactor(ctx, user)
}

func (h hookStore) UseFactorStep(ctx context.Context, user usermgmt.UserID, step int64) (bool, error) {
	h.hook("UseFactorStep")
	return h.Store.UseFactorStep(ctx, user, step)
}

func (h hookStore) PutRecoveryCodes(ctx context.Context, user usermgmt.UserID, hashes [][32]byte) error {
	h.hook("PutRecoveryCodes")
	return h.Store.PutRecoveryCodes(ctx, user, hashes)
}

func (h hookStore) UseRecoveryCode(ctx context.Context, user usermgmt.UserID, hash [32]byte) (bool, error) {
	h.hook("UseRecoveryCode")
	return h.Store.UseRecoveryCode(ctx, user, hash)
}

func (h hookStore) CountRecoveryCodes(ctx context.Context, user usermgmt.UserID) (int, error) {
	h.hook("CountRecoveryCodes")
	return h.Store.CountRecoveryCodes(ctx, user)
}

func (h hookStore) SaveQuestion(ctx context.Context, q usermgmt.Question) error {
	h.hook("SaveQuestion")
	return h.Store.SaveQuestion(ctx, q)
}

func (h hookStore) QuestionOf(ctx context.Context, user usermgmt.UserID) (usermgmt.Question, error) {
	h.hook("QuestionOf")
	return h.Store.QuestionOf(ctx, user)
}

func (h hookStore) DeleteQuestion(ctx context.Context, user usermgmt.UserID) error {
	h.hook("DeleteQuestion")
	return h.Store.DeleteQuestion(ctx, user)
}

func (h hookStore) AddFormerPassword(ctx context.Context, p usermgmt.FormerPassword, keep int) error {
	h.hook("AddFormerPassword")
	return h.Store.AddFormerPassword(ctx, p, keep)
}

func (h hookStore) FormerPasswords(ctx context.Context, user usermgmt.UserID, limit int) ([]usermgmt.FormerPassword, error) {
	h.hook("FormerPasswords")
	return h.Store.FormerPasswords(ctx, user, limit)
}

func (h hookStore) PasswordsByAge(ctx context.Context, q usermgmt.PasswordQuery) ([]usermgmt.Account, error) {
	h.hook("PasswordsByAge")
	return h.Store.PasswordsByAge(ctx, q)
}

func (h hookStore) WithdrawAPIKey(ctx context.Context, hash [32]byte) (bool, error) {
	h.hook("WithdrawAPIKey")
	return h.Store.WithdrawAPIKey(ctx, hash)
}

func (h hookStore) KeysByExpiry(ctx context.Context, q usermgmt.KeyQuery) ([]usermgmt.APIKey, error) {
	h.hook("KeysByExpiry")
	return h.Store.KeysByExpiry(ctx, q)
}

func (h hookStore) Mark(ctx context.Context, name string) (string, error) {
	h.hook("Mark")
	return h.Store.Mark(ctx, name)
}

func (h hookStore) MoveMark(ctx context.Context, name, from, to string) (bool, error) {
	h.hook("MoveMark")
	return h.Store.MoveMark(ctx, name, from, to)
}
