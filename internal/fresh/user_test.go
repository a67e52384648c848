package fresh_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt"
)

// order is what the process that uses is started with.
type order struct {
	DSN    string
	Ground ground
	Cache  time.Duration // for which it remembers answers; 0 is not at all
	Count  int
}

// runUser is the other process: it uses each kind again and again, and writes down
// what happened.
func runUser(text string) int {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx := context.Background()
	pool, m, err := open(ctx, o.DSN)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer pool.Close()
	out := json.NewEncoder(os.Stdout)
	var mu sync.Mutex
	var wg sync.WaitGroup
	all := tries(m, &o.Ground)
	for name, try := range all {
		if o.Cache > 0 {
			try = remembered(try, o.Cache)
		}
		wg.Go(func() {
			for range o.Count / len(all) { // a slow kind is tried as often as a quick one
				u := use{Kind: name, Began: time.Now().UnixNano()}
				allowed, err := try(ctx)
				u.End, u.Allowed = time.Now().UnixNano(), allowed
				if err != nil {
					u.Err = err.Error()
				}
				mu.Lock()
				_ = out.Encode(u)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return 0
}

type try func(ctx context.Context) (allowed bool, err error)

// tries are the uses by their kinds: verifications by session and by key, a change
// with an actor from before, and a verification of somebody who acts as another one.
func tries(m *usermgmt.Manager, g *ground) map[string]try {
	here := usermgmt.Origin{}
	session := func(token string, r usermgmt.Record) try {
		return func(ctx context.Context) (bool, error) {
			a, err := m.Auth().Session(ctx, token, here)
			return err == nil && a.Can(view, r), err
		}
	}
	key := func(text string) try {
		return func(ctx context.Context) (bool, error) {
			a, err := m.Auth().APIKey(ctx, text, here)
			return err == nil && a.Can(view, usermgmt.Record{Org: g.Org}), err
		}
	}
	in := func(err error) (bool, error) { // a refusal is an answer
		if errors.Is(err, usermgmt.ErrUnauthenticated) || errors.Is(err, usermgmt.ErrPermission) || errors.Is(err, usermgmt.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	}
	var old usermgmt.Actor
	var made time.Time
	return map[string]try{
		"role":   session(g.Role, usermgmt.Record{Org: g.Org}),
		"grants": key(g.Grants),
		"move":   session(g.Move, usermgmt.Record{Org: g.Org, OwnerTeams: []usermgmt.TeamID{g.Moved}}),
		"share":  session(g.Share, usermgmt.Record{Org: g.Org, OwnerTeams: []usermgmt.TeamID{g.Shared}}),
		"disable": func(ctx context.Context) (bool, error) {
			_, err := m.Auth().APIKey(ctx, g.Disable, here)
			return in(err)
		},
		"list": func(ctx context.Context) (bool, error) {
			_, err := m.Auth().Session(ctx, g.List, here)
			return in(err)
		},
		"demote": func(ctx context.Context) (bool, error) {
			if time.Since(made) > 20*time.Second { // it was verified long before the change
				a, err := m.ActorFor(ctx, usermgmt.ActorRequest{User: g.Demoted})
				if err != nil {
					return false, err
				}
				old, made = a, time.Now()
			}
			return in(m.Users().Activate(ctx, old, g.Target))
		},
	}
}

// remembered is what the library does not do.
func remembered(t try, life time.Duration) try {
	var allowed bool
	var err error
	var at time.Time
	return func(ctx context.Context) (bool, error) {
		if time.Since(at) > life {
			allowed, err = t(ctx)
			at = time.Now()
		} else {
			time.Sleep(time.Millisecond)
		}
		return allowed, err
	}
}
