package memory

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt"
)

// traces are the rows about a person. They are found by going through all of
// them: nobody waits for an erasure.
type traces struct {
	sessions    []*session
	keys        []*apiKey
	messages    []*usermgmt.Message
	jobs        []*usermgmt.Job
	invitations []*usermgmt.Invitation
}

func (v *version) traces(p *usermgmt.Person) (t traces) {
	if p.User.IsZero() {
		return t
	}
	v.sessions.sessions.All(func(r *session) bool {
		if r.person.id == p.User || r.more.operator == p.User {
			t.sessions = append(t.sessions, r)
		}
		return true
	})
	v.sessions.keys.All(func(k *apiKey) bool {
		if k.person.id == p.User {
			t.keys = append(t.keys, k)
		}
		return true
	})
	v.others.messages.Ascend(nil, func(m *usermgmt.Message) bool {
		if m.User == p.User || m.To != "" && slices.Contains(p.Addresses, m.To) {
			t.messages = append(t.messages, m)
		}
		return true
	})
	v.others.jobs.All(func(j *usermgmt.Job) bool {
		if j.By == p.User {
			t.jobs = append(t.jobs, j)
		}
		return true
	})
	v.others.invitations.All(func(i *usermgmt.Invitation) bool {
		if i.AcceptedBy == p.User || slices.Contains(p.EmailKeys, i.EmailKey) {
			t.invitations = append(t.invitations, i)
		}
		return true
	})
	return t
}

// TracesOf implements [usermgmt.Store].
func (s *Store) TracesOf(ctx context.Context, p usermgmt.Person) (out usermgmt.Traces, err error) {
	v, err := s.read(ctx)
	if err != nil {
		return out, err
	}
	t := v.traces(&p)
	for _, r := range t.sessions {
		var x usermgmt.Session
		r.value(&x)
		out.Sessions = append(out.Sessions, x)
	}
	for _, k := range t.keys {
		var x usermgmt.APIKey
		k.value(&x)
		out.Keys = append(out.Keys, x)
	}
	for _, m := range t.messages {
		out.Messages = append(out.Messages, cloneMessage(m))
	}
	for _, j := range t.jobs {
		out.Jobs = append(out.Jobs, cloneJob(j))
	}
	for _, i := range t.invitations {
		out.Invitations = append(out.Invitations, cloneInvitation(i))
	}
	return out, nil
}

// EraseTraces implements [usermgmt.Store].
func (s *Store) EraseTraces(ctx context.Context, p usermgmt.Person) error {
	return s.write(ctx, func(w *writer) error {
		if p.User.IsZero() {
			return nil
		}
		t := w.v.traces(&p)
		for _, r := range t.sessions {
			w.replaceSession(r, nil)
		}
		for _, k := range t.keys {
			w.deleteKey(k)
		}
		o := w.others()
		for _, m := range t.messages {
			o.messages.Delete(w.own, m)
			o.pending.Delete(w.own, m)
		}
		for _, j := range t.jobs {
			w.setJob(j, nil)
		}
		gone := make(map[usermgmt.InvitationID]bool)
		for _, i := range t.invitations {
			if i.Outcome != "" {
				gone[i.ID] = true
				o.invitations.Delete(w.own, i)
				o.orgInvitations.Delete(w.own, i)
			}
		}
		var tokens []*tokenRow
		o.tokens.Ascend(nil, func(r *tokenRow) bool {
			if r.User == p.User || gone[r.Invitation] {
				tokens = append(tokens, r)
			}
			return true
		})
		for _, r := range tokens {
			w.replaceToken(r, nil)
		}
		w.eraseSecrets(p.User)
		w.eraseDigests(p.User)
		return nil
	})
}

// eraseSecrets deletes what somebody proves to be oneself with, but for the
// credential, and the record of logins.
func (w *writer) eraseSecrets(user usermgmt.UserID) {
	o := w.others()
	if f := w.v.factor(user); f != nil {
		o.factors.Delete(w.own, f)
	}
	if c := w.v.codes(user); c != nil {
		o.codes.Delete(w.own, c)
	}
	if q := w.v.question(user); q != nil {
		o.questions.Delete(w.own, q)
	}
	if f := w.v.formers(user); f != nil {
		o.formers.Delete(w.own, f)
	}
	if p := w.v.person(user); p != nil {
		next := *p
		next.failures, next.lockedUntil, next.lastLoginAt, next.loginCount = 0, never, never, 0
		w.replacePerson(p, &next)
	}
	w.forgetSearch()
}
