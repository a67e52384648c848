// Package storetest holds an implementation of [usermgmt.Store] to its
// contract. The comments of that interface are the contract, this suite is the
// proof: a store that passes both halves can stand behind a Manager.
//
// # Use
//
// Write a test that hands out fresh, empty stores:
//
//	func TestContract(t *testing.T) {
//		newStore := func(t testing.TB) usermgmt.Store {
//			s := mystore.Open(t.TempDir())
//			t.Cleanup(func() { s.Close() })
//			return s
//		}
//		storetest.Run(t, newStore)
//		storetest.RunConcurrent(t, newStore)
//	}
//
// newStore is called once for each case, with the test of that case. It may
// ask t to skip or to fail. Cases run one after the other.
//
// # The two halves
//
// [Run] needs one transaction at a time and makes no call of the store while
// another is under way, except on the store that Tx hands out. It therefore
// also fits a store with a single connection, and one that is bound to a
// transaction of the host's, where its failing writes are undone by nested
// calls of Tx.
//
// [RunConcurrent] needs a store that is bound to nothing and answers 64
// callers at once, one of which may keep a transaction or a stream open. It
// checks what Run cannot see: that transactions hide their writes until they
// commit, that readers do not wait, that contested calls have one winner. Its
// races are short; with the environment variable USERMGMT_SOAK they are long
// enough for a nightly run. Run it with the race detector, too.
//
// # What a failure means
//
// The name of a case begins with its subject, as in TeamDelete. Differences
// are shown by line, "-" for what the contract asks and "+" for what the store
// did. There are no options and no exceptions: a store that cannot pass a case
// does not keep the contract.
//
// # What is checked
//
//   - Every Save: insert, replace, stale versions, what is missing, taken or
//     referred to in vain. Every Delete: what is missing or in use, by each
//     kind of row that can name the record.
//   - Every list: byte order, pages of several sizes, ties, each condition of a
//     query alone and in combination, a search that is no pattern.
//   - Values: copies in and out, microseconds and UTC, long and odd strings,
//     the order of what is in a slice. Empty and nil are the same.
//   - Errors: the sentinel, and no other, by errors.Is; Field and Rule by
//     errors.As where the contract names them. A write's failure may surface
//     when it is called or when Tx ends: the suite takes it from either.
//   - Transactions: every writing method rolled back, seen from inside, undone
//     alone within an outer transaction, and compared after the commit, by
//     everything that can be read from the store.
//   - The state machines of attempts, sessions, seats and messages, step by
//     step and under a crowd.
//
// What the contract leaves open is left open here: the order of what comes "in
// any order", which of several broken rules an error names, the Field of a
// reference that leads nowhere.
//
// The suite is itself tested, on stores that are broken on purpose.
package storetest
