package usermgmt

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// Licences manages pools of seats. [Manager.Licences] returns it.
type Licences struct{ m *Manager }

// Licences returns the service that manages pools of seats.
func (m *Manager) Licences() *Licences { return &Licences{m} }

const verbLicence = "licence.set_pool"

// SetPool sets how many seats of a type an organization has; a negative size
// is unlimited, as every pool is that was never set. A size below what is in
// use takes no seat away from anybody; no further one is given until enough are
// free. Nothing but this call changes a size.
//
// The actor needs [PermLicenceManage], which exists system-wide only. SetPool
// records "licence.set_pool".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrInvalid].
func (l *Licences) SetPool(ctx context.Context, a Actor, org OrgID, t LicenceType, size int) error {
	return l.m.change(ctx, a, "Licences.SetPool", verbLicence, func(ctx context.Context, w *work) error {
		if _, err := w.organization(ctx, org); err != nil {
			return err
		}
		if err := w.v.needIn(PermLicenceManage, org); err != nil {
			return err
		}
		if !licenceWord.MatchString(string(t)) {
			return invalid("licence", "format", "want 1 to 64 characters a-z, 0-9, _ and -")
		}
		if err := w.tx.SetPool(ctx, org, t, max(size, -1)); err != nil {
			return err
		}
		w.record(nil, map[string]string{"licence": string(t), "size": strconv.Itoa(max(size, -1))})
		return nil
	})
}

// Report returns the pools of an organization that were set or used, in the
// order of their types. The zero org is the actor's. The actor needs
// [PermLicenceView] there. Errors: [ErrNotFound], [ErrPermission].
func (l *Licences) Report(ctx context.Context, a Actor, org OrgID) ([]LicencePool, error) {
	const op = "Licences.Report"
	v, err := l.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if org.IsZero() {
		org = v.org
	}
	if err := v.needIn(PermLicenceView, org); err != nil {
		return nil, withOp(op, err)
	}
	pools, err := l.m.store.ListPools(ctx, org)
	return pools, withOp(op, err)
}

// idList is the text form of a set of identifiers.
func idList[E any](ids []ID[E]) string {
	parts := make([]string, len(ids))
	for i, id := range ids {
		parts[i] = id.String()
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}
