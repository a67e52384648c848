package usermgmt

import (
	"context"
	"errors"
	"time"
)

// duty is a piece of background work. It does a bounded amount and returns how
// much that was. Less than full is that nothing is left to do now. Any number of
// processes may be at it at once.
type duty struct {
	name string
	do   func(m *Manager, ctx context.Context, now time.Time) (int, error)
	full int
}

// duties are the background work, in the order in which it is done.
var duties = []duty{
	{"mail", (*Manager).dutyMail, 1},
	{"events", (*Manager).dutyEvents, 1},
	{"sessions", (*Manager).dutySessions, dutyBatch},
	{"tokens", (*Manager).dutyTokens, dutyBatch},
	{"files", (*Manager).dutyFiles, dutyBatch},
	{"exports", (*Manager).dutyJobs, 1},
	{"invitations", (*Manager).dutyInvitations, 1},
	{"audit seals", (*Manager).dutySeal, sealBatch}, // what is written meanwhile waits: small batches cost more
	{"audit retention", (*Manager).dutyRetention, sealBatch},
	{"password expiry", (*Manager).dutyExpire, 1},
	{"password reminders", (*Manager).dutyRemind, 1},
	{"api key reminders", (*Manager).dutyRemindKeys, 1},
}

const (
	dutyBatch = 100
	// dutyRounds is how often one duty is done in a row before the others get
	// their turn.
	dutyRounds = 100
	// sessionKept is how long sessions that ended are kept for lists and the log.
	sessionKept = 30 * 24 * time.Hour
	// tokenKept is how long used and expired tokens are kept.
	tokenKept = 7 * 24 * time.Hour
)

// DutyDone is what [Manager.RunOnce] did of one duty.
type DutyDone struct {
	// Duty is "mail", "events", "sessions", "tokens", "invitations", ….
	Duty string
	// Count is how many messages, sessions and so on were done.
	Count int
	// Err is why it could not be finished. The other duties are done all the same.
	Err error
}

// RunOnce does all background work that is due: it sends mail and events, and
// deletes what is out of date. Hosts that have a scheduler of their own call it
// every few seconds in place of [Manager.Run].
//
// Nothing that the library promises waits for it, except what it sends: what has
// expired is dead at that moment, whether or not it was tidied away.
//
// Any number of processes may call it at once; nothing is done twice, but for a
// message whose process died between sending it and noting that. The error joins
// those of the duties, each of which names its duty; the context's end stops it
// between two pieces of work.
func (m *Manager) RunOnce(ctx context.Context) ([]DutyDone, error) {
	const op = "RunOnce"
	if m.bound {
		return nil, withOp(op, errBound())
	}
	done := make([]DutyDone, 0, len(duties))
	var errs []error
	for _, d := range duties {
		if err := ctx.Err(); err != nil {
			return done, withOp(op, errors.Join(append(errs, err)...))
		}
		one := DutyDone{Duty: d.name}
		for range dutyRounds {
			n, err := d.do(m, ctx, m.now())
			one.Count += n
			if err != nil {
				one.Err = withOp(op+": "+d.name, err)
				errs = append(errs, one.Err)
			}
			if err != nil || n < d.full {
				break
			}
		}
		done = append(done, one)
	}
	if len(errs) == 0 {
		return done, nil
	}
	return done, withOp(op, errors.Join(errs...))
}

// Run does the background work until ctx ends, and returns its error: it calls
// [Manager.RunOnce], and again [Config.RunEvery] after that has returned. An export
// that runs holds up the rest of its process until it is done; another process, or
// another call of Run, goes on with mail and all else. What
// fails is logged and tried again at the next turn. Run it in a goroutine of the
// host's, in as many processes as there are.
func (m *Manager) Run(ctx context.Context) error {
	if m.bound {
		return withOp("Run", errBound())
	}
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return withOp("Run", ctx.Err())
		case <-wait.C:
		}
		if _, err := m.RunOnce(ctx); err != nil && ctx.Err() == nil {
			m.cfg.Logger.ErrorContext(ctx, "usermgmt: background work failed", "error", err)
		}
		wait.Reset(m.cfg.RunEvery)
	}
}

func (m *Manager) dutyMail(ctx context.Context, _ time.Time) (int, error) {
	if m.cfg.Mailer == nil {
		return 0, nil
	}
	d, err := m.Deliver(ctx, dutyBatch)
	return d.Sent + d.Failed + d.Dead + d.Withdrawn, err
}

func (m *Manager) dutyEvents(ctx context.Context, _ time.Time) (int, error) {
	if m.cfg.Events == nil {
		return 0, nil
	}
	d, err := m.DeliverEvents(ctx, dutyBatch)
	return d.Sent + d.Failed + d.Dead, err
}

// dutyTokens deletes one-time tokens that were used or expired long ago.
func (m *Manager) dutyTokens(ctx context.Context, now time.Time) (int, error) {
	return m.store.PruneTokens(ctx, now.Add(-tokenKept), dutyBatch)
}

// dutySessions deletes sessions that ended or expired long ago.
func (m *Manager) dutySessions(ctx context.Context, now time.Time) (int, error) {
	return m.store.PruneSessions(ctx, now.Add(-sessionKept), dutyBatch)
}
