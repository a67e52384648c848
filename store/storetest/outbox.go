package storetest

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func outboxCases() []testCase {
	return []testCase{
		{"MessageValues", []string{"AddMessages", "ListMessages"}, messageValues},
		{"MessageList", []string{"ListMessages"}, messageList},
		{"MessageClaim", []string{"ClaimMessages"}, messageClaim},
		{"MessageEvents", []string{"ClaimMessages", "ListMessages"}, messageEvents},
		{"MessageSettle", []string{"SettleMessage", "ClaimMessages", "ListMessages"}, messageSettle},
	}
}

func (w *world) newMessage(n int) usermgmt.Message {
	return usermgmt.Message{
		ID: newID[usermgmt.Message](w), Operation: newID[usermgmt.Operation](w), To: "ann@mail.test", Kind: "account_locked",
		Values: map[string]string{"token": "t", "": "e"}, NotBefore: at(n), CreatedAt: at(n),
	}
}

func (w *world) messages(pending bool) []usermgmt.Message {
	w.Helper()
	return got(w.s.ListMessages(w.ctx, pending, usermgmt.ListQuery{Limit: everything})).must(w)
}

func messageValues(w *world) {
	m := w.newMessage(0)
	m.Org, m.User = newID[usermgmt.Organization](w), newID[usermgmt.User](w)
	m.Attempts, m.LastError = 3, "refused"
	argument := clone(m)
	w.do(w.s.AddMessages(w.ctx, argument))
	scribble(argument)
	for range 2 {
		read := w.messages(false)
		equal(w, "the message", []usermgmt.Message{m}, read)
		scribble(read)
	}
	m.NotBefore, m.Attempts = at(9), 4
	claimed := got(w.s.ClaimMessages(w.ctx, false, at(0), at(9), 1))
	claimed.is(w, []usermgmt.Message{m})
	scribble(claimed.value)
	equal(w, "the message claimed", []usermgmt.Message{m}, w.messages(true))
	w.do(w.s.AddMessages(w.ctx)) // none at all
}

func messageList(w *world) {
	var all []usermgmt.Message
	for i := range 5 {
		m := w.newMessage(-i)
		m.Kind = string(rune('a' + i))
		all = append(all, m)
	}
	w.do(w.s.AddMessages(w.ctx, shuffled(all)...))
	all[1].SentAt, all[3].DeadAt = at(1), at(1)
	w.do(w.s.SettleMessage(w.ctx, all[1]))
	w.do(w.s.SettleMessage(w.ctx, all[3]))
	messages := func(pending bool) list[usermgmt.Message] {
		return list[usermgmt.Message]{
			func(after usermgmt.Position, limit int) ([]usermgmt.Message, error) {
				return w.s.ListMessages(w.ctx, pending, usermgmt.ListQuery{Search: "x", After: after, Limit: limit})
			},
			func(m usermgmt.Message) string { return m.Kind },
			func(m usermgmt.Message) usermgmt.Position { return usermgmt.Position{ID: m.ID} },
		}
	}
	messages(false).check(w, "messages", "e", "d", "c", "b", "a")
	messages(true).check(w, "pending messages", "e", "c", "a")
}

func messageClaim(w *world) {
	var all []usermgmt.Message
	for i := range 4 {
		all = append(all, w.newMessage(i))
	}
	w.do(w.s.AddMessages(w.ctx, shuffled(all)...))
	claim := func(now, until time.Time, limit int, want ...int) {
		w.Helper()
		var messages []usermgmt.Message
		for _, i := range want {
			all[i].NotBefore = until
			all[i].Attempts++
			messages = append(messages, all[i])
		}
		got(w.s.ClaimMessages(w.ctx, false, now, until, limit)).is(w, messages)
	}
	claim(at(0).Add(-time.Microsecond), at(9), 9)
	claim(at(0), at(10), 9, 0)
	claim(at(3), at(11), 2, 1, 2)
	claim(at(3), at(12), 9, 3)
	claim(at(3), at(13), 9)
	claim(at(10).Add(-time.Microsecond), at(14), 9)
	claim(at(11), at(15), 9, 0, 1, 2) // oldest first
	claim(at(20), at(30), 9, 0, 1, 2, 3)
	equal(w, "the messages", []usermgmt.Message{all[3], all[2], all[1], all[0]}, w.messages(true))
}

// messageEvents: mails and events wait side by side, and are claimed apart.
func messageEvents(w *world) {
	var all []usermgmt.Message
	for i := range 4 {
		m := w.newMessage(i)
		m.Event = i%2 == 0
		all = append(all, m)
	}
	w.do(w.s.AddMessages(w.ctx, shuffled(all)...))
	equal(w, "all messages", []usermgmt.Message{all[3], all[2], all[1], all[0]}, w.messages(true))
	claimed := func(from ...int) []usermgmt.Message {
		var out []usermgmt.Message
		for _, i := range from {
			all[i].NotBefore = at(10)
			all[i].Attempts++
			out = append(out, all[i])
		}
		return out
	}
	got(w.s.ClaimMessages(w.ctx, true, at(0), at(10), 9)).is(w, claimed(0))
	got(w.s.ClaimMessages(w.ctx, false, at(9), at(10), 9)).is(w, claimed(1, 3))
	got(w.s.ClaimMessages(w.ctx, true, at(9), at(10), 9)).is(w, claimed(2))
	got(w.s.ClaimMessages(w.ctx, true, at(9), at(10), 9)).is(w, nil)
}

func messageSettle(w *world) {
	var all []usermgmt.Message
	for i := range 3 {
		all = append(all, w.newMessage(i))
	}
	w.do(w.s.AddMessages(w.ctx, all...))
	got(w.s.ClaimMessages(w.ctx, false, at(9), at(10), 9)).must(w)
	settle := func(i int, change func(m *usermgmt.Message)) {
		w.Helper()
		all[i].Attempts, all[i].NotBefore = 1, at(10)
		change(&all[i])
		given := clone(all[i])
		// Nothing else is replaced.
		given.To, given.Kind, given.Attempts, given.CreatedAt, given.Values = "x", "x", 99, at(99), map[string]string{"x": "x"}
		w.write(func(ctx context.Context, tx usermgmt.Store) error { return tx.SettleMessage(ctx, given) })
		if !all[i].SentAt.IsZero() || !all[i].DeadAt.IsZero() {
			all[i].Values = nil
		}
	}
	settle(0, func(m *usermgmt.Message) { m.SentAt, m.LastError = at(9), "" })
	settle(1, func(m *usermgmt.Message) { m.DeadAt, m.LastError = at(9), "no such address" })
	settle(2, func(m *usermgmt.Message) { m.NotBefore, m.LastError = at(20), "busy" })
	equal(w, "the messages", []usermgmt.Message{all[2], all[1], all[0]}, w.messages(false))
	equal(w, "the pending messages", all[2:], w.messages(true))
	got(w.s.ClaimMessages(w.ctx, false, at(20).Add(-time.Microsecond), at(30), 9)).is(w, nil)
	all[2].Attempts, all[2].NotBefore = 2, at(30)
	got(w.s.ClaimMessages(w.ctx, false, at(20), at(30), 9)).is(w, all[2:])
}
