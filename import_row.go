package usermgmt

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt/internal/canon"
)

// row imports one row.
func (b *importBatch) row(ctx context.Context, w *work, r *importRow) (outcome, error) {
	w.on("import", b.imp.report.ID, b.imp.org, "")
	if r.cells == nil {
		return 0, invalid("row", "columns", "does not have as many cells as the header")
	}
	var p problems
	var u User
	r.draft(&u, b.imp.opt.Source, w.now, &p)
	stored, err := b.find(ctx, w, &u)
	if err != nil {
		return 0, err
	}
	switch {
	case stored == nil && b.imp.opt.Mode == ImportUpdate:
		return 0, invalid("username", "unknown", "there is no such user")
	case stored == nil:
		return b.create(ctx, w, r, &u, &p)
	case b.isSeen[stored.ID] || b.imp.saw(stored.ID) || b.imp.digests.has(stored.ID):
		return 0, invalid("username", "twice", "another row is about the same user")
	case b.imp.opt.Mode == ImportCreate && !r.again:
		return 0, conflict("username", "taken", "there is such a user")
	}
	return b.update(ctx, w, r, stored, &p)
}

// saw reports whether a row of a batch that is in was about a user.
func (imp *importer) saw(id UserID) bool {
	_, ok := imp.seen[id]
	return ok
}

// about is whom the row is about: what into makes of the username and of the
// external identifier of a new user.
func (r *importRow) about(source string) (username string, x externalID) {
	username, x = r.cell(r.h.user), externalID{r.cell(r.h.source), r.cell(r.h.extID)}
	switch {
	case x.id == "" && r.h.extID >= 0 && r.h.source < 0:
		x.source = ""
	case x.source == "" && x.id != "":
		x.source = source
	}
	return username, x
}

// create makes the user u, which the row describes.
func (b *importBatch) create(ctx context.Context, w *work, r *importRow, u *User, p *problems) (outcome, error) {
	imp := b.imp
	u.ID, u.CreatedAt, u.UpdatedAt = newID[User](), w.now, w.now
	n := imp.opt.Defaults
	c := r.membership(imp.refs, p)
	c.overDefaults(&n)
	r.customDefaults(&n)
	hash := r.hash(u.Kind, p)
	if text := r.special(colResponsible); text != "" {
		person, err := w.person(ctx, b.imp.org, text)
		switch {
		case err == nil:
			u.Responsible = person.User
		case !isNotFound(err):
			return 0, err
		case !r.final:
			b.late = append(b.late, *r)
			return rowPostponed, nil
		default:
			p.add("responsible", "unknown", "no such user")
			u.Responsible = u.ID // says no more than that somebody is named
		}
	}
	u.Groups = namesIn(imp.refs.groups, r.special(colGroups), "groups", p)
	text := r.special(colOwnerUnit)
	unit, rule := imp.opt.DefaultUnit, ""
	if text != "" {
		unit, rule = imp.refs.units.resolve(text)
	}
	if rule == "unknown" && imp.opt.CreateUnits {
		unit = imp.opt.DefaultUnit // stands for the one to be made
	} else if rule != "" {
		nameIn(imp.refs.units, text, "owner_unit", p)
	} else if unit.IsZero() {
		p.add("owner_unit", "required", "neither the file nor the options name one")
	}
	if len(p.errs) > 0 || rule != "" {
		check := *u
		prepareUser(&check, nil, imp.policy, w.now, p)
		if err := p.err(); err != nil {
			return 0, err
		}
		var err error
		if unit, err = b.createUnits(ctx, w, text); err != nil {
			return 0, err
		}
	}
	u.OwnerUnit = unit
	if !u.DeactivatedAt.IsZero() && !w.v.can(PermUserDeactivate, &Record{Org: imp.org, OwnerUnits: []UnitID{unit}}) {
		return 0, &Error{Kind: ErrPermission, Field: "deactivated_at", Permission: PermUserDeactivate}
	}
	if hash != "" && w.v.acting() { // whoever knows the password would keep what is not theirs
		return 0, &Error{Kind: ErrPermission, Field: "password", Rule: "own_session_only", Permission: PermUserCreate}
	}
	w.verb = verbUserCreate
	if err := w.createUser(ctx, u, &n, entrance{hash: hash}, p); err != nil {
		return 0, err
	}
	b.see(u.ID)
	if boss := r.special(colReportsTo); boss != "" {
		b.reports = append(b.reports, superior{row: r.kept(), user: u.ID, text: boss, created: true})
	}
	if c.Enabled != nil && !*c.Enabled {
		return rowCreated, b.updateMembership(ctx, w, u.ID, &MembershipUpdate{Enabled: c.Enabled})
	}
	return rowCreated, nil
}

// overDefaults puts what c says in the place of defaults.
func (c *MembershipUpdate) overDefaults(n *NewMembership) {
	set(&n.Profile, c.Profile)
	set(&n.Roles, c.Roles)
	set(&n.Teams, c.Teams)
	set(&n.PrimaryTeam, c.PrimaryTeam)
	set(&n.Units, c.Units)
	set(&n.Licence, c.Licence)
	set(&n.InitialApp, c.InitialApp)
	set(&n.TimeZone, c.TimeZone)
	set(&n.DateFormat, c.DateFormat)
}

