package usermgmt

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
	"github.com/usermgmt/usermgmt/internal/chain"
)

// work is one service call inside its transaction.
type work struct {
	m    *Manager
	tx   Store
	v    *actorValue // with the rights as read inside the transaction
	now  time.Time
	op   OperationID
	verb string
	// further: another transaction has the entry whose ID is the operation's.
	further bool

	// The record that the call is about, for the refusal's entry.
	kind, target, name string
	org                OrgID

	// after is done when the transaction has been committed.
	after []func()

	entries  []AuditEntry
	messages []Message

	// known keeps what checks of members read of organizations. It is nil but
	// in a call that checks many and changes none of it meanwhile.
	known map[OrgID]compiledOrg
	// settings are kept where known is.
	settings map[OrgID]SettingSet
}

// on names the record that the call is about.
func (w *work) on(kind string, id fmt.Stringer, org OrgID, name string) {
	w.kind, w.target, w.org, w.name = kind, id.String(), org, name
}

// need returns nil if the actor has the permission on the record. Otherwise it
// is ErrPermission if the actor may see the record, which view decides, and
// ErrNotFound if not.
func (w *work) need(p, view Permission, r *Record) error { return w.v.need(p, view, r) }

func (v *actorValue) need(p, view Permission, r *Record) error {
	switch {
	case v.can(p, r):
		return v.freshFor(p)
	case v.sees(view, r):
		return &Error{Kind: ErrPermission, Permission: p}
	}
	return &Error{Kind: ErrNotFound, hidden: true}
}

// needIn is need for what concerns an organization as a whole, or with the zero
// org the system. Everybody may know of their own organization and that there is
// a system.
func (v *actorValue) needIn(p Permission, org OrgID) error {
	err := v.need(p, PermOrgView, &Record{Org: org})
	if err != nil && !errors.Is(err, ErrStepUp) && (org == v.org || org.IsZero()) {
		return &Error{Kind: ErrPermission, Permission: p}
	}
	return err
}

// sees reports whether the actor may know of the record. Everybody may know of
// themselves.
func (v *actorValue) sees(view Permission, r *Record) bool {
	return v.can(view, r) || !v.subject.IsZero() && r.Owner == v.subject
}

// mayGrant is the subset rule: nobody grants, assigns, edits or deletes what
// contains a (permission, scope) that they do not hold in org. Rights in the
// current organization say nothing about another one, nor about what is
// system-wide and counts in all of them (the zero org), unless they are of scope
// System.
func (w *work) mayGrant(org OrgID, masks []authz.Mask) error {
	for n, m := range masks {
		held := w.v.held(n)
		if org != w.v.org && held&authz.System == 0 {
			held &= authz.Own
		}
		if m&^held&^authz.Shared != 0 { // what is shared is not granted; see mayShare
			return &Error{Kind: ErrPermission, Rule: "exceeds_own_rights",
				Permission: Permission(w.v.cat.At(n).Name), Detail: "with scope " + Scope(m).String()}
		}
	}
	return nil
}

// heldIn is the mask that counts for granting to others in org: in another one than
// the current, a right of scope System only.
func (w *work) heldIn(n int, org OrgID) authz.Mask {
	m := w.v.held(n)
	if org != w.v.org {
		m &= authz.System
	}
	return m
}

// record adds an audit entry about the record that the call is about.
func (w *work) record(before, after map[string]string) {
	w.recordAs(w.verb, before, after)
}

func (w *work) recordAs(verb string, before, after map[string]string) {
	e := AuditEntry{Verb: verb, Outcome: OutcomeDone, TargetKind: w.kind, Target: w.target, Org: w.org}
	e.Detail.TargetName = w.name
	e.Detail.Before, e.Detail.After, e.Fields = diff(before, after)
	w.entries = append(w.entries, w.m.complete(e, w.v, w.op, w.now))
}

// mail adds a message to the outbox. Users without an address get none; the
// caller checks first where that matters.
func (w *work) mail(u *User, kind string, values map[string]string) {
	if u.Email == "" {
		return
	}
	w.mailTo(u, u.Email, kind, values)
}

func (w *work) mailTo(u *User, to, kind string, values map[string]string) {
	w.messages = append(w.messages, Message{ID: newID[Message](), Operation: w.op, Org: u.Org, User: u.ID,
		To: to, Kind: kind, Values: values, NotBefore: w.now, CreatedAt: w.now})
}

// flush asks the hooks, and writes the entries and messages. The first entry is
// the one that proves the operation; it must be none that folds.
func (w *work) flush(ctx context.Context) error {
	if len(w.m.cfg.Hooks) > 0 && w.v.door != DoorNone && w.v.door != DoorBootstrap {
		if err := w.ask(ctx); err != nil {
			return err
		}
	}
	if len(w.entries) > 0 {
		if !w.further {
			w.entries[0].ID = AuditID(w.op)
		}
		if err := w.tx.AppendAudit(ctx, w.entries...); err != nil {
			return err
		}
		w.messages = append(w.messages, w.m.events(w.entries)...)
	}
	if len(w.messages) > 0 {
		return w.tx.AddMessages(ctx, w.messages...)
	}
	return nil
}

