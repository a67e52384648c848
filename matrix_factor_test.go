package usermgmt_test

import (
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// factored gives the user whom the cell is about a second factor and a question.
func (c *cell) factored() usermgmt.UserID {
	id := c.user()
	if _, err := c.Store.UserByID(c.ctx, id); err != nil {
		return id
	}
	f := usermgmt.Factor{User: id, Secret: []byte("sealed elsewhere"), ConfirmedAt: c.Clock.Now()}
	q := usermgmt.Question{User: id, Text: "The first pet?", Hash: "none", ChosenAt: c.Clock.Now()}
	if err := c.Store.SaveFactor(c.ctx, f); err != nil {
		panic(err)
	}
	if err := c.Store.SaveQuestion(c.ctx, q); err != nil {
		panic(err)
	}
	return id
}

// factorRows are the rows about second factors, questions and fresh proofs.
func factorRows() []row {
	self := func(method string, call func(c *cell) (string, error)) row {
		return row{method: method, call: func(c *cell) (string, error) {
			c.target = "self"
			c.factored()
			return call(c)
		}}
	}
	return []row{
		{method: "Auth.StepUp", fresh: true, call: func(c *cell) (string, error) {
			return drop(c.m.Auth().StepUp(c.ctx, c.a, usermgmt.StepUpRequest{Password: usermgmttest.Password}))
		}},
		{method: "Factors.Enroll", call: func(c *cell) (string, error) { return drop(c.m.Factors().Enroll(c.ctx, c.a)) }},
		{method: "Factors.Confirm", fresh: true, call: func(c *cell) (string, error) {
			if _, err := c.m.Factors().Enroll(c.ctx, c.a); err != nil {
				_, err := c.m.Factors().Confirm(c.ctx, c.a, "000000")
				return "", err
			}
			return drop(c.m.Factors().Confirm(c.ctx, c.a, "wrong"))
		}},
		{method: "Factors.Prove", fresh: true, call: func(c *cell) (string, error) { return drop(c.m.Factors().Prove(c.ctx, c.a, "000000")) }},
		{method: "Factors.SendCode", call: func(c *cell) (string, error) { return only(c.m.Factors().SendCode(c.ctx, c.a)) }},
		self("Factors.RenewCodes", func(c *cell) (string, error) { return drop(c.m.Factors().RenewCodes(c.ctx, c.a)) }),
		self("Factors.Remove", func(c *cell) (string, error) { return only(c.m.Factors().Remove(c.ctx, c.a)) }),
		onUsers("Factors.Reset", func(c *cell) (string, error) {
			return only(c.m.Factors().Reset(c.ctx, c.a, c.factored(), "lost the telephone; knows the employee number"))
		}),
		onUsers("Factors.Get", func(c *cell) (string, error) { return drop(c.m.Factors().Get(c.ctx, c.a, c.factored())) }),
		self("Questions.Get", func(c *cell) (string, error) { return drop(c.m.Questions().Get(c.ctx, c.a)) }),
		{method: "Questions.Choose", call: func(c *cell) (string, error) {
			return drop(c.m.Questions().Choose(c.ctx, c.a, usermgmt.QuestionChoice{Question: "The first pet?", Answer: "Rex the dog"}))
		}},
		{method: "Questions.Answer", fresh: true, call: func(c *cell) (string, error) {
			return drop(c.m.Questions().Answer(c.ctx, c.a, "Rex the dog"))
		}},
		onUsers("APIKeys.Rotate", func(c *cell) (string, error) {
			if _, err := c.Store.UserByID(c.ctx, c.user()); err == nil {
				k := usermgmt.APIKey{ID: usermgmt.APIKeyID{9}, User: c.user(), Org: c.users["teammate"].Org, PublicID: "p", Hash: [32]byte{9}, CreatedAt: c.Clock.Now()}
				if c.target == "foreign" {
					k.Org = c.users["foreign"].Org
				}
				if err := c.Store.PutAPIKey(c.ctx, k); err != nil {
					panic(err)
				}
			}
			return drop(c.m.APIKeys().Rotate(c.ctx, c.a, usermgmt.KeyRotation{User: c.user(), Grace: time.Hour}))
		}),
	}
}