// createUnits makes the units of the path that are not there and returns the
// last one.
func (b *importBatch) createUnits(ctx context.Context, w *work, path string) (UnitID, error) {
	imp := b.imp
	above := imp.opt.DefaultUnit
	parts := splitEscaped(path, '/')
	text := ""
	for _, part := range parts {
		if text != "" {
			text += "/"
		}
		text += part
		id, rule := imp.refs.units.resolve(text)
		if rule == "" {
			above = id
			continue
		}
		if rule == "ambiguous" {
			return UnitID{}, invalid("owner_unit", rule, "is the name of several; write the path with \"/\" or the identifier")
		}
		u := BusinessUnit{ID: newID[BusinessUnit](), Org: imp.org, Parent: above, Name: unescape(part), CreatedAt: w.now, UpdatedAt: w.now}
		w.on("unit", u.ID, u.Org, u.Name)
		if _, err := canon.Name(u.Name); err != nil {
			return UnitID{}, invalid("owner_unit", ruleOf(err), err.Error())
		}
		if err := w.need(PermUnitCreate, PermUnitView, &Record{Org: u.Org, OwnerUnits: []UnitID{above}}); err != nil {
			return UnitID{}, &Error{Kind: ErrPermission, Field: "owner_unit", Permission: PermUnitCreate}
		}
		w.verb = verbUnitCreate
		if err := w.saveUnit(ctx, &u, nil); err != nil {
			return UnitID{}, err
		}
		imp.refs.units.add(csvName[BusinessUnit]{id: u.ID, parent: above, name: u.Name})
		b.units = append(b.units, u.ID)
		above = u.ID
	}
	clear(w.known)
	// The actor's rights know the new units only when they are read again, past
	// the shared caches, which must not hear of what has not committed.
	return above, w.m.WithStore(w.tx).renew(ctx, w.tx, w.v, w.now)
}

// update changes the user stored where the row differs.
func (b *importBatch) update(ctx context.Context, w *work, r *importRow, stored *User, p *problems) (outcome, error) {
	imp := b.imp
	mem, err := w.tx.MembershipOf(ctx, stored.ID, imp.org)
	if skipNotFound(err) != nil {
		return 0, err
	}
	if err != nil || !w.v.sees(PermUserView, recordOf(stored, &mem, imp.org, w.now)) {
		return 0, conflict("username", "taken", "belongs to another user")
	}
	next := *stored
	next.Emails, next.EmployeeNumber = slices.Clone(stored.Emails), slices.Clone(stored.EmployeeNumber)
	r.into(&next, imp.opt.Source, p)
	if text := r.cell(r.h.kind); text != "" && text != stored.Kind.String() {
		p.add("kind", "fixed", "cannot be changed")
	}
	enabled := r.flag(r.h.enable, "enabled", stored.Enabled, p)
	hash := r.hash(stored.Kind, p)
	c := r.membership(imp.refs, p)
	unit := stored.OwnerUnit
	if text := r.special(colOwnerUnit); text != "" && text != unit.String() {
		unit, _ = nameIn(imp.refs.units, text, "owner_unit", p)
	}
	if r.h.at[colGroups] >= 0 {
		next.Groups = namesIn(imp.refs.groups, r.special(colGroups), "groups", p)
	}
	boss, named, err := b.people(ctx, w, r, &next, p)
	if err != nil {
		return 0, err
	}
	person := stored.Kind != KindService
	next.Custom = imp.fields.host.check(stored.Custom, merged(stored.Custom, r.custom(false)), false, person, p)
	c.Custom = r.customChanges(imp.fields.org, &mem, person, p)
	prepareUser(&next, imp.fields.host, imp.policy, w.now, p)
	if err := p.err(); err != nil {
		return 0, err
	}
	b.see(stored.ID)
	changed, err := b.change(ctx, w, stored, &next)
	if err != nil {
		return 0, err
	}
	done := func(did bool, err error) error {
		changed = changed || did
		return err
	}
	if enabled != stored.Enabled {
		w.verb = verbUserDisable
		if enabled {
			w.verb = verbUserEnable
		}
		if err := done(w.setEnabled(ctx, stored.ID, enabled)); err != nil {
			return 0, err
		}
	}
	if unit != stored.OwnerUnit {
		w.verb = verbUserAssign
		acc, err := w.account(ctx, stored.ID, PermUserAssign)
		if err == nil {
			err = w.assign(ctx, acc.User, unit)
		}
		if err := done(true, err); err != nil {
			return 0, err
		}
	}
	if c.differs(&mem) {
		if err := done(true, b.updateMembership(ctx, w, stored.ID, &c)); err != nil {
			return 0, err
		}
	}
	if hash != "" {
		if err := done(w.firstPassword(ctx, stored.ID, hash)); err != nil {
			return 0, err
		}
	}
	if boss != "" {
		b.reports = append(b.reports, superior{row: r.kept(), user: stored.ID, text: boss, unchanged: !changed})
	}
	if changed {
		imp.digests.change(stored.ID)
		return rowUpdated, nil
	}
	if boss == "" && hash == "" { // a password is told by no version
		b.remember(r, stored, &mem, named)
	}
	return rowUnchanged, nil
}

