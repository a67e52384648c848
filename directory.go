package usermgmt

import "slices"

// directoryOwned reports whether a directory of [Config.Directories] owns the
// user's record: its names, addresses and password are the directory's.
func (m *Manager) directoryOwned(u *User) bool {
	return u.Source != "" && slices.Contains(m.cfg.Directories, u.Source)
}

// notDirectory refuses what only the directory that owns a user may do.
func (m *Manager) notDirectory(u *User, field string) error {
	if m.directoryOwned(u) {
		return conflict(field, "directory", "the directory "+u.Source+" owns this")
	}
	return nil
}

// localHash is the password hash that counts for a user: none if a directory
// has the password, whatever may be stored from before.
func (m *Manager) localHash(acc *Account) string {
	if m.directoryOwned(&acc.User) {
		return ""
	}
	return acc.Credential.Hash
}

// directoryRecord refuses a change of the fields of a record that a directory
// owns, or that puts one under a directory. A system actor writes for it.
func (w *work) directoryRecord(before, u *User) error {
	if w.v.door == DoorSystem {
		return nil
	}
	if !w.m.directoryOwned(before) && !w.m.directoryOwned(u) {
		return nil
	}
	for i := range userFields {
		if f := &userFields[i]; f.get(before) != f.get(u) {
			return conflict(f.Name, "directory", "a directory owns this")
		}
	}
	return nil
}
