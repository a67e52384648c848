package storetest

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func factorCases() []testCase {
	return []testCase{
		{"FactorSave", []string{"SaveFactor", "FactorOf", "DeleteFactor", "AccountByID", "AccountByLogin"}, factorSave},
		{"FactorSteps", []string{"UseFactorStep", "SaveFactor"}, factorSteps},
		{"RecoveryCodes", []string{"PutRecoveryCodes", "UseRecoveryCode", "CountRecoveryCodes", "DeleteFactor"}, recoveryCodes},
		{"QuestionSave", []string{"SaveQuestion", "QuestionOf", "DeleteQuestion", "AccountByID", "AccountByLogin"}, questionSave},
		{"FormerPasswords", []string{"AddFormerPassword", "FormerPasswords"}, formerPasswords},
		{"PasswordsByAge", []string{"PasswordsByAge", "SaveCredential", "SaveUser"}, passwordsByAge},
		{"Marks", []string{"Mark", "MoveMark"}, marks},
	}
}

// accountTells checks what both reads of an account say.
func (w *world) accountTells(u usermgmt.User, factor, question bool) {
	w.Helper()
	for _, a := range []usermgmt.Account{
		got(w.s.AccountByID(w.ctx, u.ID)).must(w), got(w.s.AccountByLogin(w.ctx, u.UsernameKey)).must(w),
	} {
		equal(w, "that there is a factor", factor, a.Factor)
		equal(w, "that there is a question", question, a.Question)
	}
}

func factorSave(w *world) {
	st := w.site("a")
	u, v := w.user(st, "u"), w.user(st, "v")
	got(w.s.FactorOf(w.ctx, u.ID)).missing(w)
	f := usermgmt.Factor{User: u.ID, Next: []byte{0, 1, 0xff}, NextAt: at(1)}
	argument := clone(f)
	w.do(w.s.SaveFactor(w.ctx, argument))
	scribble(argument)
	f.Version = 1
	for range 2 {
		read := got(w.s.FactorOf(w.ctx, u.ID))
		read.is(w, f)
		scribble(read.value)
	}
	w.accountTells(u, false, false) // it is not confirmed
	f.Secret, f.ConfirmedAt, f.Next, f.NextAt, f.LastStep = []byte("sealed"), at(2), nil, at(0).AddDate(0, 0, -1), 1<<40
	save := func(f usermgmt.Factor) func(context.Context, usermgmt.Store) error {
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveFactor(ctx, f) }
	}
	w.write(save(f))
	f.Version = 2
	got(w.s.FactorOf(w.ctx, u.ID)).is(w, f)
	w.accountTells(u, true, false)
	w.accountTells(v, false, false)
	w.refuse("saving an earlier version", isStale, save(withVersion(f, 1)))
	w.refuse("a second factor", isDuplicate, save(withVersion(f, 0)))
	of := f
	of.User = v.ID
	w.refuse("replacing what is not there", isMissing, save(of))
	of.User = newID[usermgmt.User](w)
	w.refuse("a factor of nobody", isReference, save(withVersion(of, 0)))
	remove := func(ctx context.Context, tx usermgmt.Store) error { return tx.DeleteFactor(ctx, u.ID) }
	w.write(remove)
	got(w.s.FactorOf(w.ctx, u.ID)).missing(w)
	w.accountTells(u, false, false)
	w.refuse("deleting it again", isMissing, remove)
}

func factorSteps(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	use := func(what string, step int64, want bool) {
		w.Helper()
		equal(w, what, want, got(w.s.UseFactorStep(w.ctx, u.ID, step)).must(w))
	}
	use("without a factor", 5, false)
	f := usermgmt.Factor{User: u.ID, Next: []byte("n"), NextAt: at(0)}
	w.do(w.s.SaveFactor(w.ctx, f))
	use("before it is confirmed", 5, false)
	f.Secret, f.Next, f.ConfirmedAt, f.LastStep, f.Version = []byte("s"), nil, at(1), 7, 1
	w.do(w.s.SaveFactor(w.ctx, f))
	use("an earlier step", 6, false)
	use("the last step", 7, false)
	use("a later step", 9, true)
	use("it again", 9, false)
	use("one between", 8, false)
	f.LastStep, f.Version = 9, 2
	got(w.s.FactorOf(w.ctx, u.ID)).is(w, f) // with the version as it was
	f.LastStep = 3
	w.do(w.s.SaveFactor(w.ctx, f))
	f.LastStep, f.Version = 9, 3
	got(w.s.FactorOf(w.ctx, u.ID)).is(w, f) // saving never lowers it
	f.LastStep = 20
	w.do(w.s.SaveFactor(w.ctx, f))
	use("a step below the one saved", 20, false)
	use("one above it", 21, true)
}

