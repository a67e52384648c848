package storetest

import (
	"time"

	"github.com/usermgmt/usermgmt"
)

func eraseCases() []testCase {
	return []testCase{
		{"TracesOf", []string{"TracesOf"}, tracesOf},
		{"EraseTraces", []string{"EraseTraces", "TracesOf"}, eraseTraces},
		{"EraseTracesOfSecrets", []string{"EraseTraces"}, eraseSecrets},
	}
}

// trail is a site in which ann and bob have one of everything.
type trail struct {
	st       *site
	ann, bob usermgmt.Person
	mine     usermgmt.Traces // ann's
	theirs   usermgmt.Traces // bob's
}

func (w *world) trail() *trail {
	w.Helper()
	t := &trail{st: w.site("a")}
	people := map[string]*usermgmt.Traces{"ann": &t.mine, "bob": &t.theirs}
	for _, name := range []string{"ann", "bob"} {
		u := w.person(t.st, name, nil)
		p := usermgmt.Person{User: u.ID, Addresses: []string{name + "@mail.test", name + "@else.test", ""}, EmailKeys: []string{name + "@mail.test"}}
		x := people[name]
		live, ended := w.session(t.st, u.ID, 0), w.session(t.st, u.ID, 1)
		got(w.s.EndSession(w.ctx, ended.ID, at(2), "logout")).must(w)
		ended.EndedAt, ended.EndReason = at(2), "logout"
		x.Sessions = []usermgmt.Session{live, ended}
		k := w.newKey(t.st, u.ID)
		w.do(w.s.PutAPIKey(w.ctx, k))
		x.Keys = []usermgmt.APIKey{k}
		byUser, byAddress, event := w.newMessage(0), w.newMessage(1), w.newMessage(2)
		byUser.User, byUser.To = u.ID, name+"@old.test"
		byAddress.To = name + "@else.test"
		event.Event, event.To = true, ""
		w.do(w.s.AddMessages(w.ctx, byUser, byAddress, event))
		x.Messages = []usermgmt.Message{byUser, byAddress}
		x.Jobs = []usermgmt.Job{w.job(t.st, u.ID, "export")}
		pending, accepted := w.newInvitation(t.st, name+"@mail.test"), w.newInvitation(t.st, name+"@former.test")
		w.do(w.s.SaveInvitation(w.ctx, pending))
		w.do(w.s.SaveInvitation(w.ctx, accepted))
		got(w.s.EndInvitation(w.ctx, accepted.ID, usermgmt.InvitationAccepted, at(3), u.ID)).must(w)
		pending.Version, accepted.Version = 1, 2
		accepted.Outcome, accepted.EndedAt, accepted.AcceptedBy = usermgmt.InvitationAccepted, at(3), u.ID
		x.Invitations = []usermgmt.Invitation{pending, accepted}
		if name == "ann" {
			t.ann = p
		} else {
			t.bob = p
		}
	}
	// Ann is in one of Bob's sessions: it is a trace of both.
	proxy := w.proxy(t.st, t.mine.Sessions[0], t.bob.User, 4)
	t.mine.Sessions = append(t.mine.Sessions, proxy)
	t.theirs.Sessions = append(t.theirs.Sessions, proxy)
	return t
}

func (w *world) wantTraces(what string, p usermgmt.Person, want usermgmt.Traces) {
	w.Helper()
	x := got(w.s.TracesOf(w.ctx, p)).must(w)
	sameSet(w, what+": sessions", want.Sessions, x.Sessions)
	sameSet(w, what+": keys", want.Keys, x.Keys)
	sameSet(w, what+": messages", want.Messages, x.Messages)
	sameSet(w, what+": jobs", want.Jobs, x.Jobs)
	sameSet(w, what+": invitations", want.Invitations, x.Invitations)
}

func tracesOf(w *world) {
	t := w.trail()
	w.wantTraces("ann", t.ann, t.mine)
	w.wantTraces("bob", t.bob, t.theirs)
	w.wantTraces("nobody", usermgmt.Person{User: newID[usermgmt.User](w)}, usermgmt.Traces{})
	w.wantTraces("no user", usermgmt.Person{Addresses: t.ann.Addresses, EmailKeys: t.ann.EmailKeys}, usermgmt.Traces{})
	w.wantTraces("no addresses", usermgmt.Person{User: t.ann.User}, usermgmt.Traces{
		Sessions: t.mine.Sessions, Keys: t.mine.Keys, Messages: t.mine.Messages[:1], Jobs: t.mine.Jobs, Invitations: t.mine.Invitations[1:],
	})
}