// people reads the columns that name other users. boss is a reports_to that
// differs, for later. named are those who were found.
func (b *importBatch) people(ctx context.Context, w *work, r *importRow, next *User, p *problems) (boss string, named []NamedVersion, err error) {
	if r.h.at[colResponsible] >= 0 {
		next.Responsible = UserID{}
		if text := r.special(colResponsible); text != "" {
			person, err := w.person(ctx, b.imp.org, text)
			if err != nil {
				if !isNotFound(err) {
					return "", nil, err
				}
				p.add("responsible", "unknown", "no such user")
			}
			next.Responsible, named = person.User, append(named, person)
		}
	}
	if r.h.at[colReportsTo] < 0 {
		return "", named, nil
	}
	text := r.special(colReportsTo)
	if text == "" {
		next.ReportsTo = UserID{}
		return "", named, nil
	}
	person, err := w.person(ctx, b.imp.org, text)
	if skipNotFound(err) != nil {
		return "", nil, err
	}
	if err == nil && person.User == next.ReportsTo {
		return "", append(named, person), nil
	}
	return text, named, nil
}

// change stores the fields of the record itself if they differ.
func (b *importBatch) change(ctx context.Context, w *work, stored, next *User) (bool, error) {
	same, own := true, true
	for i := range userFields {
		if f := &userFields[i]; f.get(stored) != f.get(next) {
			same, own = false, own && f.Own
		}
	}
	if len(added(stored.Groups, next.Groups))+len(added(next.Groups, stored.Groups)) > 0 {
		same, own = false, false
	} else {
		next.Groups = stored.Groups // in their order
	}
	if changes := differing(stored.Custom, next.Custom); changes != nil {
		same, own = false, own && b.imp.fields.host.ownOnly(changes)
	}
	if stored.Responsible != next.Responsible || stored.ReportsTo != next.ReportsTo {
		same, own = false, false
	}
	if same {
		return false, nil
	}
	var c UserUpdate
	if !own {
		c.Username = &next.Username
	}
	u, err := w.editable(ctx, stored.ID, &c)
	if err != nil {
		return false, err
	}
	if u.Version != stored.Version {
		return false, &Error{Kind: ErrStale, Field: "version"}
	}
	w.verb = verbUserUpdate
	return true, w.updateUser(ctx, stored, next)
}

// differs reports whether c would change m; what would not is taken out of c.
func (c *MembershipUpdate) differs(m *Membership) bool {
	drop(&c.Enabled, m.Enabled)
	drop(&c.Profile, m.Profile)
	drop(&c.Licence, m.Licence)
	drop(&c.InitialApp, m.InitialApp)
	drop(&c.PrimaryTeam, m.PrimaryTeam)
	if c.TimeZone != nil {
		drop(&c.TimeZone, m.Settings[SettingTimeZone].Value)
	}
	if c.DateFormat != nil {
		drop(&c.DateFormat, m.Settings[SettingDateFormat].Value)
	}
	dropSet(&c.Roles, m.Roles)
	dropSet(&c.Teams, m.Teams)
	dropSet(&c.Units, m.Units)
	return !c.empty()
}

func drop[T comparable](p **T, is T) {
	if *p != nil && **p == is {
		*p = nil
	}
}

// dropSet is drop for lists whose order does not matter.
func dropSet[T comparable](p **[]T, is []T) {
	if *p != nil && len(added(is, **p)) == 0 && len(added(**p, is)) == 0 {
		*p = nil
	}
}

func (b *importBatch) updateMembership(ctx context.Context, w *work, user UserID, c *MembershipUpdate) error {
	w.verb = verbMemberUpdate
	mem, err := w.changeableMember(ctx, user, b.imp.org, c)
	if err == nil {
		_, err = w.updateMembership(ctx, mem, c)
	}
	return err
}

// firstPassword gives a password to a user who has none. It is [Passwords.Set]
// for a hash.
func (w *work) firstPassword(ctx context.Context, user UserID, hash string) (bool, error) {
	now, err := w.tx.AccountByID(ctx, user)
	if err != nil || now.Credential.Hash != "" {
		return false, err
	}
	acc, err := w.account(ctx, user, PermUserSetPassword)
	if err != nil {
		return false, err
	}
	rule := ""
	switch {
	case user == w.v.subject:
		rule = "self"
	case w.v.acting(), w.v.door == DoorAPIKey:
		rule = "own_session_only"
	}
	if rule != "" {
		return false, &Error{Kind: ErrPermission, Field: "password", Rule: rule, Permission: PermUserSetPassword}
	}
	if err := w.m.notDirectory(&acc.User, "password"); err != nil {
		return false, err
	}
	if err := w.notStronger(ctx, &acc.User); err != nil {
		return false, err
	}
	w.verb = verbSetPassword
	_, err = w.storePassword(ctx, acc, hash, false)
	return true, err
}
