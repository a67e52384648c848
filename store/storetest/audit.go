package storetest

import (
	"context"
	"strings"

	"github.com/usermgmt/usermgmt"
)

func auditCases() []testCase {
	return []testCase{
		{"AuditValues", []string{"AppendAudit", "ListAudit"}, auditValues},
		{"AuditOrder", []string{"AppendAudit", "ListAudit"}, auditOrder},
		{"AuditFold", []string{"AppendAudit"}, auditFold},
		{"AuditIdentifiers", []string{"AppendAudit"}, auditIdentifiers},
		{"AuditConditions", []string{"ListAudit"}, auditConditions},
		{"AuditVisible", []string{"ListAudit"}, auditVisible},
	}
}

// audits checks the targets of the entries that q selects, newest first, in
// one page and in small ones.
func (w *world) audits(what string, q usermgmt.AuditQuery, want ...string) {
	w.Helper()
	for _, limit := range []int{everything, 1, 2, len(want) + 1} {
		q := q
		q.Limit = limit
		var targets []string
		for len(targets) <= len(want) {
			page, err := w.s.ListAudit(w.ctx, q)
			if err != nil {
				w.Errorf("%s: %v", what, err)
				return
			}
			if len(page) > limit {
				w.Errorf("%s: a page of %d entries, limit %d", what, len(page), limit)
				return
			}
			for _, e := range page {
				targets = append(targets, e.Target)
				q.After = e.ID
			}
			if len(page) < limit {
				break
			}
		}
		if strings.Join(targets, " ") != strings.Join(want, " ") {
			w.Errorf("%s, limit %d: entries %q, want %q", what, limit, targets, want)
		}
	}
}

func (w *world) newAudit(target string) usermgmt.AuditEntry {
	return usermgmt.AuditEntry{
		ID: newID[usermgmt.AuditEntry](w), Operation: newID[usermgmt.Operation](w), At: at(0), LastAt: at(0),
		Verb: "user.edit", Outcome: usermgmt.OutcomeDone, Door: usermgmt.DoorSession, TargetKind: "user", Target: target, Count: 1,
	}
}

func (w *world) lastAudit() usermgmt.AuditEntry {
	w.Helper()
	page := got(w.s.ListAudit(w.ctx, usermgmt.AuditQuery{Limit: 1})).must(w)
	if len(page) != 1 {
		w.Fatalf("%d entries in the audit log, want 1", len(page))
	}
	return page[0]
}

func auditValues(w *world) {
	plain := w.newAudit("plain")
	w.do(w.s.AppendAudit(w.ctx, plain))
	equal(w, "a plain entry", plain, w.lastAudit())

	// Nothing that an entry names need exist.
	full := w.newAudit("full")
	full.Outcome, full.Door = usermgmt.OutcomeRefused, usermgmt.DoorProxy
	full.Operator, full.Subject, full.Org = newID[usermgmt.User](w), newID[usermgmt.User](w), newID[usermgmt.Organization](w)
	full.Fields, full.Digest = []string{"b", "a"}, hashOf(7)
	full.FoldKey, full.Count, full.LastAt = "key", 1<<40, at(5)
	full.Detail = usermgmt.AuditDetail{
		Salt: [16]byte{15: 9}, OperatorName: "O", SubjectName: "S", TargetName: "T",
		Origin: usermgmt.Origin{Address: "192.0.2.1", UserAgent: "ua", RequestID: "r"}, Reason: "because",
		Before: map[string]string{"name": "a", "": "x"}, After: map[string]string{"name": "b\nc"},
	}
	argument := clone(full)
	w.do(w.s.AppendAudit(w.ctx, argument))
	scribble(argument)
	for range 2 {
		read := w.lastAudit()
		equal(w, "a full entry", full, read)
		scribble(read)
	}
	w.do(w.s.AppendAudit(w.ctx)) // none at all
}

