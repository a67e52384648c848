package storetest

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func importCases() []testCase {
	return []testCase{
		{"ImportDigests", []string{"PutImportDigests", "ImportDigests"}, importDigests},
		{"ImportDigestsHold", []string{"ImportDigests", "PutImportDigests", "SaveUser", "SaveMembership", "BumpRights", "PutMemberSettings"}, importDigestsHold},
		{"ImportDigestsEnd", []string{"ImportDigests", "DeleteMembership", "EraseTraces"}, importDigestsEnd},
	}
}

// digests collects the import digests of an organization.
func digests(ctx context.Context, s usermgmt.Store, org usermgmt.OrgID) (out []usermgmt.ImportDigest, err error) {
	for d, e := range s.ImportDigests(ctx, org) {
		if e != nil {
			err = e
			continue
		}
		out = append(out, d)
	}
	return out, err
}

// digest is one of the member as it is.
func (w *world) digest(user usermgmt.UserID, org usermgmt.OrgID, n byte) usermgmt.ImportDigest {
	w.Helper()
	u, m := got(w.s.UserByID(w.ctx, user)).must(w), got(w.s.MembershipOf(w.ctx, user, org)).must(w)
	return usermgmt.ImportDigest{User: user, Digest: [16]byte{n, 15: n}, Version: u.Version, Rights: m.Rights, Settings: m.Settings}
}

// wantDigests wants the digests of an organization to be these.
func (w *world) wantDigests(what string, org usermgmt.OrgID, want ...usermgmt.ImportDigest) {
	w.Helper()
	for i := range want {
		want[i].Rights, want[i].Settings = 0, nil
	}
	sameSet(w, what, want, got(digests(w.ctx, w.s, org)).must(w))
}

func importDigests(w *world) {
	a, b := w.site("a"), w.site("b")
	ann, bob := w.user(a, "ann"), w.user(a, "bob")
	w.join(a, ann.ID, func(m *usermgmt.Membership) { m.Rights, m.Settings = 1<<61, w.settings() })
	w.join(a, bob.ID)
	w.join(b, ann.ID)
	w.wantDigests("before", a.org.ID)
	first, second, elsewhere := w.digest(ann.ID, a.org.ID, 1), w.digest(bob.ID, a.org.ID, 2), w.digest(ann.ID, b.org.ID, 3)
	second.Named = []usermgmt.NamedVersion{{User: ann.ID, Version: 1 << 62}, {User: newID[usermgmt.User](w), Version: 7}}
	argument := clone([]usermgmt.ImportDigest{first, second})
	w.do(w.s.PutImportDigests(w.ctx, a.org.ID, argument))
	scribble(argument)
	w.do(w.s.PutImportDigests(w.ctx, b.org.ID, []usermgmt.ImportDigest{elsewhere}))
	w.do(w.s.PutImportDigests(w.ctx, a.org.ID, nil))
	w.wantDigests("of one organization", a.org.ID, first, second)
	w.wantDigests("of the other", b.org.ID, elsewhere)
	read := got(digests(w.ctx, w.s, a.org.ID)).must(w)
	scribble(read)
	w.wantDigests("after somebody wrote over what was read", a.org.ID, first, second)
	w.wantDigests("of no organization", newID[usermgmt.Organization](w))

	again := w.digest(bob.ID, a.org.ID, 4)
	w.write(func(ctx context.Context, tx usermgmt.Store) error {
		return tx.PutImportDigests(ctx, a.org.ID, []usermgmt.ImportDigest{again})
	})
	w.wantDigests("after one was replaced", a.org.ID, first, again)
	stranger := usermgmt.ImportDigest{User: newID[usermgmt.User](w), Version: 1}
	w.do(w.s.PutImportDigests(w.ctx, a.org.ID, []usermgmt.ImportDigest{stranger})) // names nobody, which is no error
	w.wantDigests("of nobody", a.org.ID, first, again)
	for range w.s.ImportDigests(w.ctx, a.org.ID) {
		break // leaves the store as it was
	}
	w.wantDigests("after somebody left", a.org.ID, first, again)
	nowhere := newID[usermgmt.Organization](w)
	w.do(w.s.PutImportDigests(w.ctx, nowhere, []usermgmt.ImportDigest{first}))
	w.wantDigests("where there is nobody", nowhere)
}

