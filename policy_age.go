package usermgmt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// FactorPolicy says who is asked for a second factor at a login.
type FactorPolicy uint8

// The policies. A user who has set up a factor is asked for it under each.
const (
	// FactorOptional asks nobody else.
	FactorOptional FactorPolicy = iota
	// FactorMail asks everybody else for a code of six digits that is mailed to the
	// primary address at each login, as OroCRM has it. NIST SP 800-63B and ASVS
	// 6.3.6 do not count it as a second factor.
	FactorMail
	// FactorRequired lets users without a factor in only to set one up
	// ([StepEnroll]).
	FactorRequired
)

// String returns "optional", "mail" or "required".
func (f FactorPolicy) String() string {
	switch f {
	case FactorOptional:
		return "optional"
	case FactorMail:
		return "mail"
	case FactorRequired:
		return "required"
	}
	return "unknown"
}

// day is the unit of ages of passwords.
const day = 24 * time.Hour

const maxPasswordAge = 3650 * day

// Bounds of lists in a policy.
const (
	maxHistory   = 24
	maxReminders = 10
	maxExempt    = 1000
)

// validateAge checks the part of a policy that is about used and old passwords
// and further factors.
func (p *Policy) validateAge(check func(ok bool, field, detail string)) {
	check(p.History >= 0 && p.History <= maxHistory, "history", "want 0 to 24")
	check(p.MaxAge == 0 || p.MaxAge >= day && p.MaxAge <= maxPasswordAge, "max_age", "want 0, or a day to ten years")
	check(p.MinAge >= 0 && p.MinAge <= 30*day, "min_age", "want 0 to 30 days")
	check(p.MaxAge == 0 || p.MinAge < p.MaxAge, "min_age", "want less than max_age")
	check(len(p.Reminders) <= maxReminders, "reminders", "want at most 10")
	for _, d := range p.Reminders {
		check(d >= 1 && d <= 90, "reminders", "want 1 to 90 days")
		check(p.MaxAge == 0 || time.Duration(d)*day < p.MaxAge, "reminders", "want less than max_age")
	}
	check(len(p.ExpiryExempt) <= maxExempt, "expiry_exempt", "want at most 1000")
	check(p.SecondFactor <= FactorRequired, "second_factor", "want one of the constants")
	check(p.SecondFactor != FactorMail || !p.UsernameOnly, "second_factor", "a code by mail needs users with addresses")
	check(p.MailCodeLifetime >= 0 && p.MailCodeLifetime <= time.Hour, "mail_code_lifetime", "want a minute to an hour")
	check(p.SecondFactor != FactorMail || p.MailCodeLifetime >= time.Minute, "mail_code_lifetime", "want a minute to an hour")
}

// ageText is the part of [Policy.text] that is about used and old passwords and
// further factors.
func (p *Policy) ageText() string {
	return fmt.Sprintf(" history=%d max_age=%s min_age=%s reminders=%v expiry_exempt=%d security_question=%t second_factor=%s mail_code=%s",
		p.History, p.MaxAge, p.MinAge, p.Reminders, len(p.ExpiryExempt), p.SecurityQuestion, p.SecondFactor, p.MailCodeLifetime)
}

// expiresAt is when a password grows too old; zero for never. That of a user
// whom a directory owns is not this library's.
func (m *Manager) expiresAt(u *User, c *Credential, policy *Policy) time.Time {
	if policy.MaxAge == 0 || c.Hash == "" || c.ChangedAt.IsZero() || m.directoryOwned(u) || slices.Contains(policy.ExpiryExempt, u.ID) {
		return time.Time{}
	}
	return c.ChangedAt.Add(policy.MaxAge)
}

// tooOld reports whether the password is too old at now: at expiresAt it is.
func (m *Manager) tooOld(u *User, c *Credential, policy *Policy, now time.Time) bool {
	end := m.expiresAt(u, c, policy)
	return c.Status == StatusExpired || !end.IsZero() && !now.Before(end)
}

// tooYoung reports whether the password was changed less than MinAge ago. One
// that a clock set into the future is not: nothing may lock for ever.
func (p *Policy) tooYoung(c *Credential, now time.Time) bool {
	age := now.Sub(c.ChangedAt)
	return p.MinAge > 0 && c.Hash != "" && age >= 0 && age < p.MinAge
}

