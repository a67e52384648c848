package usermgmt

import "context"

// SwitchBack ends a proxy or support session and resumes the operator's own, with
// a new token. It needs no permission and takes no target: it goes back to the
// session that the login came from, and to nothing else. A session that is refused
// because a permission, a scope, the list, a deputy or the consent was withdrawn
// can still be left this way; one that idled out, expired, or was ended, as by
// disabling the target, cannot. An operator who may no longer be in is logged
// out instead.
//
// Of any number of parallel calls exactly one succeeds.
//
// SwitchBack is atomic. It records "proxy.switch_back".
//
// Errors: [ErrUnauthenticated].
func (p *Proxy) SwitchBack(ctx context.Context, proxyToken string, origin Origin) (*LoginResult, error) {
	const op = "Proxy.SwitchBack"
	m := p.m
	if m.bound {
		return nil, withOp(op, errBound())
	}
	hash, ok := sessionHash(proxyToken)
	if !ok {
		return nil, withOp(op, refusedEntry("malformed"))
	}
	now := m.now()
	operation := newID[Operation]()
	tok := newSessionToken()
	var result *LoginResult
	var loggedOut error
	err := m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		result, loggedOut = nil, nil
		view, err := tx.SessionByToken(ctx, hash)
		if err != nil {
			return unknownUser(err)
		}
		ses := view.Session
		if !ses.Kind.acting() {
			return refusedEntry("not_proxied")
		}
		if err := liveSession(&ses, now); err != nil {
			return err
		}
		ended, err := tx.EndSession(ctx, ses.ID, now, "switched back")
		if err != nil {
			return err
		}
		if !ended {
			return refusedEntry("ended")
		}
		own, err := tx.SessionByID(ctx, ses.Parent)
		if err != nil {
			return unknownUser(err)
		}
		v := &actorValue{door: ses.Kind.door(), subject: ses.User, operator: ses.Operator, org: ses.Org, origin: origin,
			operatorName: auditName(own.Standing.Username, own.Standing.Kind),
			subjectName:  auditName(view.Standing.Username, view.Standing.Kind)}
		w := &work{m: m, tx: tx, v: v, now: now, op: operation, verb: verbSwitchBack}
		w.on("session", ses.ID, ses.Org, "")
		result, loggedOut = w.resume(ctx, &own, tok, origin)
		if loggedOut != nil && !isUnauthenticated(loggedOut) {
			return loggedOut
		}
		if loggedOut != nil {
			if _, err := tx.EndSession(ctx, ses.Parent, now, "operator may no longer be in"); err != nil {
				return err
			}
		}
		w.record(nil, nil)
		return w.flush(ctx)
	})
	if err == nil {
		err = loggedOut
	}
	if err != nil {
		return nil, failed(op, operation, err)
	}
	return result, nil
}

// resume gives a parked session a new token and its actor back.
func (w *work) resume(ctx context.Context, own *SessionView, tok sessionToken, origin Origin) (*LoginResult, error) {
	old := own.Session.TokenHash
	ses := own.Session
	ses.Parked, ses.TokenHash, ses.SeenAt = false, tok.hash, w.now
	view := SessionView{Session: ses, Standing: own.Standing}
	v := &actorValue{origin: origin, verified: w.now}
	inside := *w.m
	inside.rights = w.m.rights.reading()
	if err := inside.admitSession(ctx, w.tx, &view, v, w.now); err != nil {
		return nil, err
	}
	if err := w.tx.UpdateSession(ctx, ses, old); err != nil {
		return nil, err
	}
	return &LoginResult{Token: Secret{tok.text}, Actor: Actor{v}, Session: v.presentSession(ses), Pending: v.pending}, nil
}
