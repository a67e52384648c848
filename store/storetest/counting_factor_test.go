package storetest

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func (w counting) SaveFactor(ctx context.Context, f usermgmt.Factor) error {
	w.count("SaveFactor")
	return w.Store.SaveFactor(ctx, f)
}

func (w counting) FactorOf(ctx context.Context, user usermgmt.UserID) (usermgmt.Factor, error) {
	w.count("FactorOf")
	return w.Store.FactorOf(ctx, user)
}

func (w counting) DeleteFactor(ctx context.Context, user usermgmt.UserID) error {
	w.count("DeleteFactor")
	return w.Store.DeleteFactor(ctx, user)
}

func (w counting) UseFactorStep(ctx context.Context, user usermgmt.UserID, step int64) (bool, error) {
	w.count("UseFactorStep")
	return w.Store.UseFactorStep(ctx, user, step)
}

func (w counting) PutRecoveryCodes(ctx context.Context, user usermgmt.UserID, hashes [][32]byte) error {
	w.count("PutRecoveryCodes")
	return w.Store.PutRecoveryCodes(ctx, user, hashes)
}

func (w counting) UseRecoveryCode(ctx context.Context, user usermgmt.UserID, hash [32]byte) (bool, error) {
	w.count("UseRecoveryCode")
	return w.Store.UseRecoveryCode(ctx, user, hash)
}

func (w counting) CountRecoveryCodes(ctx context.Context, user usermgmt.UserID) (int, error) {
	w.count("CountRecoveryCodes")
	return w.Store.CountRecoveryCodes(ctx, user)
}

func (w counting) SaveQuestion(ctx context.Context, q usermgmt.Question) error {
	w.count("SaveQuestion")
	return w.Store.SaveQuestion(ctx, q)
}

func (w counting) QuestionOf(ctx context.Context, user usermgmt.UserID) (usermgmt.Question, error) {
	w.count("QuestionOf")
	return w.Store.QuestionOf(ctx, user)
}

func (w counting) DeleteQuestion(ctx context.Context, user usermgmt.UserID) error {
	w.count("DeleteQuestion")
	return w.Store.DeleteQuestion(ctx, user)
}

func (w counting) AddFormerPassword(ctx context.Context, p usermgmt.FormerPassword, keep int) error {
	w.count("AddFormerPassword")
	return w.Store.AddFormerPassword(ctx, p, keep)
}

func (w counting) FormerPasswords(ctx context.Context, user usermgmt.UserID, limit int) ([]usermgmt.FormerPassword, error) {
	w.count("FormerPasswords")
	return w.Store.FormerPasswords(ctx, user, limit)
}

func (w counting) PasswordsByAge(ctx context.Context, q usermgmt.PasswordQuery) ([]usermgmt.Account, error) {
	w.count("PasswordsByAge")
	return w.Store.PasswordsByAge(ctx, q)
}

func (w counting) WithdrawAPIKey(ctx context.Context, hash [32]byte) (bool, error) {
	w.count("WithdrawAPIKey")
	return w.Store.WithdrawAPIKey(ctx, hash)
}

func (w counting) KeysByExpiry(ctx context.Context, q usermgmt.KeyQuery) ([]usermgmt.APIKey, error) {
	w.count("KeysByExpiry")
	return w.Store.KeysByExpiry(ctx, q)
}

func (w counting) Mark(ctx context.Context, name string) (string, error) {
	w.count("Mark")
	return w.Store.Mark(ctx, name)
}

func (w counting) MoveMark(ctx context.Context, name, from, to string) (bool, error) {
	w.count("MoveMark")
	return w.Store.MoveMark(ctx, name, from, to)
}