func auditOrder(w *world) {
	w.audits("the empty log", usermgmt.AuditQuery{})
	entry := func(n uint64, minute int) usermgmt.AuditEntry {
		e := w.newAudit(string(rune('0' + n)))
		e.ID, e.At = idOf[usermgmt.AuditEntry](n), at(minute)
		return e
	}
	// The order is that of the identifiers, not of time or of writing.
	w.do(w.s.AppendAudit(w.ctx, entry(3, 1), entry(1, 9)))
	w.write(func(ctx context.Context, tx usermgmt.Store) error {
		if err := tx.AppendAudit(ctx, entry(5, 2)); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, entry(2, 5), entry(4, 0))
	})
	w.audits("the log", usermgmt.AuditQuery{}, "5", "4", "3", "2", "1")
	w.audits("after an entry", usermgmt.AuditQuery{After: idOf[usermgmt.AuditEntry](4)}, "3", "2", "1")
	w.audits("after what is not there", usermgmt.AuditQuery{After: idOf[usermgmt.AuditEntry](6)}, "5", "4", "3", "2", "1")
}

func auditFold(w *world) {
	first := w.newAudit("first")
	first.FoldKey, first.Count = "k", 2
	w.do(w.s.AppendAudit(w.ctx, first))
	again := w.newAudit("again")
	again.FoldKey, again.Count, again.At, again.LastAt = "k", 3, at(1), at(2)
	w.do(w.s.AppendAudit(w.ctx, again))
	first.Count, first.LastAt = 5, at(2)
	w.audits("the log after folding", usermgmt.AuditQuery{}, "first")
	equal(w, "the folded entry", first, w.lastAudit())

	one, two, other, plain := w.newAudit("one"), w.newAudit("two"), w.newAudit("other"), w.newAudit("plain")
	one.FoldKey, two.FoldKey, two.LastAt, other.FoldKey = "in one call", "in one call", at(3), "K"
	w.do(w.s.AppendAudit(w.ctx, one, two, other, plain, w.newAudit("plain too")))
	w.audits("the log after a call", usermgmt.AuditQuery{}, "plain too", "plain", "other", "one", "first")
	one.Count, one.LastAt = 2, at(3)
	page := got(w.s.ListAudit(w.ctx, usermgmt.AuditQuery{After: other.ID, Limit: 1})).must(w)
	equal(w, "entries folded in one call", []usermgmt.AuditEntry{one}, page)
}

// auditIdentifiers: no two entries have the same, but one that folds is none.
func auditIdentifiers(w *world) {
	entry := func(target string, n uint64, fold string) usermgmt.AuditEntry {
		e := w.newAudit(target)
		e.ID, e.FoldKey = idOf[usermgmt.AuditEntry](n), fold
		return e
	}
	// In the order of identifiers, and out of it.
	w.do(w.s.AppendAudit(w.ctx, entry("five", 5, ""), entry("folding", 6, "k"), entry("two", 2, "")))
	for _, c := range []struct {
		what    string
		entries []usermgmt.AuditEntry
	}{
		{"the ID of an entry", []usermgmt.AuditEntry{entry("x", 5, "")}},
		{"the ID of an entry that came late", []usermgmt.AuditEntry{entry("x", 2, "")}},
		{"the ID of an entry that folds", []usermgmt.AuditEntry{entry("x", 6, "")}},
		{"the ID of an entry, with a new FoldKey", []usermgmt.AuditEntry{entry("x", 5, "l")}},
		{"the second of a call", []usermgmt.AuditEntry{entry("x", 7, ""), entry("x", 5, "")}},
		{"the same ID twice in a call", []usermgmt.AuditEntry{entry("x", 7, ""), entry("x", 7, "")}},
		{"the same late ID twice in a call", []usermgmt.AuditEntry{entry("x", 1, ""), entry("x", 1, "")}},
	} {
		w.refuse(c.what, isTaken("id"), func(ctx context.Context, tx usermgmt.Store) error {
			return tx.AppendAudit(ctx, c.entries...)
		})
		if p := isTaken("id").problem(w.s.AppendAudit(w.ctx, c.entries...)); p != "" {
			w.Errorf("%s, without a transaction, %s", c.what, p)
		}
	}
	w.refuse("the same ID in two calls of a transaction", isTaken("id"), func(ctx context.Context, tx usermgmt.Store) error {
		if err := tx.AppendAudit(ctx, entry("x", 8, "")); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, entry("x", 8, ""))
	})
	w.audits("the log after refusals", usermgmt.AuditQuery{}, "folding", "five", "two")

	again := entry("again", 6, "k")
	again.Count = 2
	w.do(w.s.AppendAudit(w.ctx, again, entry("once more", 5, "k"), entry("seven", 7, "")))
	w.audits("the log after folding", usermgmt.AuditQuery{}, "seven", "folding", "five", "two")
	page := got(w.s.ListAudit(w.ctx, usermgmt.AuditQuery{Target: "folding", Limit: 1})).must(w)
	if len(page) != 1 || page[0].Count != 4 {
		w.Errorf("the folded entry is %v, want a Count of 4", page)
	}
}

