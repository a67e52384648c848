package storetest

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func userCases() []testCase {
	return []testCase{
		{"UserSave", []string{"SaveUser", "UserByID"}, userSave},
		{"UserReferences", []string{"SaveUser"}, userReferences},
		{"UserLoginNamesAreOneSpace", []string{"SaveUser", "AccountByLogin"}, userLoginNames},
		{"UserLoginNamesWithoutEmail", []string{"SaveUser", "AccountByLogin"}, userWithoutEmail},
		{"UserLoginNamesChange", []string{"SaveUser", "AccountByLogin"}, userNamesChange},
		{"UsersByNames", []string{"UsersByLogin", "UsersByExternalID"}, usersByNames},
		{"UserExternalID", []string{"SaveUser", "UserByExternalID"}, userExternalID},
		{"UserAccount", []string{"SaveUser", "AccountByID", "AccountByLogin"}, userAccount},
		{"UsersByID", []string{"UsersByID"}, usersByID},
		{"AccountsByID", []string{"AccountsByID", "AccountByID"}, accountsByID},
	}
}

func userSave(w *world) {
	st, b := w.site("a"), w.site("b")
	boss := w.user(st, "boss")
	x, y := w.group("x"), w.group("y")
	id := newID[usermgmt.User](w)
	first := w.newUser(st, "ann", func(u *usermgmt.User) { u.ID, u.Groups = id, []usermgmt.GroupID{x.ID} })
	second := usermgmt.User{
		ID: id, Kind: usermgmt.KindService, Reserved: true, Org: b.org.ID, OwnerUnit: b.leaf.ID,
		Username: "Ännchen", UsernameKey: "ännchen", Email: "Ä@Mail.test", EmailKey: "ä@mail.test",
		Emails: []string{"z@mail.test", "a@mail.test"}, VerifiedEmails: []string{"ä@mail.test", "z@mail.test"}, Prefix: "Dr", FirstName: "Ä", MiddleName: "M",
		LastName: "O'Neil", Suffix: "Jr", NameKey: "o'neil, ä", SearchKey: "o'neil\nä",
		Birthday: usermgmt.Date{Year: 1904, Month: time.February, Day: 29}, AvatarType: "image/png",
		Phone: "+1", Mobile: "+2", Fax: "+3",
		Address: usermgmt.Address{Street: "1 St", City: "C", State: "S", PostalCode: "01", Country: "DE"},
		Company: "Co", Title: "T", EmployeeNumber: []string{"DE", "AT", "7"}, ReportsTo: boss.ID, Responsible: boss.ID,
		Groups: []usermgmt.GroupID{y.ID, x.ID}, Custom: map[string]string{"size": "42", "": "empty", "quote'\"": "a\nb"},
		Newsletter: true, AccountMail: true,
		SSO:    usermgmt.SSO{PassThrough: "p", Delegated: true, FederationID: "f"},
		Source: "ldap", ExternalID: "cn=x", ErasedAt: at(8), DeactivatedAt: at(9), CreatedAt: at(2), UpdatedAt: at(3),
	}
	checkSave(w, row[usermgmt.User]{
		usermgmt.Store.SaveUser,
		func(s usermgmt.Store, ctx context.Context, u usermgmt.User) (usermgmt.User, error) {
			return s.UserByID(ctx, u.ID)
		},
	}, first, second)
}

func userReferences(w *world) {
	a, b := w.site("a"), w.site("b")
	u := w.user(a, "u")
	try := func(change func(u *usermgmt.User)) func(context.Context, usermgmt.Store) error {
		v := w.newUser(a, "v", change)
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveUser(ctx, v) }
	}
	w.refuse("a unit that does not exist", isReference, try(ownedBy(newID[usermgmt.BusinessUnit](w))))
	w.refuse("a unit of another organization", isReference, try(ownedBy(b.top.ID)))
	w.refuse("an organization that is not the unit's", isReference, try(func(u *usermgmt.User) { u.Org = b.org.ID }))
	w.refuse("a superior who does not exist", isReference, try(func(u *usermgmt.User) { u.ReportsTo = newID[usermgmt.User](w) }))
	w.refuse("a responsible who does not exist", isReference, try(func(u *usermgmt.User) { u.Responsible = newID[usermgmt.User](w) }))
	moved := u
	moved.OwnerUnit = b.top.ID
	w.refuse("a move to a unit of another organization", isReference, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveUser(ctx, moved)
	})
	moved.Org, moved.ReportsTo = b.org.ID, u.ID
	w.do(w.s.SaveUser(w.ctx, moved))
}

