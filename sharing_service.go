package usermgmt

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt/internal/authz"
	"github.com/usermgmt/usermgmt/internal/canon"
)

// Sharing manages team data sharing policies. [Manager.Sharing] returns it.
type Sharing struct{ m *Manager }

// Sharing returns the service that manages team data sharing policies.
func (m *Manager) Sharing() *Sharing { return &Sharing{m} }

// Audit verbs of sharing policies.
const (
	verbSharingCreate = "sharing.create"
	verbSharingUpdate = "sharing.update"
	verbSharingDelete = "sharing.delete"
)

// maxSharingParts limits the teams, the permissions and the roles of a policy.
const maxSharingParts = 100

// NewSharing describes a sharing policy to make. Its parts are those of
// [SharingPolicy].
type NewSharing struct {
	Name            string // unique in the organization
	Owning          TeamID
	OwningSubteams  bool
	Sharing         []TeamID // 1 to 100
	SharingSubteams bool
	Model           SharingModel
	// Permissions are 1 to 100, of objects that users or teams own.
	Permissions []Permission
	Roles       []RoleID // at most 100
}

// Create makes a sharing policy in the actor's organization.
//
// The actor needs [PermSharingEdit] on the owning team and on every sharing
// team, and must hold every permission that is shared on the records of every
// team whose records are: so nobody gains or gives a right by sharing that they
// do not have.
//
// Create is atomic. It records "sharing.create".
//
// Errors: [ErrPermission] with the Rules "out_of_scope" and "exceeds_own_scope",
// [ErrInvalid], [ErrConflict] for a taken name.
func (s *Sharing) Create(ctx context.Context, a Actor, n NewSharing) (*SharingPolicy, error) {
	var out *SharingPolicy
	id := newID[SharingPolicy]()
	err := s.m.change(ctx, a, "Sharing.Create", verbSharingCreate, func(ctx context.Context, w *work) error {
		p := SharingPolicy{ID: id, Org: w.v.org, Name: n.Name, Owning: n.Owning, OwningSubteams: n.OwningSubteams, Sharing: n.Sharing,
			SharingSubteams: n.SharingSubteams, Model: n.Model, Permissions: n.Permissions, Roles: n.Roles, CreatedAt: w.now}
		w.on("sharing", id, p.Org, p.Name)
		if w.v.scope(PermSharingEdit) == 0 {
			return &Error{Kind: ErrPermission, Permission: PermSharingEdit}
		}
		out = &p
		return w.saveSharing(ctx, &p, nil)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SharingUpdate changes a sharing policy; nil leaves a part alone.
type SharingUpdate struct {
	Name            *string
	Owning          *TeamID
	OwningSubteams  *bool
	Sharing         *[]TeamID
	SharingSubteams *bool
	Model           *SharingModel
	Permissions     *[]Permission
	Roles           *[]RoleID
}

// Update changes a sharing policy, if version is the stored one.
//
// The actor needs [PermSharingEdit] on the owning team before and after, and on
// sharing teams that are added; those that are there already are not asked about.
// What the policy shares must be held as with [Sharing.Create], unless the change
// only takes away.
//
// Update is atomic. It records "sharing.update".
//
// Errors: [ErrNotFound], [ErrStale], and those of [Sharing.Create].
func (s *Sharing) Update(ctx context.Context, a Actor, id SharingID, version int64, c SharingUpdate) (*SharingPolicy, error) {
	var out *SharingPolicy
	err := s.m.change(ctx, a, "Sharing.Update", verbSharingUpdate, func(ctx context.Context, w *work) error {
		p, err := w.sharing(ctx, id)
		if err != nil {
			return err
		}
		if p.Version != version {
			return &Error{Kind: ErrStale, Field: "version"}
		}
		before := *p
		set(&p.Name, c.Name)
		set(&p.Owning, c.Owning)
		set(&p.OwningSubteams, c.OwningSubteams)
		set(&p.Sharing, c.Sharing)
		set(&p.SharingSubteams, c.SharingSubteams)
		set(&p.Model, c.Model)
		set(&p.Permissions, c.Permissions)
		set(&p.Roles, c.Roles)
		out = p
		return w.saveSharing(ctx, p, &before)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Delete deletes a sharing policy. The actor needs [PermSharingEdit] on the
// owning team. It records "sharing.delete".
//
// Errors: [ErrNotFound], [ErrPermission].
func (s *Sharing) Delete(ctx context.Context, a Actor, id SharingID) error {
	return s.m.change(ctx, a, "Sharing.Delete", verbSharingDelete, func(ctx context.Context, w *work) error {
		p, err := w.sharing(ctx, id)
		if err != nil {
			return err
		}
		if err := w.tx.DeleteSharing(ctx, id); err != nil {
			return err
		}
		w.record(sharingFields(p), nil)
		return w.tx.BumpStamps(ctx, p.Org, false)
	})
}

// Get returns a sharing policy. The actor needs [PermSharingView] on one of its
// teams. Errors: [ErrNotFound].
func (s *Sharing) Get(ctx context.Context, a Actor, id SharingID) (*SharingPolicy, error) {
	const op = "Sharing.Get"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	p, err := s.m.store.SharingByID(ctx, id)
	if err == nil && !v.seesSharing(&p) {
		err = &Error{Kind: ErrNotFound}
	}
	if err != nil {
		return nil, withOp(op, err)
	}
	return &p, nil
}

// List returns the sharing policies of the actor's organization, in the order of
// their names: those with a team on which the actor has [PermSharingView].
// Errors: none but the store's.
func (s *Sharing) List(ctx context.Context, a Actor) ([]SharingPolicy, error) {
	const op = "Sharing.List"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	set, err := s.m.store.Policy(ctx, v.org)
	if err != nil {
		return nil, withOp(op, err)
	}
	out := slices.DeleteFunc(set.Sharing, func(p SharingPolicy) bool { return !v.seesSharing(&p) })
	slices.SortFunc(out, func(a, b SharingPolicy) int { return compareNamed(a.NameKey, b.NameKey, a.ID, b.ID) })
	return out, nil
}

func (v *actorValue) seesSharing(p *SharingPolicy) bool {
	return v.can(PermSharingView, &Record{Org: p.Org, OwnerTeams: append([]TeamID{p.Owning}, p.Sharing...)})
}

// sharing loads a policy that the call changes.
func (w *work) sharing(ctx context.Context, id SharingID) (*SharingPolicy, error) {
	p, err := w.tx.SharingByID(ctx, id)
	if err != nil {
		return nil, err
	}
	w.on("sharing", id, p.Org, p.Name)
	err = w.need(PermSharingEdit, PermSharingView, &Record{Org: p.Org, OwnerTeams: []TeamID{p.Owning}})
	if isNotFound(err) && w.v.seesSharing(&p) {
		err = &Error{Kind: ErrPermission, Permission: PermSharingEdit}
	}
	return &p, err
}

// saveSharing checks and stores a policy while it holds the organization's lock.
func (w *work) saveSharing(ctx context.Context, p, before *SharingPolicy) error {
	if err := w.tx.LockOrg(ctx, p.Org); err != nil {
		return err
	}
	org, err := w.compiled(ctx, p.Org)
	if err != nil {
		return err
	}
	var bad problems
	bad.key("name", p.Name, &p.NameKey, canon.Name)
	w.checkSharing(org, p, &bad)
	if err := bad.err(); err != nil {
		return err
	}
	if err := w.sharingInScope(p, before); err != nil {
		return err
	}
	if before == nil || before.narrower(p) {
		if perm := w.beyond(p.Org, org.trees, compileSharing(w.v.cat, p).place(org.trees.teams).shares()); perm != "" {
			return &Error{Kind: ErrPermission, Rule: "exceeds_own_scope", Permission: perm}
		}
	}
	p.UpdatedAt = w.now
	if err := w.tx.SaveSharing(ctx, *p); err != nil {
		return err
	}
	p.Version++
	var old map[string]string
	if before != nil {
		old = sharingFields(before)
	}
	w.record(old, sharingFields(p))
	return w.tx.BumpStamps(ctx, p.Org, false)
}

func (w *work) checkSharing(org compiledOrg, p *SharingPolicy, bad *problems) {
	p.Sharing, p.Roles, p.Permissions = distinct(p.Sharing), distinct(p.Roles), distinct(p.Permissions)
	exists := func(t TeamID) bool {
		_, ok := org.trees.teams.Position(authz.ID(t))
		return ok
	}
	if !exists(p.Owning) {
		bad.add("owning", "unknown", "no such team in the organization")
	}
	for _, t := range p.Sharing {
		switch {
		case !exists(t):
			bad.add("sharing", "unknown", "no such team in the organization")
		case t == p.Owning:
			bad.add("sharing", "owning", "a team need not share with itself")
		}
	}
	for _, r := range p.Roles {
		if org.policy.roles[r] == nil {
			bad.add("roles", "unknown", "no such role in the organization")
		}
	}
	for _, perm := range p.Permissions {
		if n, ok := w.v.cat.Number(string(perm)); !ok {
			bad.add("permissions", "unknown_permission", "no permission "+string(perm))
		} else if w.v.cat.At(n).Scopes&authz.Shared == 0 {
			bad.add("permissions", "scope", string(perm)+" is not about records of users or teams")
		}
	}
	if len(p.Sharing) == 0 {
		bad.add("sharing", "required", "say which teams share")
	}
	if len(p.Permissions) == 0 {
		bad.add("permissions", "required", "say what is shared")
	}
	if max(len(p.Sharing), len(p.Permissions), len(p.Roles)) > maxSharingParts {
		bad.add("sharing", "max_items", fmt.Sprintf("at most %d teams, permissions and roles", maxSharingParts))
	}
	if p.Model < SharingOneWay || p.Model > SharingMashup {
		bad.add("model", "unknown", "one-way, two-way or mashup")
	}
}

// distinct sorts the items and drops those that are there twice.
func distinct[T interface{ ~string | ~[16]byte }](items []T) []T {
	out := slices.Clone(items)
	slices.SortFunc(out, func(a, b T) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return slices.Compact(out)
}

// sharingInScope refuses teams outside the actor's hierarchy. A policy keeps the
// sharing teams that it has.
func (w *work) sharingInScope(p, before *SharingPolicy) error {
	asked := append([]TeamID{p.Owning}, p.Sharing...)
	if before != nil {
		asked = append([]TeamID{p.Owning}, added(before.Sharing, p.Sharing)...)
	}
	for _, t := range asked {
		if !w.v.can(PermSharingEdit, &Record{Org: p.Org, OwnerTeams: []TeamID{t}}) {
			return &Error{Kind: ErrPermission, Field: "team", Rule: "out_of_scope", Permission: PermSharingEdit}
		}
	}
	return w.v.freshFor(PermSharingEdit)
}

// narrower reports whether p shares anything that q, of the same policy before,
// does not: q only takes away otherwise.
func (q *SharingPolicy) narrower(p *SharingPolicy) bool {
	return p.Owning != q.Owning || p.OwningSubteams && !q.OwningSubteams || p.SharingSubteams && !q.SharingSubteams ||
		p.Model > q.Model || len(added(q.Sharing, p.Sharing))+len(added(q.Permissions, p.Permissions)) > 0 ||
		len(q.Roles) > 0 && (len(p.Roles) == 0 || len(added(q.Roles, p.Roles)) > 0)
}

// shares is everything that the policy shares with anybody.
func (s *placedSharing) shares() []authz.Share {
	spans := s.owning
	if s.policy.Model != SharingOneWay {
		spans = s.both
	}
	return []authz.Share{{Permissions: s.perms, Teams: spans}}
}

var sharingModels = [...]string{SharingOneWay: "one-way", SharingTwoWay: "two-way", SharingMashup: "mashup"}

// String is "one-way", "two-way" or "mashup".
func (m SharingModel) String() string {
	if int(m) < len(sharingModels) && m > 0 {
		return sharingModels[m]
	}
	return fmt.Sprintf("SharingModel(%d)", uint8(m))
}

func sharingFields(p *SharingPolicy) map[string]string {
	perms := make([]string, len(p.Permissions))
	for i, perm := range p.Permissions {
		perms[i] = string(perm)
	}
	return map[string]string{"name": p.Name, "owning": p.Owning.String(), "owning_subteams": boolText(p.OwningSubteams),
		"sharing": idList(p.Sharing), "sharing_subteams": boolText(p.SharingSubteams), "model": p.Model.String(),
		"permissions": strings.Join(perms, " "), "roles": idList(p.Roles)}
}
