package usermgmt

import (
	"context"
	"net/netip"
	"time"

	"github.com/usermgmt/usermgmt/internal/token"
)

// Session verifies a session token and returns its actor. It is the call of
// every request: one read, and now and then a write that extends the idle
// limit. It does not say why a token is refused beyond the Rule, for logs. The
// refusal of a session in which somebody acts for somebody else is recorded, as
// "proxy.refused".
//
// Errors: [ErrUnauthenticated].
func (s *Auth) Session(ctx context.Context, sessionToken string, origin Origin) (Actor, error) {
	const op = "Auth.Session"
	m := s.m
	if m.bound {
		return Actor{}, withOp(op, errBound())
	}
	hash, ok := token.SessionHash(sessionToken)
	if !ok {
		return Actor{}, withOp(op, refusedEntry("malformed"))
	}
	view, err := m.store.SessionByToken(ctx, hash)
	if err != nil {
		return Actor{}, withOp(op, unknownUser(err))
	}
	now := m.now()
	v := &actorValue{origin: origin, verified: now}
	if err := m.admitSession(ctx, m.store, &view, v, now); err != nil {
		if view.Session.Kind.acting() && isUnauthenticated(err) {
			err = also(err, m.recordRefusedActing(ctx, &view.Session, v, err))
		}
		return Actor{}, withOp(op, err)
	}
	if stale := now.Add(-touchAfter(view.Session.Idle)); view.Session.SeenAt.Before(stale) {
		if err := m.store.TouchSession(ctx, view.Session.ID, now, stale); err != nil {
			return Actor{}, withOp(op, err)
		}
	}
	return Actor{v}, nil
}

// touchAfter is how old SeenAt may get before it is written again.
func touchAfter(idle time.Duration) time.Duration { return min(idle/10, time.Minute) }

// keyTouchAfter is how exact [APIKey.LastUsedAt] is.
const keyTouchAfter = time.Hour

// APIKey verifies an API key and returns its actor: the owner, with the owner's
// present rights. It is one read, and a write once an hour. A key is never
// exchanged for a session.
//
// Errors: [ErrUnauthenticated].
func (s *Auth) APIKey(ctx context.Context, key string, origin Origin) (Actor, error) {
	const op = "Auth.APIKey"
	m := s.m
	if m.bound {
		return Actor{}, withOp(op, errBound())
	}
	_, hash, err := token.ParseAPIKey(key)
	if err != nil {
		return Actor{}, withOp(op, refusedEntry("malformed"))
	}
	view, err := m.store.APIKeyByHash(ctx, hash)
	if err != nil {
		return Actor{}, withOp(op, unknownUser(err))
	}
	now := m.now()
	v := &actorValue{origin: origin, verified: now, token: hash}
	if err := m.admitKey(ctx, m.store, &view, v, now); err != nil {
		return Actor{}, withOp(op, err)
	}
	if err := v.rights.fromAddress(origin.Address); err != nil {
		return Actor{}, withOp(op, err)
	}
	if stale := now.Add(-keyTouchAfter); view.Key.LastUsedAt.Before(stale) {
		if err := m.store.TouchAPIKey(ctx, view.Key.ID, now, stale); err != nil {
			return Actor{}, withOp(op, err)
		}
	}
	return Actor{v}, nil
}

// fromAddress checks the address against the ranges of the access profile.
func (s *snapshot) fromAddress(address string) error {
	if len(s.ranges) == 0 {
		return nil
	}
	if addr, err := netip.ParseAddr(address); err == nil {
		addr = addr.Unmap().WithZone("")
		for _, r := range s.ranges {
			if r.Contains(addr) {
				return nil
			}
		}
	}
	return refusedEntry("address")
}