func importDigestsHold(w *world) {
	a, b := w.site("a"), w.site("b")
	ann, bob := w.user(a, "ann"), w.user(a, "bob")
	for _, st := range []*site{a, b} {
		w.join(st, ann.ID)
		w.join(st, bob.ID)
	}
	org := a.org.ID
	other := w.digest(bob.ID, org, 9)
	w.do(w.s.PutImportDigests(w.ctx, org, []usermgmt.ImportDigest{other}))
	for i, change := range []struct {
		what string
		do   func() error
	}{
		{"the user", func() error {
			u := got(w.s.UserByID(w.ctx, ann.ID)).must(w)
			u.Phone = "1"
			return w.s.SaveUser(w.ctx, u)
		}},
		{"the membership", func() error { return w.s.SaveMembership(w.ctx, got(w.s.MembershipOf(w.ctx, ann.ID, org)).must(w)) }},
		{"the rights", func() error { return w.s.BumpRights(w.ctx, ann.ID, org) }},
		{"a setting", func() error { return w.s.PutMemberSettings(w.ctx, ann.ID, org, values("x"), nil) }},
		{"the author of a setting", func() error {
			set := values("x")
			v := set["k"]
			v.By = newID[usermgmt.User](w)
			set["k"] = v
			return w.s.PutMemberSettings(w.ctx, ann.ID, org, set, nil)
		}},
		{"no setting any more", func() error { return w.s.PutMemberSettings(w.ctx, ann.ID, org, nil, []string{"k"}) }},
	} {
		d := w.digest(ann.ID, org, byte(i))
		w.do(w.s.PutImportDigests(w.ctx, org, []usermgmt.ImportDigest{d}))
		w.wantDigests("before a change of "+change.what, org, d, other)
		w.do(w.s.BumpRights(w.ctx, ann.ID, b.org.ID)) // is no matter of the organization
		w.wantDigests("after a change elsewhere", org, d, other)
		w.do(change.do())
		w.wantDigests("after a change of "+change.what, org, other)
		w.do(w.s.PutImportDigests(w.ctx, org, []usermgmt.ImportDigest{d})) // was compared before it
		w.wantDigests("put too late", org, other)
	}
}

func importDigestsEnd(w *world) {
	a, b := w.site("a"), w.site("b")
	ann, bob := w.user(a, "ann"), w.user(a, "bob")
	put := func(user usermgmt.UserID, st *site, n byte) usermgmt.ImportDigest {
		d := w.digest(user, st.org.ID, n)
		w.do(w.s.PutImportDigests(w.ctx, st.org.ID, []usermgmt.ImportDigest{d}))
		return d
	}
	rights := func(m *usermgmt.Membership) { m.Rights = 5 }
	w.join(a, ann.ID, rights)
	w.join(a, bob.ID)
	w.join(b, ann.ID)
	put(ann.ID, a, 1)
	left, elsewhere := put(bob.ID, a, 2), put(ann.ID, b, 3)
	w.do(w.s.DeleteMembership(w.ctx, ann.ID, a.org.ID, at(1)))
	old := usermgmt.ImportDigest{User: ann.ID, Version: ann.Version, Rights: 5}
	w.do(w.s.PutImportDigests(w.ctx, a.org.ID, []usermgmt.ImportDigest{old})) // was compared before
	w.wantDigests("of a membership that ended", a.org.ID, left)
	w.join(a, ann.ID, func(m *usermgmt.Membership) { m.Rights = 6 })
	w.wantDigests("after a membership ended", a.org.ID, left)
	w.wantDigests("elsewhere", b.org.ID, elsewhere)
	again := put(ann.ID, a, 4)
	w.wantDigests("of a membership after another", a.org.ID, left, again)
	w.do(w.s.BumpRights(w.ctx, ann.ID, a.org.ID))
	w.wantDigests("after a change of it", a.org.ID, left)
	put(ann.ID, a, 5)
	w.do(w.s.EraseTraces(w.ctx, usermgmt.Person{User: ann.ID}))
	w.wantDigests("after the user's traces were erased", a.org.ID, left)
	w.wantDigests("everywhere", b.org.ID)
}
