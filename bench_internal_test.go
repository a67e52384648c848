package usermgmt

// SnapshotsHeld is how many resolved rights m keeps, and how many bytes are counted
// for them against [Config.SnapshotBytes].
func SnapshotsHeld(m *Manager) (n int, bytes int64) {
	c := m.rights.snapshots
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.items)
		bytes += s.bytes
		s.mu.RUnlock()
	}
	return n, bytes
}