// usedBefore reports whether the password is one of the latest that the user had
// or has, as many as the policy says.
func (m *Manager) usedBefore(ctx context.Context, user UserID, policy *Policy, password []byte) (bool, error) {
	if policy.History == 0 || user.IsZero() {
		return false, nil
	}
	acc, err := m.store.AccountByID(ctx, user)
	if err != nil {
		return false, skipNotFound(err) // who does not exist yet had none
	}
	hashes := []string{acc.Credential.Hash}
	if policy.History > 1 {
		former, err := m.store.FormerPasswords(ctx, user, policy.History-1)
		if err != nil {
			return false, err
		}
		for i := range former {
			hashes = append(hashes, former[i].Hash)
		}
	}
	for _, h := range hashes {
		if h == "" {
			continue
		}
		if same, err := m.hasher.verify(ctx, h, password); err != nil || same {
			return same, err
		}
	}
	return false, nil
}

// retire keeps the hash that another one takes the place of, as far as the
// policy of the user's home asks.
func (m *Manager) retire(ctx context.Context, tx Store, u *User, hash string, now time.Time) error {
	if hash == "" {
		return nil
	}
	org, err := tx.OrgByID(ctx, u.Org)
	if err != nil {
		return err
	}
	policy := m.policyOf(&org)
	if policy.History < 2 {
		return nil
	}
	return tx.AddFormerPassword(ctx, FormerPassword{User: u.ID, Hash: hash, RetiredAt: now}, policy.History-1)
}

// breached asks the host whether a password is known to have leaked. Its failure
// refuses the password.
func (m *Manager) breached(ctx context.Context, password []byte) (known bool, err error) {
	if m.cfg.Breached == nil {
		return false, nil
	}
	err = guarded(func() (err error) {
		known, err = m.cfg.Breached(ctx, string(password))
		return err
	})
	if err != nil {
		return false, &Error{Kind: ErrTransient, Field: "password", Rule: "breach_check", Err: err}
	}
	return known, nil
}

// ageing are the organizations whose policy has a MaxAge, with it.
func (m *Manager) ageing(ctx context.Context) ([]Organization, error) {
	var out []Organization
	q := ListQuery{Limit: MaxPageSize}
	for {
		page, err := m.store.ListOrgs(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if m.policyOf(&page[i]).MaxAge > 0 {
				out = append(out, page[i])
			}
		}
		if len(page) < q.Limit {
			return out, nil
		}
		last := &page[len(page)-1]
		q.After = Position{Key: last.NameKey, ID: last.ID}
	}
}

// dutyExpire gives users whose passwords are too old [StatusExpired], ends their
// sessions and tells them. Nothing waits for it: a login looks at the age itself.
func (m *Manager) dutyExpire(ctx context.Context, now time.Time) (done int, err error) {
	orgs, err := m.ageing(ctx)
	if err != nil {
		return 0, err
	}
	for i := range orgs {
		policy := m.policyOf(&orgs[i])
		q := PasswordQuery{Org: orgs[i].ID, Until: now.Add(-policy.MaxAge), Limit: dutyBatch}
		for more := true; more && done < dutyBatch; {
			page, err := m.store.PasswordsByAge(ctx, q)
			if err != nil {
				return done, err
			}
			for j := range page { // the exempt stay at the head of the list, at most as many as a policy names
				if !m.tooOld(&page[j].User, &page[j].Credential, policy, now) {
					continue
				}
				err := m.expire(ctx, page[j].User.ID, policy, now)
				if err != nil && !errors.Is(err, ErrStale) { // stale: changed at this moment
					return done, err
				}
				done++
			}
			if more = len(page) == q.Limit; more {
				last := &page[len(page)-1]
				q.After, q.AfterUser = last.Credential.ChangedAt, last.User.ID
			}
		}
	}
	return done, nil
}

// dutyWork is a transaction of background work. verb is that of the entries, if
// there are any.
func (m *Manager) dutyWork(ctx context.Context, now time.Time, reason, verb string, fn func(ctx context.Context, w *work) error) error {
	operation := newID[Operation]()
	return m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		w := &work{m: m, tx: tx, v: &actorValue{door: DoorSystem, reason: reason}, now: now, op: operation, verb: verb}
		if err := fn(ctx, w); err != nil {
			return err
		}
		return w.flush(ctx)
	})
}

