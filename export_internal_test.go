package usermgmt

// What the tests outside the package may see of the inside.

// HashesOf is how many password hashes m has computed or compared.
func HashesOf(m *Manager) int64 { return m.hasher.hashes.Load() }

// StoreFiles is where files are without Config.Files.
func StoreFiles(s Store) Files { return storeFiles{s} }

// CanonicalAnswer is the form of an answer that is hashed.
func CanonicalAnswer(answer string) []byte { return canonicalAnswer(answer) }

// TrivialAnswer asks about nobody.
func TrivialAnswer(question, answer string) bool {
	return (&Manager{}).trivialAnswer(&User{}, question, answer)
}

// ActorOf is an actor at a session that was stored behind the services' back.
func ActorOf(m *Manager, s Session) Actor {
	v := &actorValue{door: DoorSession, subject: s.User, operator: s.User, org: s.Org, session: s.ID, token: s.TokenHash,
		pending: s.Pending, provedAt: s.ProvedAt, verified: m.now()}
	return Actor{v}
}
