package usermgmt

// What the tests outside the package may see of the inside.

// HashesOf is how many password hashes m has computed or compared.
func HashesOf(m *Manager) int64 { return m.hasher.hashes.Load() }

// StoreFiles is where files are without Config.Files.
func StoreFiles(s Store) Files { return storeFiles{s} }