func recoveryCodes(w *world) {
	st := w.site("a")
	u, v := w.user(st, "u"), w.user(st, "v")
	count := func(user usermgmt.UserID, want int) {
		w.Helper()
		equal(w, "the codes left", want, got(w.s.CountRecoveryCodes(w.ctx, user)).must(w))
	}
	use := func(what string, user usermgmt.UserID, n int, want bool) {
		w.Helper()
		equal(w, what, want, got(w.s.UseRecoveryCode(w.ctx, user, hashOf(n))).must(w))
	}
	count(u.ID, 0)
	use("without codes", u.ID, 1, false)
	w.do(w.s.PutRecoveryCodes(w.ctx, u.ID, [][32]byte{hashOf(1), hashOf(2), hashOf(3)}))
	w.do(w.s.PutRecoveryCodes(w.ctx, v.ID, [][32]byte{hashOf(1)}))
	count(u.ID, 3)
	use("a code of nobody", u.ID, 9, false)
	use("a code", u.ID, 1, true)
	use("it again", u.ID, 1, false)
	count(u.ID, 2)
	count(v.ID, 1)
	w.do(w.s.PutRecoveryCodes(w.ctx, u.ID, [][32]byte{hashOf(4)}))
	use("a code that was replaced", u.ID, 2, false)
	use("a new one", u.ID, 4, true)
	count(u.ID, 0)
	w.do(w.s.SaveFactor(w.ctx, usermgmt.Factor{User: v.ID, Secret: []byte("s")}))
	w.do(w.s.DeleteFactor(w.ctx, v.ID))
	count(v.ID, 0)
	w.do(w.s.PutRecoveryCodes(w.ctx, v.ID, [][32]byte{hashOf(5)}))
	w.do(w.s.PutRecoveryCodes(w.ctx, v.ID, nil))
	count(v.ID, 0)
	w.refuse("codes of nobody", isReference, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.PutRecoveryCodes(ctx, newID[usermgmt.User](w), [][32]byte{hashOf(6)})
	})
}

func questionSave(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	got(w.s.QuestionOf(w.ctx, u.ID)).missing(w)
	q := usermgmt.Question{User: u.ID, Text: "Wie hie\u00df …?", Hash: "h", ChosenAt: at(1)}
	w.do(w.s.SaveQuestion(w.ctx, q))
	q.Version = 1
	got(w.s.QuestionOf(w.ctx, u.ID)).is(w, q)
	w.accountTells(u, false, true)
	q.Text, q.Hash, q.ChosenAt = "Another?", "i", at(2)
	save := func(q usermgmt.Question) func(context.Context, usermgmt.Store) error {
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveQuestion(ctx, q) }
	}
	w.write(save(q))
	q.Version = 2
	got(w.s.QuestionOf(w.ctx, u.ID)).is(w, q)
	w.refuse("saving an earlier version", isStale, save(withVersion(q, 1)))
	w.refuse("a second question", isDuplicate, save(withVersion(q, 0)))
	of := q
	of.User = newID[usermgmt.User](w)
	w.refuse("replacing what is not there", isMissing, save(of))
	w.refuse("a question of nobody", isReference, save(withVersion(of, 0)))
	remove := func(ctx context.Context, tx usermgmt.Store) error { return tx.DeleteQuestion(ctx, u.ID) }
	w.write(remove)
	got(w.s.QuestionOf(w.ctx, u.ID)).missing(w)
	w.accountTells(u, false, false)
	w.refuse("deleting it again", isMissing, remove)
}

func formerPasswords(w *world) {
	st := w.site("a")
	u, v := w.user(st, "u"), w.user(st, "v")
	add := func(user usermgmt.UserID, hash string, n, keep int) {
		w.Helper()
		w.do(w.s.AddFormerPassword(w.ctx, usermgmt.FormerPassword{User: user, Hash: hash, RetiredAt: at(n)}, keep))
	}
	is := func(user usermgmt.UserID, limit int, want string) {
		w.Helper()
		var hashes string
		for _, p := range got(w.s.FormerPasswords(w.ctx, user, limit)).must(w) {
			equal(w, "whose it is", user, p.User)
			hashes += p.Hash
		}
		equal(w, "the former passwords, newest first", want, hashes)
	}
	is(u.ID, 9, "")
	add(u.ID, "a", 1, 9)
	add(u.ID, "c", 3, 9)
	add(u.ID, "b", 2, 9) // by another clock
	add(u.ID, "d", 3, 9) // at the same time as c
	add(v.ID, "x", 1, 9)
	is(u.ID, 9, "dcba")
	is(u.ID, 2, "dc")
	add(u.ID, "e", 4, 3)
	is(u.ID, 9, "edc")
	add(u.ID, "z", 0, 3) // older than all that are kept
	is(u.ID, 9, "edc")
	add(u.ID, "f", 5, 0)
	is(u.ID, 9, "")
	is(v.ID, 9, "x")
	got(w.s.FormerPasswords(w.ctx, v.ID, 1)).is(w, []usermgmt.FormerPassword{{User: v.ID, Hash: "x", RetiredAt: at(1)}})
	w.refuse("a former password of nobody", isReference, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.AddFormerPassword(ctx, usermgmt.FormerPassword{User: newID[usermgmt.User](w), Hash: "h", RetiredAt: at(0)}, 1)
	})
}

