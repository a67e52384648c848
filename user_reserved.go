package usermgmt

import "slices"

// reservedKeys are the canonical forms of [Config].ReservedUsernames.
func reservedKeys(names []string, p *problems) []string {
	keys := make([]string, 0, len(names))
	for _, name := range names {
		key, err := loginKey(name)
		if err != nil {
			p.add("reserved_usernames", "format", name+" is no username")
			continue
		}
		keys = append(keys, key)
	}
	return keys
}

// checkNames refuses login names that the host keeps for reserved users. Whoever
// has one already keeps it.
func (w *work) checkNames(before, u *User, p *problems) {
	if u.Reserved {
		return
	}
	for field, key := range map[string]string{"username": u.UsernameKey, "email": u.EmailKey} {
		had := before != nil && (key == before.UsernameKey || key == before.EmailKey)
		if key != "" && !had && slices.Contains(w.m.reserved, key) {
			p.add(field, "reserved", "belongs to the system")
		}
	}
}

// checkReserved checks who makes a reserved user, and how.
func (w *work) checkReserved(u *User, in entrance, p *problems) error {
	if !u.Reserved {
		return nil
	}
	if w.v.door != DoorSystem {
		return &Error{Kind: ErrPermission, Rule: "system_only", Permission: PermUserCreate}
	}
	if in.hash != "" || in.invite {
		p.add("password", "reserved", "reserved users do not log in")
	}
	return nil
}