func userLoginNames(w *world) {
	st := w.site("a")
	ann := w.user(st, "ann")
	bob := w.user(st, "bob", func(u *usermgmt.User) { u.UsernameKey, u.EmailKey = "bob", "bob" })
	got(w.s.UserByID(w.ctx, bob.ID)).is(w, bob) // one's own names may be equal

	insert := func(username, email string) func(context.Context, usermgmt.Store) error {
		u := w.newUser(st, "new", func(u *usermgmt.User) {
			u.Username, u.UsernameKey, u.Email, u.EmailKey = username, username, email, email
		})
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveUser(ctx, u) }
	}
	replace := func(username, email string) func(context.Context, usermgmt.Store) error {
		u := ann
		u.UsernameKey, u.EmailKey = username, email
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveUser(ctx, u) }
	}
	w.refuse("inserting a taken user name", isTaken("username"), insert("ann", "free@mail.test"))
	w.refuse("inserting a user name that is an e-mail", isTaken("username"), insert("ann@mail.test", "free@mail.test"))
	w.refuse("inserting a taken e-mail", isTaken("email"), insert("free", "ann@mail.test"))
	w.refuse("inserting an e-mail that is a user name", isTaken("email"), insert("free", "ann"))
	w.refuse("changing to a taken user name", isTaken("username"), replace("bob", "ann@mail.test"))
	w.refuse("changing to an e-mail that is a user name", isTaken("email"), replace("ann", "bob"))
	w.user(st, "Ann") // keys are compared as bytes

	// Further addresses and display forms are no login names.
	w.user(st, "eve", func(u *usermgmt.User) {
		u.Emails, u.Username, u.Email = []string{"ann@mail.test"}, "ann", "ann@mail.test"
	})
	for _, key := range []string{"ann", "ann@mail.test"} {
		equal(w, "the user found by "+key, ann.ID, got(w.s.AccountByLogin(w.ctx, key)).must(w).User.ID)
	}
	equal(w, "the user found by bob", bob.ID, got(w.s.AccountByLogin(w.ctx, "bob")).must(w).User.ID)
	got(w.s.AccountByLogin(w.ctx, "ANN")).missing(w)
	got(w.s.AccountByLogin(w.ctx, "free")).missing(w)
}

func userWithoutEmail(w *world) {
	st := w.site("a")
	noMail := func(u *usermgmt.User) { u.Email, u.EmailKey = "", "" }
	w.user(st, "a", noMail)
	w.user(st, "b", noMail)
	got(w.s.AccountByLogin(w.ctx, "")).missing(w)
}

func userNamesChange(w *world) {
	st := w.site("a")
	ann := w.user(st, "ann")
	ann.UsernameKey, ann.EmailKey = "ann@mail.test", "ann" // the two change places
	w.do(w.s.SaveUser(w.ctx, ann))
	ann.Version = 2
	equal(w, "the user found by the user name", ann.ID, got(w.s.AccountByLogin(w.ctx, "ann@mail.test")).must(w).User.ID)
	ann.UsernameKey, ann.EmailKey = "anna", ""
	w.do(w.s.SaveUser(w.ctx, ann))
	ann.Version = 3
	got(w.s.AccountByLogin(w.ctx, "ann")).missing(w)
	got(w.s.AccountByLogin(w.ctx, "ann@mail.test")).missing(w)
	next := w.user(st, "ann") // both names are free
	equal(w, "the user found by a freed name", next.ID, got(w.s.AccountByLogin(w.ctx, "ann")).must(w).User.ID)

	// A name passes from one user to another in one transaction.
	w.write(func(ctx context.Context, tx usermgmt.Store) error {
		from, to := next, ann
		from.UsernameKey, to.UsernameKey = "former", "ann"
		if err := tx.SaveUser(ctx, from); err != nil {
			return err
		}
		return tx.SaveUser(ctx, to)
	})
	equal(w, "the user found by a passed name", ann.ID, got(w.s.AccountByLogin(w.ctx, "ann")).must(w).User.ID)
	equal(w, "the user found by the name for it", next.ID, got(w.s.AccountByLogin(w.ctx, "former")).must(w).User.ID)
}

func userExternalID(w *world) {
	st := w.site("a")
	pair := func(source, id string) func(*usermgmt.User) {
		return func(u *usermgmt.User) { u.Source, u.ExternalID = source, id }
	}
	a := w.user(st, "a", pair("ldap", "1"))
	b := w.user(st, "b", pair("ldap", "2"))
	c := w.user(st, "c", pair("saml", "1"))
	w.user(st, "d")
	w.user(st, "e") // both empty: not a pair
	for _, u := range []usermgmt.User{a, b, c} {
		got(w.s.UserByExternalID(w.ctx, u.Source, u.ExternalID)).is(w, u)
	}
	got(w.s.UserByExternalID(w.ctx, "LDAP", "1")).missing(w)
	got(w.s.UserByExternalID(w.ctx, "", "")).missing(w)
	w.refuse("inserting a taken pair", isTaken("external_id"), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveUser(ctx, w.newUser(st, "f", pair("ldap", "1")))
	})
	w.refuse("changing to a taken pair", isTaken("external_id"), func(ctx context.Context, tx usermgmt.Store) error {
		v := b
		v.ExternalID = "1"
		return tx.SaveUser(ctx, v)
	})
	a.ExternalID = "9"
	w.do(w.s.SaveUser(w.ctx, a))
	got(w.s.UserByExternalID(w.ctx, "ldap", "1")).missing(w)
	w.user(st, "g", pair("ldap", "1"))
}

