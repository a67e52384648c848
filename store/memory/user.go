package memory

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

// userRow is a user as saved.
type userRow struct {
	usermgmt.User
	no uint64 // stays while the user exists
}

// person is what changes with logins, next to the user. There is one for each
// user, which the store finds by the user's identifier. What every request
// reads comes first and fills one line of the processor's cache; some of it
// repeats what is in u.
type person struct {
	stamp       uint64 // see writer.replace
	id          usermgmt.UserID
	username    string
	epoch       int64
	lockedUntil micros
	kind        usermgmt.UserKind
	status      usermgmt.AuthStatus
	enabled     bool
	deactivated bool
	reserved    bool
	mustChange  bool

	u           *userRow
	version     int64
	hash        string
	changedAt   micros
	tempUntil   micros
	failures    int
	lastLoginAt micros
	loginCount  int64
}

// setUser makes p lead to u.
func (p *person) setUser(u *userRow) {
	p.u, p.id, p.username, p.kind = u, u.ID, u.Username, u.Kind
	p.enabled, p.deactivated, p.reserved = u.Enabled, !u.DeactivatedAt.IsZero(), u.Reserved
}

// userOrders compare users in the orders of UserSort.
var userOrders = [4]func(a, b *usermgmt.User) int{
	usermgmt.SortName: func(a, b *usermgmt.User) int { return byKey(a.NameKey, b.NameKey, a.ID, b.ID) },
	usermgmt.SortUsername: func(a, b *usermgmt.User) int {
		return byKey(a.UsernameKey, b.UsernameKey, a.ID, b.ID)
	},
	usermgmt.SortEmail: func(a, b *usermgmt.User) int { return byKey(a.EmailKey, b.EmailKey, a.ID, b.ID) },
	usermgmt.SortCreated: func(a, b *usermgmt.User) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return cmpID(a.ID, b.ID)
	},
}

// unitUser is a user below the number of its owner unit.
type unitUser struct {
	no uint64
	u  *userRow
}

func (a unitUser) compare(b unitUser) int {
	if a.no != b.no {
		if a.no < b.no {
			return -1
		}
		return 1
	}
	return cmpID(a.u.ID, b.u.ID)
}

// ownedBy yields the users that the unit with the number owns.
func (v *version) ownedBy(no uint64, yield func(*userRow) bool) {
	v.users.byUnit.Ascend(func(x unitUser) bool { return x.no >= no },
		func(x unitUser) bool { return x.no == no && yield(x.u) })
}

func (v *version) person(id usermgmt.UserID) *person {
	return v.users.people.Get(hashID(id), func(p *person) bool { return p.id == id })
}

func (v *version) userByUsername(key string, h uint64) *userRow {
	return v.users.byUsername.Get(h, func(u *userRow) bool { return u.UsernameKey == key })
}

func (v *version) userByEmail(key string, h uint64) *userRow {
	return v.users.byEmail.Get(h, func(u *userRow) bool { return u.EmailKey == key })
}

func (s *Store) userByExternal(v *version, source, id string) *userRow {
	if source == "" && id == "" {
		return nil
	}
	return v.users.byExternal.Get(hashPair(s.text(source), s.text(id)), func(u *userRow) bool {
		return u.Source == source && u.ExternalID == id
	})
}

func (u *userRow) value() usermgmt.User {
	c := u.User
	c.Emails, c.EmployeeNumber = cloneSlice(c.Emails), cloneSlice(c.EmployeeNumber)
	c.Groups, c.Custom = cloneSlice(c.Groups), cloneMap(c.Custom)
	c.VerifiedEmails = cloneSlice(c.VerifiedEmails)
	return c
}

// SaveUser implements [usermgmt.Store].
func (s *Store) SaveUser(ctx context.Context, u usermgmt.User) error {
	return s.write(ctx, func(w *writer) error { return w.saveUser(s, &u) })
}