func auditConditions(w *world) {
	org, op, sub := newID[usermgmt.Organization](w), newID[usermgmt.User](w), newID[usermgmt.User](w)
	var entries []usermgmt.AuditEntry
	add := func(target string, change func(e *usermgmt.AuditEntry)) {
		e := w.newAudit(target)
		e.At = at(len(entries))
		change(&e)
		entries = append(entries, e)
	}
	add("a", func(e *usermgmt.AuditEntry) { e.Org, e.Operator, e.Subject = org, op, op })
	add("b", func(e *usermgmt.AuditEntry) { e.Org, e.Operator, e.Subject = org, op, sub })
	add("c", func(e *usermgmt.AuditEntry) { e.Operator, e.Verb = sub, "user.disable" })
	add("d", func(e *usermgmt.AuditEntry) {
		e.Operation, e.Outcome, e.Verb = entries[1].Operation, usermgmt.OutcomeRefused, "user"
	})
	add("e", func(e *usermgmt.AuditEntry) { e.Org, e.Outcome = org, usermgmt.OutcomeAttempted })
	w.do(w.s.AppendAudit(w.ctx, entries...))
	for _, c := range []struct {
		what string
		q    usermgmt.AuditQuery
		want string
	}{
		{"everything", usermgmt.AuditQuery{}, "e d c b a"},
		{"Org", usermgmt.AuditQuery{Org: org}, "e b a"},
		{"Operator", usermgmt.AuditQuery{Operator: op}, "b a"},
		{"Subject", usermgmt.AuditQuery{Subject: sub}, "b"},
		{"Target", usermgmt.AuditQuery{Target: "c"}, "c"},
		{"Verb", usermgmt.AuditQuery{Verb: "user.disable"}, "c"},
		{"Verb, exactly", usermgmt.AuditQuery{Verb: "user"}, "d"},
		{"Operation", usermgmt.AuditQuery{Operation: entries[1].Operation}, "d b"},
		{"Outcome", usermgmt.AuditQuery{Outcome: usermgmt.OutcomeRefused}, "d"},
		{"From", usermgmt.AuditQuery{From: at(3)}, "e d"},
		{"Until", usermgmt.AuditQuery{Until: at(2)}, "b a"},
		{"From and Until", usermgmt.AuditQuery{From: at(1), Until: at(3)}, "c b"},
		{"Org and Operator", usermgmt.AuditQuery{Org: org, Operator: op, Subject: op}, "a"},
		{"Org and Outcome", usermgmt.AuditQuery{Org: org, Outcome: usermgmt.OutcomeRefused}, ""},
		{"all", usermgmt.AuditQuery{
			Org: org, Operator: op, Subject: sub, Target: "b", Verb: "user.edit", Operation: entries[1].Operation,
			Outcome: usermgmt.OutcomeDone, From: at(1), Until: at(2),
		}, "b"},
	} {
		w.audits(c.what, c.q, strings.Fields(c.want)...)
	}
}

