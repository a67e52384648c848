package usermgmt

import (
	"context"
	"strings"
	"time"
)

// Step is a set of things that remain to be done after a proved password
// before a session can be used. They are done one after the other, in the order
// of the constants: an actor with steps pending can do the next one and log out,
// and nothing else. Each step that is done ends the session and gives a new one,
// with a new token, in which the others remain.
type Step uint8

// The steps.
const (
	// StepFactor: prove the second factor, with [Factors.Prove].
	StepFactor Step = 1 << iota
	// StepQuestion: answer the security question, with [Questions.Answer], or
	// choose one, with [Questions.Choose], if there is none yet.
	StepQuestion
	// StepPassword: change the password, with [Passwords.Change].
	StepPassword
	// StepEnroll: set up a second factor, with [Factors.Enroll] and
	// [Factors.Confirm].
	StepEnroll
)

var stepNames = [...]string{"factor", "question", "password", "enroll"}

// Next is the step to do now; 0 if none is left.
func (s Step) Next() Step { return s & -s }

// Has reports whether s contains every step of t.
func (s Step) Has(t Step) bool { return s&t == t }

// String lists the steps in their order, joined with "|", such as
// "factor|password"; "none" for the zero Step.
func (s Step) String() string {
	if s == 0 {
		return "none"
	}
	var parts []string
	for i, name := range stepNames {
		if s&(1<<i) != 0 {
			parts = append(parts, name)
		}
	}
	return strings.Join(parts, "|")
}

// stepProofs are the steps that prove a secret. A login counts when the last of
// them is done.
const stepProofs = StepFactor | StepQuestion

// errPending refuses an actor who has something else to do first.
func errPending(s Step) error { return refusedEntry("pending_" + s.Next().String()) }

// stepOf is the step that a call with the audit verb does; 0 if it does none.
func stepOf(verb string) Step {
	if verb == verbChangePassword {
		return StepPassword
	}
	return 0
}

// mayNow refuses a call that is not what the actor has to do next.
func (v *actorValue) mayNow(verb string) error {
	if v.pending == 0 || verb == verbLogout || stepOf(verb) == v.pending.Next() {
		return nil
	}
	return errPending(v.pending)
}

// stepsAfter are the steps that remain once the password is proved.
func (m *Manager) stepsAfter(acc *Account, policy *Policy, now time.Time) Step {
	var s Step
	if acc.Credential.MustChange || acc.Credential.Status == StatusExpired {
		s |= StepPassword
	}
	return s
}

// settleProof books a proved secret: the login counts if nothing that proves is
// left, and otherwise the attempt is given back, so that neither a right first
// secret resets the count of the second one's failures nor uses it up.
func (w *work) settleProof(ctx context.Context, user UserID, p *proof, remaining Step) error {
	var err error
	if remaining&stepProofs == 0 {
		err = w.tx.RecordLogin(ctx, user, w.now)
	} else {
		err = w.tx.ReleaseAttempt(ctx, user, p.until)
	}
	if err != nil {
		return err
	}
	return p.takeBack(ctx, w.tx, w.now)
}
