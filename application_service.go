package usermgmt

import (
	"context"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt/internal/canon"
)

// Applications manages applications and who may take which roles in them.
// [Manager.Applications] returns it.
type Applications struct{ m *Manager }

// Applications returns the service that manages applications.
func (m *Manager) Applications() *Applications { return &Applications{m} }

// Audit verbs of applications.
const (
	verbAppCreate    = "application.create"
	verbAppUpdate    = "application.update"
	verbAppDelete    = "application.delete"
	verbAccessGrant  = "application.grant"
	verbAccessRevoke = "application.revoke"
)

// NewApplication describes an application to make.
type NewApplication struct {
	// Org owns the application; zero makes one for every organization, for
	// which the actor needs scope System.
	Org         OrgID
	Name        string
	Description string
	// Objects are the objects whose records live in it. Permissions on them
	// then count only while an application that holds them is the current one.
	Objects []string
}

// Create makes an application.
//
// The actor needs [PermApplicationManage] in the organization. Create records
// "application.create".
//
// Errors: [ErrPermission], [ErrInvalid], [ErrConflict] for a taken name.
func (s *Applications) Create(ctx context.Context, a Actor, n NewApplication) (*Application, error) {
	var out *Application
	id := newID[Application]()
	err := s.m.change(ctx, a, "Applications.Create", verbAppCreate, func(ctx context.Context, w *work) error {
		app := Application{ID: id, Org: n.Org, Name: n.Name, Description: n.Description, Objects: slices.Clone(n.Objects),
			CreatedAt: w.now, UpdatedAt: w.now}
		w.on("application", app.ID, app.Org, app.Name)
		if err := w.need(PermApplicationManage, PermApplicationView, &Record{Org: app.Org}); err != nil {
			return err
		}
		if err := w.saveApplication(ctx, &app, nil); err != nil {
			return err
		}
		out = &app
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (w *work) saveApplication(ctx context.Context, app, before *Application) error {
	var p problems
	p.key("name", app.Name, &app.NameKey, canon.Name)
	p.text("description", app.Description, 4000, true)
	slices.Sort(app.Objects)
	app.Objects = slices.Compact(app.Objects)
	for _, name := range app.Objects {
		switch {
		case !slices.ContainsFunc(w.m.objects, func(o Object) bool { return o.Name == name }):
			p.add("objects", "unknown", "no object "+name)
		case slices.ContainsFunc(builtinObjects(), func(o Object) bool { return o.Name == name }):
			p.add("objects", "builtin", name+" belongs to every application")
		}
	}
	if err := p.err(); err != nil {
		return err
	}
	if err := w.tx.SaveApplication(ctx, *app); err != nil {
		return err
	}
	app.Version++
	fields := map[string]string(nil)
	if before != nil {
		fields = applicationFields(before)
	}
	w.record(fields, applicationFields(app))
	return w.tx.BumpStamps(ctx, app.Org, false)
}

func applicationFields(a *Application) map[string]string {
	return map[string]string{"name": a.Name, "description": a.Description, "objects": strings.Join(a.Objects, " ")}
}

// ApplicationUpdate changes an application; nil leaves a part alone.
type ApplicationUpdate struct {
	Name, Description *string
	Objects           *[]string
}

// Update changes an application, if version is the stored one. Rights are those
// of [Applications.Create]. It records "application.update".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrStale], [ErrInvalid], [ErrConflict].
func (s *Applications) Update(ctx context.Context, a Actor, id ApplicationID, version int64, c ApplicationUpdate) (*Application, error) {
	var out *Application
	err := s.m.change(ctx, a, "Applications.Update", verbAppUpdate, func(ctx context.Context, w *work) error {
		app, err := w.application(ctx, id)
		if err != nil {
			return err
		}
		if app.Version != version {
			return &Error{Kind: ErrStale, Field: "version"}
		}
		before := *app
		set(&app.Name, c.Name)
		set(&app.Description, c.Description)
		set(&app.Objects, c.Objects)
		app.Objects = slices.Clone(app.Objects)
		app.UpdatedAt = w.now
		if err := w.saveApplication(ctx, app, &before); err != nil {
			return err
		}
		out = app
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// application loads an application that the call is about.
func (w *work) application(ctx context.Context, id ApplicationID) (*Application, error) {
	app, err := w.tx.ApplicationByID(ctx, id)
	if err != nil {
		return nil, err
	}
	w.on("application", id, app.Org, app.Name)
	if app.Org.IsZero() && w.v.can(PermApplicationView, &Record{Org: w.v.org}) && !w.v.can(PermApplicationManage, &Record{}) {
		return nil, &Error{Kind: ErrPermission, Rule: "system_wide", Permission: PermApplicationManage}
	}
	return &app, w.need(PermApplicationManage, PermApplicationView, &Record{Org: app.Org})
}

// Delete deletes an application that no role, access entry or membership names.
// Rights are those of [Applications.Create]. It records "application.delete".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict] with the Rule "in_use".
func (s *Applications) Delete(ctx context.Context, a Actor, id ApplicationID) error {
	return s.m.change(ctx, a, "Applications.Delete", verbAppDelete, func(ctx context.Context, w *work) error {
		app, err := w.application(ctx, id)
		if err != nil {
			return err
		}
		if err := w.tx.DeleteApplication(ctx, id); err != nil {
			return err
		}
		w.record(applicationFields(app), nil)
		return w.tx.BumpStamps(ctx, app.Org, false)
	})
}

// Get returns an application. The actor needs [PermApplicationView] in its
// organization, or in the current one for an application of all.
// Errors: [ErrNotFound].
func (s *Applications) Get(ctx context.Context, a Actor, id ApplicationID) (*Application, error) {
	const op = "Applications.Get"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	app, err := s.m.store.ApplicationByID(ctx, id)
	if err != nil {
		return nil, withOp(op, err)
	}
	if !v.seesShared(PermApplicationView, app.Org) {
		return nil, withOp(op, &Error{Kind: ErrNotFound})
	}
	return &app, nil
}

// List returns the applications of an organization, its own and those of all,
// in the order of their names. The zero org is the actor's. The actor needs
// [PermApplicationView] there. Errors: [ErrPermission].
func (s *Applications) List(ctx context.Context, a Actor, org OrgID) ([]Application, error) {
	set, err := s.m.policySet(ctx, a, "Applications.List", &org, PermApplicationView)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(set.Applications, func(a, b Application) int { return compareNamed(a.NameKey, b.NameKey, a.ID, b.ID) })
	return set.Applications, nil
}

// Mine returns the applications that the actor may enter, in the order of their
// names: those in which an access entry names the actor, one of the actor's
// teams, or a team above them.
func (s *Applications) Mine(ctx context.Context, a Actor) ([]Application, error) {
	const op = "Applications.Mine"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	st, err := s.m.store.StandingOf(ctx, v.subject, v.org)
	if err != nil {
		return nil, withOp(op, err)
	}
	org, err := s.m.rights.org(ctx, s.m.store, &st)
	if err != nil {
		return nil, withOp(op, err)
	}
	h, err := s.m.rights.holding(ctx, s.m.store, v.subject, v.org, v.app, v.role)
	if err != nil {
		return nil, withOp(op, err)
	}
	var out []Application
	for _, app := range org.policy.set.Applications {
		if org.policy.inApplication(h, app.ID, org.trees, &clock{now: s.m.now()}) {
			app.Objects = slices.Clone(app.Objects)
			out = append(out, app)
		}
	}
	slices.SortFunc(out, func(a, b Application) int { return compareNamed(a.NameKey, b.NameKey, a.ID, b.ID) })
	return out, nil
}

// AccessRequest says which roles a user or a team may take in an application.
// Exactly one of User and Team is set.
type AccessRequest struct {
	Application ApplicationID
	User        UserID
	Team        TeamID
	Roles       []RoleAssignment
}

// Grant sets the access entry of a user or a team for an application, in the
// actor's organization, in place of the one before.
//
// The actor needs [PermUserGrant] on the user, or with a scope that covers the
// team. Added roles may hold only what the actor holds.
//
// Grant is atomic. It records "application.grant".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrInvalid].
func (s *Applications) Grant(ctx context.Context, a Actor, req AccessRequest) (*AccessEntry, error) {
	var out *AccessEntry
	id := newID[AccessEntry]()
	err := s.m.change(ctx, a, "Applications.Grant", verbAccessGrant, func(ctx context.Context, w *work) error {
		e, err := w.accessEntry(ctx, req.Application, req.User, req.Team, id)
		if err != nil {
			return err
		}
		if len(req.Roles) == 0 {
			return invalid("roles", "required", "an access entry needs a role")
		}
		set, err := w.tx.Policy(ctx, e.Org)
		if err != nil {
			return err
		}
		policy := compilePolicy(w.m.rights.cat, set)
		before := accessFields(e)
		old := e.Roles
		e.Roles = slices.Clone(req.Roles)
		for i := range e.Roles {
			e.Roles[i].From, e.Roles[i].Until = stored(e.Roles[i].From), stored(e.Roles[i].Until)
		}
		var to *Membership
		if !e.User.IsZero() {
			mem, err := w.tx.MembershipOf(ctx, e.User, e.Org)
			if err != nil {
				return err
			}
			to = &mem
		}
		var p problems
		if _, ok := policy.reach[e.Application]; !ok {
			p.add("application", "unknown", "no such application in the organization")
		}
		if err := w.checkRoles(policy, to, old, e.Roles, e.Application, &p); err != nil {
			return err
		}
		if err := p.err(); err != nil {
			return err
		}
		e.UpdatedAt = w.now
		if err := w.tx.SaveAccess(ctx, *e); err != nil {
			return err
		}
		if e.Version == 0 {
			before = nil
		}
		e.Version++
		w.record(before, accessFields(e))
		out = e
		return w.accessChanged(ctx, e)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// accessEntry finds the entry of a user or a team, or begins a new one, if the
// actor may change it.
func (w *work) accessEntry(ctx context.Context, app ApplicationID, user UserID, team TeamID, id AccessID) (*AccessEntry, error) {
	e := &AccessEntry{ID: id, Org: w.v.org, Application: app, User: user, Team: team, CreatedAt: w.now}
	switch {
	case user.IsZero() == team.IsZero():
		return nil, invalid("subject", "one", "name either a user or a team")
	case !user.IsZero():
		mem, r, err := w.member(ctx, user, w.v.org)
		if err != nil {
			return nil, err
		}
		if err := w.need(PermUserGrant, PermUserView, r); err != nil {
			return nil, err
		}
		if mem.User.Reserved {
			return nil, &Error{Kind: ErrPermission, Rule: "reserved", Permission: PermUserGrant}
		}
		entries, err := w.tx.AccessOf(ctx, user, w.v.org)
		if err != nil {
			return nil, err
		}
		for i := range entries {
			if entries[i].Application == app {
				e = &entries[i]
			}
		}
	default:
		t, err := w.tx.TeamByID(ctx, team)
		if err != nil {
			return nil, err
		}
		w.on("team", team, t.Org, t.Name)
		e.Org = t.Org
		if err := w.need(PermUserGrant, PermTeamView, teamRecord(&t)); err != nil {
			return nil, err
		}
		set, err := w.tx.Policy(ctx, t.Org)
		if err != nil {
			return nil, err
		}
		for i := range set.TeamAccess {
			if set.TeamAccess[i].Application == app && set.TeamAccess[i].Team == team {
				e = &set.TeamAccess[i]
			}
		}
	}
	return e, nil
}

// accessChanged makes snapshots see a changed entry.
func (w *work) accessChanged(ctx context.Context, e *AccessEntry) error {
	if e.User.IsZero() {
		return w.tx.BumpStamps(ctx, e.Org, false)
	}
	return w.tx.BumpRights(ctx, e.User, e.Org)
}

func accessFields(e *AccessEntry) map[string]string {
	var roles []string
	for _, r := range e.Roles {
		roles = append(roles, r.Role.String()+period(r.From, r.Until))
	}
	slices.Sort(roles)
	return map[string]string{"application": e.Application.String(), "access_roles": strings.Join(roles, " ")}
}

// Revoke removes the access entry of a user or a team for an application. There
// need not be one. A user who would be left without any role keeps it; a team's
// entry goes whatever its members have besides.
//
// Rights are those of [Applications.Grant], but for the roles. It records
// "application.revoke".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrInvalid], [ErrConflict] with the
// Rule "last_role".
func (s *Applications) Revoke(ctx context.Context, a Actor, app ApplicationID, user UserID, team TeamID) error {
	return s.m.change(ctx, a, "Applications.Revoke", verbAccessRevoke, func(ctx context.Context, w *work) error {
		e, err := w.accessEntry(ctx, app, user, team, AccessID{})
		if err != nil || e.Version == 0 {
			return err
		}
		if !user.IsZero() {
			if err := w.keepsRole(ctx, user, e); err != nil {
				return err
			}
		}
		if err := w.tx.DeleteAccess(ctx, e.ID); err != nil {
			return err
		}
		w.record(accessFields(e), nil)
		return w.accessChanged(ctx, e)
	})
}

// keepsRole refuses to take a user's last role away with the entry e.
func (w *work) keepsRole(ctx context.Context, user UserID, e *AccessEntry) error {
	mem, err := w.tx.MembershipOf(ctx, user, e.Org)
	if err != nil {
		return err
	}
	entries, err := w.tx.AccessOf(ctx, user, e.Org)
	if err != nil {
		return err
	}
	if len(mem.Roles) > 0 || len(entries) > 1 {
		return nil
	}
	set, err := w.tx.Policy(ctx, e.Org)
	if err != nil {
		return err
	}
	trees, err := w.m.rights.private().treesOf(ctx, w.tx, e.Org, 0)
	if err != nil {
		return err
	}
	if len(compilePolicy(w.m.rights.cat, set).teamEntries(teamsAt(&mem, w.now), trees)) > 0 {
		return nil
	}
	return conflict("roles", "last_role", "the user would have no role")
}

// Access returns a page of an application's access entries in the actor's
// organization. The actor needs [PermApplicationView]. Errors: [ErrPermission],
// [ErrLimit].
func (s *Applications) Access(ctx context.Context, a Actor, app ApplicationID, q ListQuery) (*Page[AccessEntry], error) {
	const op = "Applications.Access"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if err := v.need(PermApplicationView, PermOrgView, &Record{Org: v.org}); err != nil {
		return nil, withOp(op, err)
	}
	page, err := pageOf(q, func(q ListQuery) ([]AccessEntry, error) { return s.m.store.ListAccess(ctx, v.org, app, q) },
		func(e *AccessEntry) Position { return Position{ID: [16]byte(e.ID)} })
	return page, withOp(op, err)
}
