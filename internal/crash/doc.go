// Package crash holds tests only: they run a load of mixed service calls on a
// Postgres database, kill the server or the client in the middle of it, and check
// the recovered database against what the client was told and against its own
// audit log.
package crash