func userAccount(w *world) {
	st := w.site("a")
	u := w.user(st, "ann")
	want := usermgmt.Account{
		User:       u,
		Credential: usermgmt.Credential{User: u.ID, Status: usermgmt.StatusActive, Epoch: 1, Version: 1},
		Login:      usermgmt.LoginState{User: u.ID},
	}
	check := func() {
		w.Helper()
		got(w.s.AccountByID(w.ctx, u.ID)).is(w, want)
		got(w.s.AccountByLogin(w.ctx, "ann")).is(w, want)
		got(w.s.AccountByLogin(w.ctx, "ann@mail.test")).is(w, want)
	}
	check()
	want.Credential.Hash, want.Credential.Epoch = "$argon2id$", 1<<40
	want.Credential.Status, want.Credential.MustChange = usermgmt.StatusPasswordReset, true
	want.Credential.ChangedAt = at(4)
	w.do(w.s.SaveCredential(w.ctx, want.Credential))
	want.Credential.Version = 2
	w.do(w.s.RecordLogin(w.ctx, u.ID, at(5)))
	want.Login.LastLoginAt, want.Login.LoginCount = at(5), 1
	check()
	want.User.LastName = "changed"
	w.do(w.s.SaveUser(w.ctx, want.User)) // leaves the credential and the logins alone
	want.User.Version = 2
	check()
	got(w.s.AccountByID(w.ctx, newID[usermgmt.User](w))).missing(w)
	got(w.s.UserByID(w.ctx, newID[usermgmt.User](w))).missing(w)
}

func usersByID(w *world) {
	st := w.site("a")
	a, b := w.user(st, "a"), w.user(st, "b")
	w.user(st, "c")
	read := func(ids ...usermgmt.UserID) []usermgmt.User {
		w.Helper()
		return got(w.s.UsersByID(w.ctx, ids)).must(w)
	}
	sameSet(w, "users", []usermgmt.User{a, b}, read(a.ID, newID[usermgmt.User](w), b.ID, a.ID))
	sameSet(w, "no users", nil, read())
	sameSet(w, "unknown users", nil, read(newID[usermgmt.User](w)))
	ids := []usermgmt.UserID{a.ID}
	for range 2000 {
		ids = append(ids, newID[usermgmt.User](w))
	}
	sameSet(w, "one of many", []usermgmt.User{a}, read(ids...))
}

func usersByNames(w *world) {
	st := w.site("a")
	external := func(source, id string) func(*usermgmt.User) {
		return func(u *usermgmt.User) { u.Source, u.ExternalID = source, id }
	}
	ann := w.user(st, "ann", external("ldap", "1"))
	bob := w.user(st, "bob", external("ldap", "2"))
	cat := w.user(st, "cat", external("hr", "1"), func(u *usermgmt.User) { u.Email, u.EmailKey = "", "" })
	dan := w.user(st, "dan", func(u *usermgmt.User) { u.UsernameKey, u.EmailKey = "dan", "dan" })
	sameSet(w, "the users with the login names", []usermgmt.User{ann, bob, cat, dan},
		got(w.s.UsersByLogin(w.ctx, []string{"ann", "bob@mail.test", "ann@mail.test", "cat", "dan", "free", "", "ANN", "ann"})).must(w))
	sameSet(w, "the users with no login names", nil, got(w.s.UsersByLogin(w.ctx, nil)).must(w))
	sameSet(w, "the users with the external identifiers", []usermgmt.User{ann, bob},
		got(w.s.UsersByExternalID(w.ctx, "ldap", []string{"2", "1", "2", "3", ""})).must(w))
	sameSet(w, "the users of a source", []usermgmt.User{cat},
		got(w.s.UsersByExternalID(w.ctx, "hr", []string{"1", "2"})).must(w))
	sameSet(w, "the users of no source", nil,
		got(w.s.UsersByExternalID(w.ctx, "", []string{""})).must(w))
}

func accountsByID(w *world) {
	st := w.site("a")
	u, v := w.user(st, "u"), w.user(st, "v")
	w.user(st, "x")
	if _, _, err := w.s.ReserveAttempt(w.ctx, u.ID, rule(1, at(0), at(9))); err != nil {
		w.do(err)
	}
	w.do(w.s.SaveCredential(w.ctx, usermgmt.Credential{User: v.ID, Status: usermgmt.StatusExpired, Hash: "h", ChangedAt: at(1), Epoch: 2, Version: 1}))
	var want []usermgmt.Account
	for _, id := range []usermgmt.UserID{u.ID, v.ID} {
		want = append(want, got(w.s.AccountByID(w.ctx, id)).must(w))
	}
	read := func(ids ...usermgmt.UserID) []usermgmt.Account {
		w.Helper()
		return got(w.s.AccountsByID(w.ctx, ids)).must(w)
	}
	sameSet(w, "accounts", want, read(v.ID, u.ID, u.ID, newID[usermgmt.User](w), usermgmt.UserID{}))
	sameSet(w, "accounts of nobody", nil, read())
}