func passwordsByAge(w *world) {
	a, b := w.site("a"), w.site("b")
	set := func(u usermgmt.User, change func(c *usermgmt.Credential)) {
		w.Helper()
		c := got(w.s.AccountByID(w.ctx, u.ID)).must(w).Credential
		change(&c)
		w.do(w.s.SaveCredential(w.ctx, c))
	}
	changed := func(n int) func(*usermgmt.Credential) {
		return func(c *usermgmt.Credential) { c.Hash, c.ChangedAt = "h", at(n) }
	}
	u1, u2, u3, u4, none := w.user(a, "u1"), w.user(a, "u2"), w.user(a, "u3"), w.user(a, "u4"), w.user(a, "none")
	other := w.user(b, "other")
	set(u1, changed(3))
	set(u2, changed(1))
	set(u3, changed(1))
	set(u4, changed(9))
	set(other, changed(1))
	set(none, func(c *usermgmt.Credential) { c.Hash, c.ChangedAt = "", at(1) })
	is := func(what string, q usermgmt.PasswordQuery, want ...usermgmt.User) {
		w.Helper()
		list := got(w.s.PasswordsByAge(w.ctx, q)).must(w)
		accounts := make([]usermgmt.Account, 0, len(want))
		for _, u := range want {
			accounts = append(accounts, got(w.s.AccountByID(w.ctx, u.ID)).must(w))
		}
		equal(w, what, accounts, list)
	}
	all := usermgmt.PasswordQuery{Org: a.org.ID, Until: at(5), Limit: 9}
	is("up to a moment", all, u2, u3, u1)
	q := all
	q.Until = at(3)
	is("and at it", q, u2, u3, u1)
	q = all
	q.Limit = 2
	is("a page", q, u2, u3)
	q.After, q.AfterUser = at(1), u2.ID
	is("the next", q, u3, u1)
	q.AfterUser = u3.ID
	is("behind equal ones", q, u1)
	q.Org, q.After, q.AfterUser = b.org.ID, at(0), usermgmt.UserID{}
	is("another organization", q, other)
	set(u2, func(c *usermgmt.Credential) { c.Status = usermgmt.StatusExpired })
	is("without the expired", all, u3, u1)
	set(u3, changed(4))
	is("after a change", all, u1, u3)
	set(u2, func(c *usermgmt.Credential) { c.Status = usermgmt.StatusActive })
	is("when it is active again", all, u2, u1, u3)
	u1.Org, u1.OwnerUnit, u1.Version = b.org.ID, b.top.ID, 1
	w.do(w.s.SaveUser(w.ctx, u1))
	u1.Version = 2
	is("after a move", all, u2, u3)
	q = all
	q.Org = b.org.ID
	is("where it went", q, other, u1)
	if _, err := w.s.PasswordsByAge(w.ctx, usermgmt.PasswordQuery{Org: a.org.ID}); err == nil {
		w.Errorf("a page without rows succeeded")
	}
}

func marks(w *world) {
	is := func(name, want string) {
		w.Helper()
		equal(w, "the mark", want, got(w.s.Mark(w.ctx, name)).must(w))
	}
	move := func(name, from, to string, want bool) {
		w.Helper()
		equal(w, "moved from "+from+" to "+to, want, got(w.s.MoveMark(w.ctx, name, from, to)).must(w))
	}
	is("a", "")
	move("a", "x", "y", false)
	is("a", "")
	move("a", "", "1", true)
	move("a", "", "2", false)
	is("a", "1")
	is("A", "")
	move("a", "1", "2", true)
	move("a", "1", "3", false)
	is("a", "2")
	move("b", "", "9", true)
	is("a", "2")
	move("a", "2", "2", true)
}
