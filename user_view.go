package usermgmt

import "context"

// FieldValue is a field of a user's view.
type FieldValue struct{ Name, Value string }

// View returns the fields of a user that are not empty, in the order of forms,
// for showing: those of [UserFields], "groups" with the names of those that the
// actor may see, and, named "custom." and the name, the custom fields that are
// not hidden, with those of the actor's organization. Rights and errors are those
// of [Users.Get].
func (s *Users) View(ctx context.Context, a Actor, id UserID) ([]FieldValue, error) {
	u, err := s.Get(ctx, a, id)
	if err != nil {
		return nil, err
	}
	var out []FieldValue
	for i := range userFields {
		if value := userFields[i].get(u); value != "" {
			out = append(out, FieldValue{userFields[i].Name, value})
		}
	}
	more, err := s.m.viewRecord(ctx, a, u)
	if err != nil {
		return nil, withOp("Users.View", err)
	}
	return append(out, more...), nil
}

// viewRecord are the parts of a user's view that the record itself does not hold:
// names of groups, and custom fields.
func (m *Manager) viewRecord(ctx context.Context, a Actor, u *User) ([]FieldValue, error) {
	v, err := m.read(a)
	if err != nil {
		return nil, err
	}
	var out []FieldValue
	if len(u.Groups) > 0 && v.seesShared(PermGroupView, OrgID{}) {
		var b []byte
		for _, id := range u.Groups {
			g, err := m.store.GroupByID(ctx, id)
			if isNotFound(err) {
				continue // deleted meanwhile
			}
			if err != nil {
				return nil, err
			}
			if len(b) > 0 {
				b = append(b, ';')
			}
			b = appendEscaped(b, g.Name, false)
		}
		out = append(out, FieldValue{"groups", string(b)})
	}
	out = m.fields.appendView(out, u.Custom)
	own, err := m.customOf(ctx, m.store, v.org)
	if err != nil || len(own) == 0 {
		return out, err
	}
	mem, err := m.store.MembershipOf(ctx, u.ID, v.org)
	if err != nil {
		return out, skipNotFound(err)
	}
	return own.appendView(out, own.visible(mem.Custom)), nil
}

func (s fieldSet) appendView(out []FieldValue, values map[string]string) []FieldValue {
	for _, f := range s {
		if value := values[f.Name]; value != "" && !f.Hidden {
			out = append(out, FieldValue{customPrefix + f.Name, value})
		}
	}
	return out
}
