package usermgmt

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// Hook is code of the host's that is asked before a change commits, inside its
// transaction, and may forbid it. See [Config.Hooks].
type Hook struct {
	// Name is the Rule of the error if the hook forbids something: lower-case
	// words of a-z, 0-9 and _.
	Name string
	// Verbs are the audit verbs that it is asked about, such as "user.create", see
	// [AuditVerbs]; none is all of them.
	Verbs []string
	// Before returns nil to let the change happen, and an error to forbid it.
	//
	// It may be called again for the same operation, since a transaction that
	// meets another one is run again; only the last run commits. So it does what
	// it does through the change's Manager or Store, or by the operation's
	// identifier, and leaves everything else to [Config.Events].
	Before func(ctx context.Context, c Change) error
}

// Change is what a [Hook] is asked about.
type Change struct {
	Operation OperationID
	Actor     Actor
	// Entries are what the change records, those of the hook's Verbs: who does what
	// to whom, and what was before and is after. They are the hook's own copies.
	Entries []AuditEntry
	// Manager and Store are bound to the transaction of the change, and see it
	// done. What is done through them commits with it, and asks no hook.
	Manager *Manager
	Store   Store
}

var hookName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

func validateHooks(hooks []Hook, p *problems) {
	seen := map[string]bool{}
	for _, h := range hooks {
		switch {
		case !hookName.MatchString(h.Name):
			p.add("hooks", "format", fmt.Sprintf("name %q: want a-z, 0-9 and _, beginning with a letter", h.Name))
		case seen[h.Name]:
			p.add("hooks", "taken", "hook "+h.Name+" is there twice")
		case h.Before == nil:
			p.add("hooks", "required", "hook "+h.Name+" has no function")
		}
		seen[h.Name] = true
		for _, v := range h.Verbs {
			if !ownVerbs[v] && !verbForm.MatchString(v) {
				p.add("hooks", "verb", fmt.Sprintf("hook %s: %q is no verb", h.Name, v))
			}
		}
	}
}

// ask asks the hooks about what the call is about to record.
func (w *work) ask(ctx context.Context) error {
	for i := range w.m.cfg.Hooks {
		h := &w.m.cfg.Hooks[i]
		var entries []AuditEntry
		for j := range w.entries {
			e := &w.entries[j]
			if e.Outcome == OutcomeDone && (len(h.Verbs) == 0 || slices.Contains(h.Verbs, e.Verb)) {
				entries = append(entries, e.clone())
			}
		}
		if len(entries) == 0 {
			continue
		}
		inside := w.m.WithStore(w.tx)
		inside.cfg.Hooks = nil
		v := *w.v
		err := guarded(func() error {
			return h.Before(ctx, Change{Operation: w.op, Actor: Actor{&v}, Entries: entries, Manager: inside, Store: w.tx})
		})
		if err != nil {
			return vetoed(ctx, h.Name, err)
		}
	}
	return nil
}

// vetoed is the error of a call that a hook forbids. A context that ended, or a
// store's own failure, is no veto.
func vetoed(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil || errors.Is(err, ErrTransient) || errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	return &Error{Kind: ErrVetoed, Rule: name, Err: err}
}
