package main

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

// SaveFactor implements [usermgmt.Store].
func (w *Store) SaveFactor(ctx context.Context, f usermgmt.Factor) error {
	return w.note("SaveFactor", w.Store.SaveFactor(ctx, f))
}

// FactorOf implements [usermgmt.Store].
func (w *Store) FactorOf(ctx context.Context, user usermgmt.UserID) (usermgmt.Factor, error) {
	v, err := w.Store.FactorOf(ctx, user)
	return v, w.note("FactorOf", err)
}

// DeleteFactor implements [usermgmt.Store].
func (w *Store) DeleteFactor(ctx context.Context, user usermgmt.UserID) error {
	return w.note("DeleteFactor", w.Store.DeleteFactor(ctx, user))
}

// UseFactorStep implements [usermgmt.Store].
func (w *Store) UseFactorStep(ctx context.Context, user usermgmt.UserID, step int64) (bool, error) {
	v, err := w.Store.UseFactorStep(ctx, user, step)
	return v, w.note("UseFactorStep", err)
}

// PutRecoveryCodes implements [usermgmt.Store].
func (w *Store) PutRecoveryCodes(ctx context.Context, user usermgmt.UserID, hashes [][32]byte) error {
	return w.note("PutRecoveryCodes", w.Store.PutRecoveryCodes(ctx, user, hashes))
}

// UseRecoveryCode implements [usermgmt.Store].
func (w *Store) UseRecoveryCode(ctx context.Context, user usermgmt.UserID, hash [32]byte) (bool, error) {
	v, err := w.Store.UseRecoveryCode(ctx, user, hash)
	return v, w.note("UseRecoveryCode", err)
}

// CountRecoveryCodes implements [usermgmt.Store].
func (w *Store) CountRecoveryCodes(ctx context.Context, user usermgmt.UserID) (int, error) {
	v, err := w.Store.CountRecoveryCodes(ctx, user)
	return v, w.note("CountRecoveryCodes", err)
}

// SaveQuestion implements [usermgmt.Store].
func (w *Store) SaveQuestion(ctx context.Context, q usermgmt.Question) error {
	return w.note("SaveQuestion", w.Store.SaveQuestion(ctx, q))
}

// QuestionOf implements [usermgmt.Store].
func (w *Store) QuestionOf(ctx context.Context, user usermgmt.UserID) (usermgmt.Question, error) {
	v, err := w.Store.QuestionOf(ctx, user)
	return v, w.note("QuestionOf", err)
}

// DeleteQuestion implements [usermgmt.Store].
func (w *Store) DeleteQuestion(ctx context.Context, user usermgmt.UserID) error {
	return w.note("DeleteQuestion", w.Store.DeleteQuestion(ctx, user))
}

// AddFormerPassword implements [usermgmt.Store].
func (w *Store) AddFormerPassword(ctx context.Context, p usermgmt.FormerPassword, keep int) error {
	return w.note("AddFormerPassword", w.Store.AddFormerPassword(ctx, p, keep))
}

// FormerPasswords implements [usermgmt.Store].
func (w *Store) FormerPasswords(ctx context.Context, user usermgmt.UserID, limit int) ([]usermgmt.FormerPassword, error) {
	v, err := w.Store.FormerPasswords(ctx, user, limit)
	return v, w.note("FormerPasswords", err)
}

// PasswordsByAge implements [usermgmt.Store].
func (w *Store) PasswordsByAge(ctx context.Context, q usermgmt.PasswordQuery) ([]usermgmt.Account, error) {
	v, err := w.Store.PasswordsByAge(ctx, q)
	return v, w.note("PasswordsByAge", err)
}

// WithdrawAPIKey implements [usermgmt.Store].
func (w *Store) WithdrawAPIKey(ctx context.Context, hash [32]byte) (bool, error) {
	v, err := w.Store.WithdrawAPIKey(ctx, hash)
	return v, w.note("WithdrawAPIKey", err)
}

// KeysByExpiry implements [usermgmt.Store].
func (w *Store) KeysByExpiry(ctx context.Context, q usermgmt.KeyQuery) ([]usermgmt.APIKey, error) {
	v, err := w.Store.KeysByExpiry(ctx, q)
	return v, w.note("KeysByExpiry", err)
}

// Mark implements [usermgmt.Store].
func (w *Store) Mark(ctx context.Context, name string) (string, error) {
	v, err := w.Store.Mark(ctx, name)
	return v, w.note("Mark", err)
}

// MoveMark implements [usermgmt.Store].
func (w *Store) MoveMark(ctx context.Context, name, from, to string) (bool, error) {
	v, err := w.Store.MoveMark(ctx, name, from, to)
	return v, w.note("MoveMark", err)
}
