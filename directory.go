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
