package memory

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/usermgmt/usermgmt"
)

// importDigest is a row that asked for nothing.
type importDigest struct {
	org usermgmt.OrgID
	usermgmt.ImportDigest
}

func (v *version) importDigest(user usermgmt.UserID, org usermgmt.OrgID) *importDigest {
	return v.others.digests.Get(hashID(user), func(d *importDigest) bool { return d.User == user && d.org == org })
}

// PutImportDigests implements [usermgmt.Store].
func (s *Store) PutImportDigests(ctx context.Context, org usermgmt.OrgID, digests []usermgmt.ImportDigest) error {
	return s.write(ctx, func(w *writer) error {
		for _, d := range digests {
			d.Settings, d.Named = cloneSettings(d.Settings), slices.Clone(d.Named)
			next := &importDigest{org, d}
			if w.v.holds(next) { // else it would outlive a membership, or the traces of a user
				put(&w.others().digests, w.own, w.v.importDigest(d.User, org), next)
			}
		}
		return nil
	})
}

// ImportDigests implements [usermgmt.Store].
func (s *Store) ImportDigests(ctx context.Context, org usermgmt.OrgID) iter.Seq2[usermgmt.ImportDigest, error] {
	return func(yield func(usermgmt.ImportDigest, error) bool) {
		v, err := s.frozen(ctx)
		if err != nil {
			yield(usermgmt.ImportDigest{}, err)
			return
		}
		steps := 0
		v.others.digests.All(func(d *importDigest) bool {
			if steps++; steps%64 == 0 || s.tx != nil {
				if _, err = s.read(ctx); err != nil {
					return false
				}
			}
			if d.org != org || !v.holds(d) {
				return true
			}
			return yield(usermgmt.ImportDigest{User: d.User, Digest: d.Digest, Version: d.Version, Named: slices.Clone(d.Named)}, nil)
		})
		if err != nil {
			yield(usermgmt.ImportDigest{}, err)
		}
	}
}

// holds reports whether the user and the membership are as d says.
func (v *version) holds(d *importDigest) bool {
	m := v.member(d.User, d.org)
	return m != nil && m.u.Version == d.Version && m.rights == d.Rights && maps.Equal(m.settings, d.Settings)
}

// eraseDigests deletes the digests of the user.
func (w *writer) eraseDigests(user usermgmt.UserID) {
	var found []*importDigest
	w.v.others.digests.Get(hashID(user), func(d *importDigest) bool {
		if d.User == user {
			found = append(found, d)
		}
		return false
	})
	for _, d := range found {
		w.others().digests.Delete(w.own, d)
	}
}
