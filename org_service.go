package usermgmt

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
	"github.com/usermgmt/usermgmt/internal/canon"
)

// Orgs manages organizations. [Manager.Orgs] returns it.
type Orgs struct{ m *Manager }

// Orgs returns the service that manages organizations.
func (m *Manager) Orgs() *Orgs { return &Orgs{m} }

// Audit verbs of organizations.
const (
	verbOrgCreate = "organization.create"
	verbOrgUpdate = "organization.update"
	verbOrgEnable = "organization.enable"
)

// NewOrganization describes an organization to make.
type NewOrganization struct {
	Name        string
	Description string
	// RootTeam names the root of the team tree. Defaults to "My Team".
	RootTeam string
	// MainUnit names the first business unit. Defaults to "Main".
	MainUnit string
	Policy   *Policy
}

// CreatedOrganization is a new organization with what it begins with.
type CreatedOrganization struct {
	Organization Organization
	RootTeam     Team
	MainUnit     BusinessUnit
}

// Create makes an organization with its root team and a first business unit.
//
// The actor needs [PermOrgCreate], which exists system-wide only.
//
// Create is atomic. It records "organization.create".
//
// Errors: [ErrPermission], [ErrInvalid], [ErrConflict] for a taken name.
func (s *Orgs) Create(ctx context.Context, a Actor, n NewOrganization) (*CreatedOrganization, error) {
	var out *CreatedOrganization
	err := s.m.change(ctx, a, "Orgs.Create", verbOrgCreate, func(ctx context.Context, w *work) error {
		if !w.v.can(PermOrgCreate, &Record{}) {
			return &Error{Kind: ErrPermission, Permission: PermOrgCreate}
		}
		created, err := w.createOrg(ctx, n, false)
		out = created
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (w *work) createOrg(ctx context.Context, n NewOrganization, provider bool) (*CreatedOrganization, error) {
	if n.RootTeam == "" {
		n.RootTeam = "My Team"
	}
	if n.MainUnit == "" {
		n.MainUnit = "Main"
	}
	o := Organization{ID: newID[Organization](), Name: n.Name, Description: n.Description, Enabled: true, Provider: provider,
		Policy: n.Policy.clone(), CreatedAt: w.now, UpdatedAt: w.now}
	t := Team{ID: newID[Team](), Org: o.ID, Name: n.RootTeam, CreatedAt: w.now, UpdatedAt: w.now}
	u := BusinessUnit{ID: newID[BusinessUnit](), Org: o.ID, Name: n.MainUnit, CreatedAt: w.now, UpdatedAt: w.now}
	o.RootTeam = t.ID
	w.on("organization", o.ID, o.ID, o.Name)
	var p problems
	prepareOrg(&o, &p)
	p.key("root_team", t.Name, &t.NameKey, canon.Name)
	p.key("main_unit", u.Name, &u.NameKey, canon.Name)
	if err := p.err(); err != nil {
		return nil, err
	}
	if err := w.tx.SaveOrg(ctx, o); err != nil {
		return nil, err
	}
	if err := w.tx.SaveTeam(ctx, t); err != nil {
		return nil, err
	}
	if err := w.tx.SaveUnit(ctx, u); err != nil {
		return nil, err
	}
	if err := w.tx.BumpStamps(ctx, o.ID, true); err != nil {
		return nil, err
	}
	o.Version, t.Version, u.Version = 1, 1, 1
	w.record(nil, orgFields(&o))
	return &CreatedOrganization{o, t, u}, nil
}

func prepareOrg(o *Organization, p *problems) {
	p.key("name", o.Name, &o.NameKey, canon.Name)
	p.text("description", o.Description, 4000, true)
	if o.Policy != nil {
		o.Policy.validate(p)
	}
	for _, name := range o.ExportFields {
		custom, is := strings.CutPrefix(name, customPrefix)
		if is && fieldWord.MatchString(custom) {
			continue // a definition that comes later counts too
		}
		if !slices.Contains(ExportFields(), name) {
			p.add("export_fields", "unknown", "no field "+name)
		}
	}
}

func (p *problems) text(field, value string, limit int, multiline bool) {
	if err := canon.Text(value, limit, multiline); err != nil {
		p.add(field, ruleOf(err), err.Error())
	}
}

func orgFields(o *Organization) map[string]string {
	out := map[string]string{
		"name": o.Name, "description": o.Description, "enabled": boolText(o.Enabled), "provider": boolText(o.Provider),
		"switch_roles": boolText(o.SwitchRoles), "primary_admin": o.PrimaryAdmin.String(),
		"export_fields": strings.Join(o.ExportFields, " "),
	}
	if !o.Support.Until.IsZero() {
		out["support"], out["support_read_only"] = period(time.Time{}, o.Support.Until), boolText(o.Support.ReadOnly)
		if o.Support.Reason != "" {
			out["support_reason"] = o.Support.Reason
		}
	}
	if o.Policy != nil {
		out["policy"] = o.Policy.text()
	}
	return out
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// OrganizationUpdate changes an organization; nil leaves a part alone.
type OrganizationUpdate struct {
	Name, Description *string
	PrimaryAdmin      *UserID
	// SwitchRoles has members act with one of their roles at a time; see
	// [Organization.SwitchRoles].
	SwitchRoles *bool
	// Policy replaces the policy; a pointer to nil goes back to [Config.Policy].
	Policy **Policy
	// ExportFields marks the fields of exports, by the names in [ExportFields] and,
	// with "custom." before them, of custom fields;
	// a pointer to nil goes back to [DefaultExportFields].
	ExportFields *[]string
}

// Update changes an organization, if version is the stored one.
//
// The actor needs [PermOrgEdit] on it; [PermPolicyEdit] for the policy and
// [PermExportMarks] for the fields of exports. The primary administrator is an
// active administrator.
//
// Update is atomic. It records "organization.update".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrStale], [ErrInvalid],
// [ErrConflict].
func (s *Orgs) Update(ctx context.Context, a Actor, id OrgID, version int64, c OrganizationUpdate) (*Organization, error) {
	var out *Organization
	err := s.m.change(ctx, a, "Orgs.Update", verbOrgUpdate, func(ctx context.Context, w *work) error {
		o, err := w.organization(ctx, id)
		if err != nil {
			return err
		}
		for _, need := range [...]struct {
			wanted bool
			perm   Permission
		}{
			{c.Name != nil || c.Description != nil || c.PrimaryAdmin != nil || c.SwitchRoles != nil ||
				c == (OrganizationUpdate{}), PermOrgEdit}, // a change of nothing too
			{c.Policy != nil, PermPolicyEdit},
			{c.ExportFields != nil, PermExportMarks},
		} {
			if need.wanted {
				if err := w.v.needIn(need.perm, id); err != nil {
					return err
				}
			}
		}
		if o.Version != version {
			return &Error{Kind: ErrStale, Field: "version"}
		}
		before := orgFields(o)
		set(&o.Name, c.Name)
		set(&o.Description, c.Description)
		set(&o.PrimaryAdmin, c.PrimaryAdmin)
		set(&o.SwitchRoles, c.SwitchRoles)
		set(&o.Policy, c.Policy)
		set(&o.ExportFields, c.ExportFields)
		o.Policy = o.Policy.clone()
		var p problems
		prepareOrg(o, &p)
		if c.PrimaryAdmin != nil && !c.PrimaryAdmin.IsZero() {
			if err := w.checkPrimaryAdmin(ctx, o, &p); err != nil {
				return err
			}
		}
		if err := p.err(); err != nil {
			return err
		}
		return w.saveOrg(ctx, o, before, &out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (w *work) saveOrg(ctx context.Context, o *Organization, before map[string]string, out **Organization) error {
	o.UpdatedAt = w.now
	if err := w.tx.SaveOrg(ctx, *o); err != nil {
		return err
	}
	if err := w.tx.BumpStamps(ctx, o.ID, false); err != nil {
		return err
	}
	o.Version++
	w.record(before, orgFields(o))
	*out = o
	return nil
}

func (w *work) checkPrimaryAdmin(ctx context.Context, o *Organization, p *problems) error {
	mem, err := w.tx.MembershipOf(ctx, o.PrimaryAdmin, o.ID)
	if err == nil {
		var profile AccessProfile
		if profile, err = w.tx.ProfileByID(ctx, mem.Profile); err != nil {
			return err
		}
		u, err := w.tx.UserByID(ctx, o.PrimaryAdmin)
		if err != nil {
			return err
		}
		if profile.Administrator && mem.Enabled && u.Active() {
			return nil
		}
	}
	if skipNotFound(err) != nil {
		return err
	}
	p.add("primary_admin", "not_administrator", "is not an active administrator of the organization")
	return nil
}

// organization loads an organization that the call is about.
func (w *work) organization(ctx context.Context, id OrgID) (*Organization, error) {
	o, err := w.tx.OrgByID(ctx, id)
	if err != nil {
		return nil, err
	}
	w.on("organization", id, id, o.Name)
	return &o, nil
}

// SetEnabled enables or disables an organization. While it is disabled nobody
// enters it, and API keys there are refused. Its sessions end.
//
// The actor needs [PermOrgDisable], which exists system-wide only. The actor's
// own organization cannot be disabled.
//
// SetEnabled records "organization.enable".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrStale], [ErrConflict].
func (s *Orgs) SetEnabled(ctx context.Context, a Actor, id OrgID, version int64, enabled bool) error {
	return s.m.change(ctx, a, "Orgs.SetEnabled", verbOrgEnable, func(ctx context.Context, w *work) error {
		o, err := w.organization(ctx, id)
		if err != nil {
			return err
		}
		if err := w.v.needIn(PermOrgDisable, id); err != nil {
			return err
		}
		if id == w.v.org && !enabled {
			return conflict("organization", "current", "the current organization cannot be disabled")
		}
		if o.Version != version {
			return &Error{Kind: ErrStale, Field: "version"}
		}
		before := orgFields(o)
		if o.Enabled && !enabled {
			o.Epoch++
		}
		o.Enabled = enabled
		return w.saveOrg(ctx, o, before, &o)
	})
}

// Get returns an organization that the actor may see: with [PermOrgView], or
// the current one. Errors: [ErrNotFound].
func (s *Orgs) Get(ctx context.Context, a Actor, id OrgID) (*Organization, error) {
	const op = "Orgs.Get"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if id != v.org && !v.can(PermOrgView, &Record{Org: id}) {
		return nil, withOp(op, &Error{Kind: ErrNotFound})
	}
	o, err := s.m.store.OrgByID(ctx, id)
	if err != nil {
		return nil, withOp(op, err)
	}
	return &o, nil
}

// List returns a page of the organizations that the actor may see: all with
// [PermOrgView] of scope System, and otherwise the current one, in the order of
// their names. Errors: [ErrLimit].
func (s *Orgs) List(ctx context.Context, a Actor, q ListQuery) (*Page[Organization], error) {
	const op = "Orgs.List"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if f := v.filter(PermOrgView); !f.System {
		o, err := s.m.store.OrgByID(ctx, v.org)
		if err != nil {
			return nil, withOp(op, err)
		}
		return &Page[Organization]{Items: []Organization{o}}, nil
	}
	page, err := pageOf(q, func(q ListQuery) ([]Organization, error) { return s.m.store.ListOrgs(ctx, q) },
		func(o *Organization) Position { return Position{o.NameKey, [16]byte(o.ID)} })
	return page, withOp(op, err)
}

// pageOf reads one row more than asked for to learn whether there is a next page.
func pageOf[T any](q ListQuery, list func(ListQuery) ([]T, error), position func(*T) Position) (*Page[T], error) {
	if err := pageLimit(&q.Limit); err != nil {
		return nil, err
	}
	q.Search = foldSearch(q.Search)
	want := q.Limit
	q.Limit++
	items, err := list(q)
	if err != nil {
		return nil, err
	}
	page := &Page[T]{Items: items}
	if len(items) > want {
		page.Items = items[:want]
		page.Next = position(&items[want-1])
	}
	return page, nil
}

// allPages reads a whole list and keeps what may be kept. It is for trees,
// which are bounded by their organization.
func allPages[T any](ctx context.Context, list func(ListQuery) ([]T, error), position func(*T) Position, keep func(*T) bool) ([]T, error) {
	var out []T
	q := ListQuery{Limit: MaxPageSize}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		items, err := list(q)
		if err != nil {
			return nil, err
		}
		for i := range items {
			if keep(&items[i]) {
				out = append(out, items[i])
			}
		}
		if len(items) < q.Limit {
			return out, nil
		}
		q.After = position(&items[len(items)-1])
	}
}

// checkParent checks a node's new parent in a tree that is locked.
func checkParent(t *authz.Tree, id, parent authz.ID, p *problems) {
	if parent == (authz.ID{}) {
		return
	}
	if _, ok := t.Position(parent); !ok {
		p.add("parent", "unknown", "no such parent in the organization")
	} else if t.Below(id, parent) {
		p.add("parent", "cycle", "is the node itself or lies below it")
	}
}

func checkWebsite(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