// complete fills in who, when and the digest.
func (m *Manager) complete(e AuditEntry, v *actorValue, op OperationID, now time.Time) AuditEntry {
	e.ID, e.Operation, e.At, e.LastAt, e.Count = newID[AuditEntry](), op, now, now, 1
	if v != nil {
		e.Operator, e.Door = v.operator, v.door
		if !v.subject.IsZero() { // nobody acts at a login; the entry is about its user
			e.Subject = v.subject
		}
		e.Detail.Origin = v.origin.clean()
		e.Detail.OperatorName, e.Detail.SubjectName = v.operatorName, v.subjectName
		if e.Detail.Reason == "" {
			e.Detail.Reason = v.reason
		}
		if e.Org.IsZero() {
			e.Org = v.org
		}
	}
	if e.Class == 0 {
		e.Class = classOf(e.Verb, e.Outcome)
	}
	if _, err := rand.Read(e.Detail.Salt[:]); err == nil { // cannot fail since Go 1.24
		e.Digest = e.Detail.digest()
	}
	return e
}

// auditName is the name of somebody who acts, as entries hold it.
func auditName(username string, kind UserKind) string {
	if kind == KindShared {
		return username + " (shared account)"
	}
	return username
}

// digest is the SHA-256 over the salt and every part of the detail, each with
// its length before it.
func (d *AuditDetail) digest() [32]byte {
	sum := chain.New("")
	sum.Fixed(d.Salt[:])
	for _, s := range [...]string{d.OperatorName, d.SubjectName, d.TargetName,
		d.Origin.Address, d.Origin.UserAgent, d.Origin.RequestID, d.Reason} {
		sum.Text(s)
	}
	for _, side := range [...]map[string]string{d.Before, d.After} {
		sum.Text(strconv.Itoa(len(side)))
		for _, k := range slices.Sorted(maps.Keys(side)) {
			sum.Text(k)
			sum.Text(side[k])
		}
	}
	return sum.Sum()
}

// diff keeps what differs between two field maps.
func diff(before, after map[string]string) (b, a map[string]string, fields []string) {
	for k, old := range before {
		if now, ok := after[k]; !ok || now != old {
			fields = append(fields, k)
		}
	}
	for k := range after {
		if _, ok := before[k]; !ok {
			fields = append(fields, k)
		}
	}
	slices.Sort(fields)
	for _, k := range fields {
		if v := before[k]; v != "" {
			if b == nil {
				b = make(map[string]string)
			}
			b[k] = v
		}
		if v := after[k]; v != "" {
			if a == nil {
				a = make(map[string]string)
			}
			a[k] = v
		}
	}
	return b, a, fields
}

// recordRefusal records a refused attempt in a transaction of its own.
// Identical ones of a minute are one entry with a count.
func (m *Manager) recordRefusal(ctx context.Context, a Actor, verb string, op OperationID, w *work, now time.Time, cause error) error {
	e := AuditEntry{Verb: verb, Outcome: OutcomeRefused}
	if w != nil {
		e.TargetKind, e.Target, e.Org, e.Detail.TargetName = w.kind, w.target, w.org, w.name
	}
	e.Detail.Reason = reasonOf(cause)
	var known *Error
	if errors.As(cause, &known) && known.hidden || errors.Is(cause, ErrNotFound) {
		// Another organization's record: the entry stays with the actor's own,
		// and does not name what the actor may not see.
		e.Org, e.TargetKind, e.Target, e.Detail.TargetName = a.Org(), "", "", ""
	}
	v := a.v
	if v == nil {
		v = &nobody
	}
	e = m.complete(e, v, op, now)
	e.FoldKey = foldKey(now, verb, e.Operator.String(), e.Subject.String(), e.Target, e.Detail.Reason, e.Detail.Origin.Address)
	// The refusal is known only now; a cancelled caller must not lose it.
	ctx = context.WithoutCancel(ctx)
	return m.store.Tx(ctx, func(ctx context.Context, tx Store) error { return tx.AppendAudit(ctx, e) })
}

// foldKey is equal for equal parts within the same minute.
func foldKey(now time.Time, parts ...string) string {
	h := sha256.New()
	for _, p := range append(parts, now.Format("200601021504")) {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:16])
}

// reasonOf is the machine's word for why a call was refused.
func reasonOf(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Kind: kindOf(err)}
	}
	for e.Kind == nil && e.Err != nil {
		var inner *Error
		if !errors.As(e.Err, &inner) {
			break
		}
		e = inner
	}
	parts := make([]string, 0, 4)
	if e.Kind != nil {
		parts = append(parts, e.Kind.Error())
	}
	for _, s := range [...]string{e.Field, e.Rule, string(e.Permission)} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ": ")
}
