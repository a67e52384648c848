package postgres

// SetAuditWalk changes how many entries a list looks at for visible users before
// it begins with the users, and returns how to undo that.
func SetAuditWalk(n int) (undo func()) {
	old := auditWalk
	auditWalk = n
	return func() { auditWalk = old }
}

// SetAuditSpan changes how many entries of a time are taken and sorted, and returns
// how to undo that.
func SetAuditSpan(n int) (undo func()) {
	old := auditSpan
	auditSpan = n
	return func() { auditSpan = old }
}