func (w *writer) saveUser(s *Store, u *usermgmt.User) error {
	p := w.v.person(u.ID)
	var old *userRow
	var stored int64
	if p != nil {
		old, stored = p.u, p.u.Version
	}
	if err := checkVersion(u.Version, old != nil, stored); err != nil {
		return err
	}
	if err := w.checkUser(s, u); err != nil {
		return err
	}
	row := &userRow{User: *u}
	row.User = row.value()
	row.Version++
	row.ErasedAt = utc(u.ErasedAt)
	row.DeactivatedAt, row.CreatedAt, row.UpdatedAt = utc(u.DeactivatedAt), utc(u.CreatedAt), utc(u.UpdatedAt)
	if old == nil {
		row.no = w.nextNo()
		p = &person{
			status: usermgmt.StatusActive, epoch: 1, version: 1,
			lockedUntil: never, changedAt: never, tempUntil: never, lastLoginAt: never,
		}
		p.setUser(row)
		w.users().people.Insert(w.own, p)
	} else {
		row.no = old.no
		next := *p
		next.setUser(row)
		w.replacePerson(p, &next)
	}
	w.indexUser(old, row)
	return nil
}

// checkUser checks what SaveUser promises about names and references.
func (w *writer) checkUser(s *Store, u *usermgmt.User) error {
	if u.ID.IsZero() {
		return missing("id")
	}
	other := func(r *userRow) bool { return r != nil && r.ID != u.ID }
	h := s.text(u.UsernameKey)
	if other(w.v.userByUsername(u.UsernameKey, h)) || u.UsernameKey != "" && other(w.v.userByEmail(u.UsernameKey, h)) {
		return taken("username")
	}
	if u.EmailKey != "" {
		h = s.text(u.EmailKey)
		if other(w.v.userByUsername(u.EmailKey, h)) || other(w.v.userByEmail(u.EmailKey, h)) {
			return taken("email")
		}
	}
	if other(s.userByExternal(w.v, u.Source, u.ExternalID)) {
		return taken("external_id")
	}
	if r := w.v.unit(u.OwnerUnit); r == nil || r.Org != u.Org {
		return missing("owner_unit")
	}
	if !u.ReportsTo.IsZero() && u.ReportsTo != u.ID && w.v.person(u.ReportsTo) == nil {
		return missing("reports_to")
	}
	if !u.Responsible.IsZero() && u.Responsible != u.ID && w.v.person(u.Responsible) == nil {
		return missing("responsible")
	}
	for _, id := range u.Groups {
		if w.v.group(id) == nil {
			return missing("groups")
		}
	}
	return nil
}

// indexUser puts row in the place of old, which may be nil, wherever users are
// found but by identifier.
func (w *writer) indexUser(old, row *userRow) {
	t := w.users()
	if old == nil {
		t.byUsername.Insert(w.own, row)
	} else if old.UsernameKey == row.UsernameKey {
		t.byUsername.Replace(w.own, old, row)
	} else {
		t.byUsername.Delete(w.own, old)
		t.byUsername.Insert(w.own, row)
	}
	if old != nil && old.EmailKey != "" {
		t.byEmail.Delete(w.own, old)
	}
	if row.EmailKey != "" {
		t.byEmail.Insert(w.own, row)
	}
	if old != nil && (old.Source != "" || old.ExternalID != "") {
		t.byExternal.Delete(w.own, old)
	}
	if row.Source != "" || row.ExternalID != "" {
		t.byExternal.Insert(w.own, row)
	}
	if old == nil || old.SearchKey != row.SearchKey {
		if old != nil {
			t.search.stale++
		}
		t.search.add(row.SearchKey, row.ID)
	}
	if old == nil {
		for i := range t.orders {
			t.orders[i].Set(w.own, row)
		}
	} else {
		if old.OwnerUnit != row.OwnerUnit {
			t.byUnit.Delete(w.own, unitUser{w.v.unit(old.OwnerUnit).no, old})
		}
		for i, by := range userOrders {
			if by(&old.User, &row.User) != 0 {
				t.orders[i].Delete(w.own, old)
			}
			t.orders[i].Set(w.own, row)
		}
		w.moveMembers(old, row)
	}
	t.byUnit.Set(w.own, unitUser{w.v.unit(row.OwnerUnit).no, row})
	w.indexGroups(old, row)
	w.compactSearch()
}

// replacePerson puts next in the place of p. The stamp of next is reset.
func (w *writer) replacePerson(p, next *person) {
	next.stamp = 0
	w.replace(&p.stamp)
	t := w.users()
	t.people.Replace(w.own, p, next)
	w.moveAged(p, next)
	was, is := p.mayBeBlocked(), next.mayBeBlocked()
	if is && !was {
		t.blocked.Set(w.own, next.u.ID)
	} else if was && !is {
		t.blocked.Delete(w.own, next.u.ID)
	}
}