func auditVisible(w *world) {
	a := w.crowd()
	users := w.byName()
	org := a.org.ID
	entry := func(target, operator, subject string) usermgmt.AuditEntry {
		e := w.newAudit(target)
		e.Org, e.Operator, e.Subject = org, users[operator].ID, users[subject].ID
		return e
	}
	foreign := entry("foreign", "stranger", "stranger")
	foreign.Org = got(w.s.OrgByName(w.ctx, "b")).must(w).ID
	w.do(w.s.AppendAudit(w.ctx,
		foreign, entry("top", "top", "top"), entry("mid", "mid", "mid"), entry("leaf", "leaf", "leaf"),
		entry("annex", "annex", "annex"), entry("guest", "guest", "guest"), entry("top-as-leaf", "top", "leaf"),
		entry("nobody", "", ""),
	))
	team := func(ids ...usermgmt.TeamID) []usermgmt.TeamID { return ids }
	unit := func(ids ...usermgmt.UnitID) []usermgmt.UnitID { return ids }
	for _, c := range []struct {
		what string
		f    usermgmt.Filter
		want string
	}{
		{"nothing", usermgmt.Filter{Org: org}, ""},
		{"System", usermgmt.Filter{System: true}, "nobody top-as-leaf guest annex leaf mid top"},
		{"Owners", usermgmt.Filter{Org: org, Owners: []usermgmt.UserID{users["leaf"].ID}}, "top-as-leaf leaf"},
		{"Owners, two", usermgmt.Filter{Org: org, Owners: []usermgmt.UserID{users["top"].ID, users["guest"].ID}}, "top-as-leaf guest top"},
		{"Units", usermgmt.Filter{Org: org, Units: unit(a.top.ID)}, "top-as-leaf top"},
		{"Units, a leaf", usermgmt.Filter{Org: org, Units: unit(a.leaf.ID, a.annex.ID)}, "top-as-leaf annex leaf"},
		{"UnitTrees", usermgmt.Filter{Org: org, UnitTrees: unit(a.mid.ID)}, "top-as-leaf leaf mid"},
		{"Teams", usermgmt.Filter{Org: org, Teams: team(a.crew.ID)}, "guest mid"},
		{"TeamTrees", usermgmt.Filter{Org: org, TeamTrees: team(a.crew.ID)}, "top-as-leaf leaf"},
		{"TeamTrees of the root", usermgmt.Filter{Org: org, TeamTrees: team(a.root.ID)}, "top-as-leaf guest annex leaf mid"},
		{"parts together", usermgmt.Filter{
			Org: org, Units: unit(a.annex.ID), Teams: team(a.root.ID), Owners: []usermgmt.UserID{users["mid"].ID},
		}, "top-as-leaf annex mid top"},
	} {
		w.audits(c.what, usermgmt.AuditQuery{Org: org, Visible: &c.f}, strings.Fields(c.want)...)
	}
	// What nobody did is left open: whether All shows it is the store's choice.
	q := usermgmt.AuditQuery{Org: org, Until: at(1), Visible: &usermgmt.Filter{Org: org, All: true}, Limit: everything}
	seen := map[string]bool{}
	for _, e := range got(w.s.ListAudit(w.ctx, q)).must(w) {
		seen[e.Target] = true
	}
	for _, target := range strings.Fields("top mid leaf annex guest top-as-leaf") {
		equal(w, "All shows "+target, true, seen[target])
	}
	w.audits("System in the whole store", usermgmt.AuditQuery{Visible: &usermgmt.Filter{System: true}},
		"nobody", "top-as-leaf", "guest", "annex", "leaf", "mid", "top", "foreign")
	crew := &usermgmt.Filter{Org: org, Teams: team(a.crew.ID)}
	w.audits("with another condition", usermgmt.AuditQuery{Org: org, Target: "mid", Visible: crew}, "mid")
	w.audits("with one that it hides", usermgmt.AuditQuery{Org: org, Target: "top", Visible: crew})
}
