package storetest

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func (c *contents) readersOfFactors() []reader {
	return []reader{
		read("FactorOf", func(ctx context.Context, s store) (usermgmt.Factor, error) { return s.FactorOf(ctx, c.ann.ID) }),
		read("CountRecoveryCodes", func(ctx context.Context, s store) (int, error) { return s.CountRecoveryCodes(ctx, c.ann.ID) }),
		read("QuestionOf", func(ctx context.Context, s store) (usermgmt.Question, error) { return s.QuestionOf(ctx, c.ann.ID) }),
		read("FormerPasswords", func(ctx context.Context, s store) ([]usermgmt.FormerPassword, error) {
			return s.FormerPasswords(ctx, c.ann.ID, 9)
		}),
		read("PasswordsByAge", func(ctx context.Context, s store) ([]usermgmt.Account, error) {
			return s.PasswordsByAge(ctx, usermgmt.PasswordQuery{Org: c.a.org.ID, Until: at(99), Limit: 9})
		}),
		read("KeysByExpiry", func(ctx context.Context, s store) ([]usermgmt.APIKey, error) {
			return s.KeysByExpiry(ctx, usermgmt.KeyQuery{Until: at(9999), Limit: 9})
		}),
		read("Mark", func(ctx context.Context, s store) (string, error) { return s.Mark(ctx, "m") }),
	}
}

func (c *contents) writesOfFactors() []write {
	return []write{
		{"UseFactorStep", func(ctx context.Context, s store) error {
			_, err := s.UseFactorStep(ctx, c.ann.ID, 4)
			return err
		}},
		{"UseRecoveryCode", func(ctx context.Context, s store) error {
			_, err := s.UseRecoveryCode(ctx, c.ann.ID, hashOf(-21))
			return err
		}},
		{"SaveFactor", func(ctx context.Context, s store) error {
			return s.SaveFactor(ctx, usermgmt.Factor{User: c.ann.ID, Secret: []byte("other"), ConfirmedAt: at(1), Version: 1})
		}},
		{"SaveFactor", func(ctx context.Context, s store) error {
			return s.SaveFactor(ctx, usermgmt.Factor{User: c.bob.ID, Next: []byte("n"), NextAt: at(1)})
		}},
		{"PutRecoveryCodes", func(ctx context.Context, s store) error {
			return s.PutRecoveryCodes(ctx, c.ann.ID, [][32]byte{hashOf(-23), hashOf(-24), hashOf(-25)})
		}},
		{"DeleteFactor", func(ctx context.Context, s store) error { return s.DeleteFactor(ctx, c.cat.ID) }},
		{"SaveQuestion", func(ctx context.Context, s store) error {
			return s.SaveQuestion(ctx, usermgmt.Question{User: c.ann.ID, Text: "r", Hash: "i", ChosenAt: at(1), Version: 1})
		}},
		{"SaveQuestion", func(ctx context.Context, s store) error {
			return s.SaveQuestion(ctx, usermgmt.Question{User: c.bob.ID, Text: "r", Hash: "i", ChosenAt: at(1)})
		}},
		{"DeleteQuestion", func(ctx context.Context, s store) error { return s.DeleteQuestion(ctx, c.cat.ID) }},
		{"AddFormerPassword", func(ctx context.Context, s store) error {
			return s.AddFormerPassword(ctx, usermgmt.FormerPassword{User: c.ann.ID, Hash: "older", RetiredAt: at(-8)}, 9)
		}},
		{"MoveMark", func(ctx context.Context, s store) error {
			_, err := s.MoveMark(ctx, "m", "1", "2")
			return err
		}},
		{"WithdrawAPIKey", func(ctx context.Context, s store) error {
			_, err := s.WithdrawAPIKey(ctx, c.annKey.PreviousHash)
			return err
		}},
	}
}