// expire marks one password as too old, if it still is.
func (m *Manager) expire(ctx context.Context, user UserID, policy *Policy, now time.Time) error {
	return m.dutyWork(ctx, now, "password age", verbExpirePassword, func(ctx context.Context, w *work) error {
		acc, err := w.tx.AccountByID(ctx, user)
		if err != nil {
			return err
		}
		c := acc.Credential
		if c.Status != StatusActive || !m.tooOld(&acc.User, &c, policy, now) {
			return nil
		}
		before := credentialFields(&c)
		c.Status = StatusExpired
		c.Epoch++
		if err := w.tx.SaveCredential(ctx, c); err != nil {
			return err
		}
		if _, err := w.tx.EndSessions(ctx, user, OrgID{}, SessionID{}, now, "password expired"); err != nil {
			return err
		}
		w.on("user", user, acc.User.Org, acc.User.DisplayName())
		w.record(before, credentialFields(&c))
		if acc.User.Active() && !acc.User.Reserved {
			w.mail(&acc.User, MailPasswordExpired, nil)
		}
		return nil
	})
}

// dutyRemind tells users some days before their passwords grow too old, once for
// each number of days of [Policy.Reminders]. A mark says up to which change of a
// password that was done; it is that of the number of days and the greatest age,
// so that a new policy reminds anew.
func (m *Manager) dutyRemind(ctx context.Context, now time.Time) (done int, err error) {
	orgs, err := m.ageing(ctx)
	if err != nil {
		return 0, err
	}
	for i := range orgs {
		policy := m.policyOf(&orgs[i])
		// Each is for those of whom more days are left than the one before says, so
		// that who is due for several at once is told once.
		from := now.Add(-policy.MaxAge)
		for _, days := range slices.Sorted(slices.Values(policy.Reminders)) {
			until := now.Add(time.Duration(days)*day - policy.MaxAge)
			n, err := m.remind(ctx, &orgs[i], policy, days, from, until, now)
			if done += n; err != nil || done >= dutyBatch {
				return done, err
			}
			from = until
		}
	}
	return done, nil
}

// remind tells those of whom a password was changed after from and not after
// until, as far as the mark does not say that they were told.
func (m *Manager) remind(ctx context.Context, org *Organization, policy *Policy, days int, from, until, now time.Time) (done int, err error) {
	name := fmt.Sprintf("password reminder %s %s %d", org.ID, policy.MaxAge, days)
	stood, err := m.store.Mark(ctx, name)
	if err != nil {
		return 0, err
	}
	at, user := parseMark[User](stood)
	if at.After(until) {
		at, user = until, UserID{} // the clock went back
	}
	q := PasswordQuery{Org: org.ID, Until: until, After: at, AfterUser: user, Limit: dutyBatch}
	if from.After(at) { // the others are not for this number of days
		q.After, q.AfterUser = from, UserID{0xff, 0xff} // behind every user
	}
	page, err := m.store.PasswordsByAge(ctx, q)
	if err != nil || len(page) == 0 {
		return 0, err
	}
	last := &page[len(page)-1]
	err = m.dutyWork(ctx, now, "password age", "", func(ctx context.Context, w *work) error {
		moved, err := w.tx.MoveMark(ctx, name, stood, formatMark(last.Credential.ChangedAt, last.User.ID))
		if err != nil || !moved {
			return err // another process has told them
		}
		for i := range page {
			end := m.expiresAt(&page[i].User, &page[i].Credential, policy)
			if !end.IsZero() && page[i].User.Active() && !page[i].User.Reserved {
				w.mail(&page[i].User, MailPasswordReminder, map[string]string{
					"expires_at": end.Format(time.RFC3339), "days": fmt.Sprint(daysLeft(end, now))})
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(page), nil
}

// daysLeft is how many days are left, begun ones counted.
func daysLeft(end, now time.Time) int { return int((end.Sub(now) + day - 1) / day) }

// formatMark is the text of a mark: a moment and the record that was done last
// of it.
func formatMark[E any](at time.Time, id ID[E]) string {
	return at.UTC().Format(time.RFC3339Nano) + " " + id.String()
}

func parseMark[E any](text string) (at time.Time, id ID[E]) {
	moment, record, _ := strings.Cut(text, " ")
	at, err := time.Parse(time.RFC3339Nano, moment)
	if err != nil {
		return time.Time{}, ID[E]{}
	}
	if id, err = ParseID[E](record); err != nil {
		return time.Time{}, ID[E]{}
	}
	return at, id
}
