package usermgmt

import (
	"context"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt/internal/authz"
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
// The actor needs [PermApplicationManage] in the organization, and must hold
// every permission on the objects. Create records "application.create".
//
// Errors: [ErrPermission], [ErrInvalid], [ErrConflict] for a taken name.
func (s *Applications) Create(ctx context.Context, a Actor, n NewApplication) (*Application, error) {
	var out *Application
	id := newID[Application]()
	err := s.m.change(ctx, a, "Applications.Create", verbAppCreate, func(ctx context.Context, w *work) error {
		app := Application{ID: id, Org: n.Org, Name: n.Name, Description: n.Description, Objects: slices.Clone(n.Objects),
			CreatedAt: w.now, UpdatedAt: w.now}
		w.on("application", app.ID, app.Org, app.Name)
		if err := w.v.needIn(PermApplicationManage, app.Org); err != nil {
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
	var old []string
	if before != nil {
		old = before.Objects
	}
	if err := w.commands(app.Org, append(added(old, app.Objects), added(app.Objects, old)...)); err != nil {
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

// commands refuses to move objects between applications without every permission
// on them: what limits an object to an application, or sets it free, decides
// whether rights that others hold, or the actor, come into force.
func (w *work) commands(org OrgID, objects []string) error {
	if len(objects) == 0 {
		return nil
	}
	all := make([]authz.Mask, w.v.cat.Len())
	for n := range all {
		if perm := w.v.cat.At(n); slices.Contains(objects, perm.Object) {
			all[n] = perm.Scopes &^ (authz.System | authz.Shared)
		}
	}
	return w.mayGrant(org, all)
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
		if err := w.commands(app.Org, app.Objects); err != nil {
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