// mayBeBlocked reports whether there are times at which the credentials of an
// enabled user do not work.
func (p *person) mayBeBlocked() bool {
	return p.status != usermgmt.StatusActive || p.lockedUntil != never
}

// UserByID implements [usermgmt.Store].
func (s *Store) UserByID(ctx context.Context, id usermgmt.UserID) (usermgmt.User, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.User{}, err
	}
	p := v.person(id)
	if p == nil {
		return usermgmt.User{}, usermgmt.ErrNotFound
	}
	return p.u.value(), nil
}

// UsersByID implements [usermgmt.Store].
func (s *Store) UsersByID(ctx context.Context, ids []usermgmt.UserID) ([]usermgmt.User, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	seen := make(map[usermgmt.UserID]struct{}, len(ids))
	var out []usermgmt.User
	for _, id := range ids {
		if _, again := seen[id]; again {
			continue
		}
		seen[id] = struct{}{}
		if p := v.person(id); p != nil {
			out = append(out, p.u.value())
		}
	}
	return out, nil
}

// AccountByLogin implements [usermgmt.Store].
func (s *Store) AccountByLogin(ctx context.Context, key string) (usermgmt.Account, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Account{}, err
	}
	// Both indexes and the table of people are asked whatever they answer.
	h := s.text(key)
	u, byEmail := v.userByUsername(key, h), v.userByEmail(key, h)
	if u == nil {
		u = byEmail
	}
	var id usermgmt.UserID
	if u != nil {
		id = u.ID
	}
	return v.account(v.person(id))
}

// AccountByID implements [usermgmt.Store].
func (s *Store) AccountByID(ctx context.Context, id usermgmt.UserID) (usermgmt.Account, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Account{}, err
	}
	return v.account(v.person(id))
}

// AccountsByID implements [usermgmt.Store].
func (s *Store) AccountsByID(ctx context.Context, ids []usermgmt.UserID) ([]usermgmt.Account, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	seen := make(map[usermgmt.UserID]struct{}, len(ids))
	var out []usermgmt.Account
	for _, id := range ids {
		if _, again := seen[id]; again {
			continue
		}
		seen[id] = struct{}{}
		if p := v.person(id); p != nil {
			a, err := v.account(p)
			if err != nil {
				return nil, err
			}
			out = append(out, a)
		}
	}
	return out, nil
}

func (v *version) account(p *person) (usermgmt.Account, error) {
	if p == nil {
		return usermgmt.Account{}, usermgmt.ErrNotFound
	}
	f := v.factor(p.id)
	return usermgmt.Account{
		User: p.u.value(), Credential: p.credential(), Login: p.login(),
		Factor: f != nil && len(f.Secret) > 0, Question: v.question(p.id) != nil,
	}, nil
}

// UserByExternalID implements [usermgmt.Store].
func (s *Store) UserByExternalID(ctx context.Context, source, externalID string) (usermgmt.User, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.User{}, err
	}
	u := s.userByExternal(v, source, externalID)
	if u == nil {
		return usermgmt.User{}, usermgmt.ErrNotFound
	}
	return u.value(), nil
}

// UsersByLogin implements [usermgmt.Store].
func (s *Store) UsersByLogin(ctx context.Context, keys []string) ([]usermgmt.User, error) {
	return usersBy(ctx, s, keys, func(v *version, key string) *userRow {
		h := s.text(key)
		if u := v.userByUsername(key, h); u != nil || key == "" {
			return u
		}
		return v.userByEmail(key, h)
	})
}

// UsersByExternalID implements [usermgmt.Store].
func (s *Store) UsersByExternalID(ctx context.Context, source string, externalIDs []string) ([]usermgmt.User, error) {
	return usersBy(ctx, s, externalIDs, func(v *version, id string) *userRow { return s.userByExternal(v, source, id) })
}

// usersBy returns the users that find finds by the keys, each once.
func usersBy(ctx context.Context, s *Store, keys []string, find func(v *version, key string) *userRow) ([]usermgmt.User, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	seen := make(map[usermgmt.UserID]struct{}, len(keys))
	var out []usermgmt.User
	for _, key := range keys {
		u := find(v, key)
		if u == nil {
			continue
		}
		if _, again := seen[u.ID]; !again {
			seen[u.ID] = struct{}{}
			out = append(out, u.value())
		}
	}
	return out, nil
}
