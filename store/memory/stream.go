package memory

import (
	"context"
	"iter"

	"github.com/usermgmt/usermgmt"
)

// streamBatch is how many elements of slices a stream copies into one piece of
// memory.
const streamBatch = 2048

// StreamMembers implements [usermgmt.Store].
func (s *Store) StreamMembers(ctx context.Context, in usermgmt.UserQuery) iter.Seq2[usermgmt.Member, error] {
	return func(yield func(usermgmt.Member, error) bool) {
		if err := s.stream(ctx, in, yield); err != nil {
			yield(usermgmt.Member{}, err)
		}
	}
}

// stream returns the error that ends the stream; nil if the caller ended it.
func (s *Store) stream(
	ctx context.Context, in usermgmt.UserQuery, yield func(usermgmt.Member, error) bool,
) (err error) {
	v, err := s.frozen(ctx)
	if err != nil {
		return err
	}
	if in.Org.IsZero() {
		return &usermgmt.Error{Kind: usermgmt.ErrInvalid, Field: "organization", Rule: "required"}
	}
	in.After, in.Limit = usermgmt.Position{}, 0
	q, err := v.userQuery(in)
	if q == nil {
		return err
	}
	c := copier{batch: streamBatch}
	var out usermgmt.Member
	steps := 0
	emit := func(r candidate) bool {
		if steps++; steps%64 == 0 || s.tx != nil {
			if _, err = s.read(ctx); err != nil {
				return false
			}
		}
		if !q.match(r) {
			return true
		}
		c.user(&out.User, r.u)
		c.membershipTo(&out.Membership, r.m)
		return yield(out, nil)
	}
	if few, ok := q.few(); ok {
		for _, r := range q.sorted(few, 0) {
			if !emit(r) {
				return err
			}
		}
		return nil
	}
	q.walk(emit)
	return err
}

// frozen is read for a view that stays as it is when the transaction goes on
// writing.
func (s *Store) frozen(ctx context.Context) (*version, error) {
	v, err := s.read(ctx)
	if err == nil && s.tx != nil && s.tx.root.writing {
		c := *v
		v = &c
		s.w.freeze()
	}
	return v, err
}