func eraseTraces(w *world) {
	t := w.trail()
	join := w.newToken(usermgmt.TokenJoin, usermgmt.UserID{}, 0)
	join.Invitation = t.mine.Invitations[1].ID
	own := w.newToken(usermgmt.TokenReset, t.ann.User, 0)
	other := w.newToken(usermgmt.TokenReset, t.bob.User, 0)
	for _, k := range []usermgmt.Token{join, own, other} {
		w.putToken(k, time.Time{}, true)
	}
	w.armToken(own.ID, 77, true)
	messages := len(w.messages(false))

	w.do(w.s.EraseTraces(w.ctx, t.ann))
	w.wantTraces("after it", t.ann, usermgmt.Traces{Invitations: t.mine.Invitations[:1]})
	t.theirs.Sessions = t.theirs.Sessions[:2] // the one that ann was in is gone
	w.wantTraces("bob after it", t.bob, t.theirs)
	equal(w, "messages", messages-2, len(w.messages(false)))
	for _, k := range []usermgmt.Token{join, own} {
		got(w.s.TokenByID(w.ctx, k.ID)).missing(w)
	}
	got(w.s.TokenByHash(w.ctx, hashOf(77))).missing(w)
	got(w.s.TokenByID(w.ctx, other.ID)).is(w, other)
	got(w.s.SessionByToken(w.ctx, t.mine.Sessions[0].TokenHash)).missing(w)
	got(w.s.APIKeyByHash(w.ctx, t.mine.Keys[0].Hash)).missing(w)
	got(w.s.PendingInvitation(w.ctx, t.st.org.ID, "ann@mail.test")).is(w, t.mine.Invitations[0])
	w.do(w.s.EraseTraces(w.ctx, t.ann)) // there is nothing left, which is no error
	w.do(w.s.EraseTraces(w.ctx, usermgmt.Person{User: newID[usermgmt.User](w)}))
	w.do(w.s.EraseTraces(w.ctx, usermgmt.Person{Addresses: t.bob.Addresses, EmailKeys: t.bob.EmailKeys}))
	w.wantTraces("bob at the end", t.bob, t.theirs)
}

func eraseSecrets(w *world) {
	st := w.site("a")
	users := []usermgmt.UserID{w.user(st, "ann").ID, w.user(st, "bob").ID}
	for i, u := range users {
		w.do(w.s.SaveFactor(w.ctx, usermgmt.Factor{User: u, Secret: []byte("sealed"), ConfirmedAt: at(1)}))
		w.do(w.s.PutRecoveryCodes(w.ctx, u, [][32]byte{hashOf(2 * i), hashOf(2*i + 1)}))
		w.do(w.s.SaveQuestion(w.ctx, usermgmt.Question{User: u, Text: "where", Hash: "h", ChosenAt: at(1)}))
		w.do(w.s.AddFormerPassword(w.ctx, usermgmt.FormerPassword{User: u, Hash: "h", RetiredAt: at(1)}, 5))
		w.do(w.s.RecordLogin(w.ctx, u, at(2)))
		if _, _, err := w.s.ReserveAttempt(w.ctx, u, rule(1, at(3), at(9))); err != nil {
			w.do(err)
		}
	}
	w.do(w.s.EraseTraces(w.ctx, usermgmt.Person{User: users[0]}))
	for i, u := range users {
		acc := got(w.s.AccountByID(w.ctx, u)).must(w)
		equal(w, "codes", 2*i, got(w.s.CountRecoveryCodes(w.ctx, u)).must(w))
		equal(w, "former passwords", i, len(got(w.s.FormerPasswords(w.ctx, u, 9)).must(w)))
		if i == 0 {
			got(w.s.FactorOf(w.ctx, u)).missing(w)
			got(w.s.QuestionOf(w.ctx, u)).missing(w)
			equal(w, "the login state", usermgmt.LoginState{User: u}, acc.Login)
			continue
		}
		got(w.s.FactorOf(w.ctx, u)).must(w)
		got(w.s.QuestionOf(w.ctx, u)).must(w)
		equal(w, "the other's login state", usermgmt.LoginState{User: u, Failures: 1, LockedUntil: at(9), LastLoginAt: at(2), LoginCount: 1}, acc.Login)
	}
}
