package postgres_test

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

// bigFactors are the calls of what proves a user besides the password.
func bigFactors(users int) []bigCall {
	type st = usermgmt.Store
	type c = context.Context
	u := bigUser(15)
	return []bigCall{
		bigGet("FactorOf", func(x c, s st) (usermgmt.Factor, error) { return s.FactorOf(x, u) }),
		bigGet("CountRecoveryCodes", func(x c, s st) (int, error) { return s.CountRecoveryCodes(x, u) }),
		bigGet("QuestionOf", func(x c, s st) (usermgmt.Question, error) { return s.QuestionOf(x, u) }),
		bigList("FormerPasswords", func(x c, s st) ([]usermgmt.FormerPassword, error) { return s.FormerPasswords(x, u, 24) }),
		bigList("PasswordsByAge", func(x c, s st) ([]usermgmt.Account, error) {
			return s.PasswordsByAge(x, usermgmt.PasswordQuery{Org: bigOrg(1), Until: time.Now().AddDate(0, 0, -90), Limit: 50})
		}),
		bigList("PasswordsByAge of a small org", func(x c, s st) ([]usermgmt.Account, error) {
			return s.PasswordsByAge(x, usermgmt.PasswordQuery{Org: bigOrg(9), Until: time.Now().AddDate(0, 0, -90), Limit: 50})
		}),
		bigList("PasswordsByAge, deep", func(x c, s st) ([]usermgmt.Account, error) {
			return s.PasswordsByAge(x, usermgmt.PasswordQuery{Org: bigOrg(1), After: time.Now().AddDate(0, 0, -200), AfterUser: bigUser(users / 2),
				Until: time.Now().AddDate(0, 0, -90), Limit: 50})
		}),
		bigList("KeysByExpiry", func(x c, s st) ([]usermgmt.APIKey, error) {
			return s.KeysByExpiry(x, usermgmt.KeyQuery{After: time.Now(), Until: time.Now().AddDate(0, 0, 30), Limit: 50})
		}),
		bigGet("APIKeyByHash, the one before", func(x c, s st) (usermgmt.KeyView, error) { return s.APIKeyByHash(x, bigHash(109, 101)) }),
		bigGet("Mark", func(x c, s st) (string, error) { return s.Mark(x, "m") }),
		bigWrite("UseFactorStep", func(x c, s st) error {
			_, err := s.UseFactorStep(x, u, 1<<40)
			return err
		}),
		bigWrite("UseRecoveryCode", func(x c, s st) error {
			_, err := s.UseRecoveryCode(x, u, [32]byte{1})
			return err
		}),
		bigWrite("PutRecoveryCodes", func(x c, s st) error { return s.PutRecoveryCodes(x, u, [][32]byte{{2}}) }),
		bigWrite("SaveFactor", func(x c, s st) error {
			return s.SaveFactor(x, usermgmt.Factor{User: u, Secret: []byte("t"), Version: 1})
		}),
		bigWrite("SaveQuestion", func(x c, s st) error {
			return s.SaveQuestion(x, usermgmt.Question{User: u, Text: "q", Hash: "h", Version: 1})
		}),
		bigWrite("AddFormerPassword", func(x c, s st) error {
			return s.AddFormerPassword(x, usermgmt.FormerPassword{User: u, Hash: "h", RetiredAt: time.Now()}, 3)
		}),
		bigWrite("DeleteQuestion", func(x c, s st) error { return s.DeleteQuestion(x, u) }),
		bigWrite("DeleteFactor", func(x c, s st) error { return s.DeleteFactor(x, u) }),
		bigWrite("WithdrawAPIKey", func(x c, s st) error {
			_, err := s.WithdrawAPIKey(x, bigHash(109, 101))
			return err
		}),
		bigWrite("MoveMark", func(x c, s st) error {
			_, err := s.MoveMark(x, "m", "", "1")
			return err
		}),
	}
}
