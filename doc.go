// Package usermgmt is user management for business applications, embedded: the
// user life cycle with invitations and custom fields, organizations with business
// units and teams, roles and access profiles with a permission hierarchy,
// passwords, second factors, sessions and API keys, proxy login with switch back,
// licences, settings, mail, audit, CSV import and export. The host imports it,
// wires its own HTTP, and keeps the data in its own database.
//
// # Getting started
//
//	m, err := usermgmt.New(memory.New(), nil)
//	…
//	first, err := m.Bootstrap(ctx, usermgmt.BootstrapRequest{
//		Organization:  usermgmt.NewOrganization{Name: "Acme"},
//		Administrator: usermgmt.NewUser{Username: "root", Email: "root@acme.example", …},
//	})
//	…
//	login, err := m.Auth().Login(ctx, usermgmt.LoginRequest{Name: "root", Password: password, Origin: origin})
//	…
//	actor, err := m.Auth().Session(ctx, token, origin) // every request
//	…
//	user, err := m.Users().Create(ctx, actor, usermgmt.NewUser{…})
//
// A [Manager] is a set of services over a [Store]. Package store/memory keeps
// everything in memory; hosts may write their own and hold it to package
// store/storetest.
//
// # Actors and permissions
//
// Every method that decides anything takes an [Actor]: who acts, with which
// rights, by which door. Only verification makes one, and the zero Actor is
// refused everywhere. An actor is for one request; its own answers are as of the
// verification, and every change reads the rights again inside its transaction,
// so that a demoted actor's racing call fails.
//
// A membership has one access profile, for administration and global rights, and
// roles, for the rights on the host's objects. [Profiles.Shipped] has profiles to
// begin with.
//
// A right is a [Permission] such as "user.edit", granted with a [Scope]: the
// relations between actor and record for which it holds. OroCRM's ladder (User,
// Business Unit, Division, Organization, Global) and AgileApps' teams and
// subteams are members of the same set. Rights come from the access profile,
// from roles held directly, and from access to the current application, and only
// add up. Hosts declare their own [Object]s and ask with [Actor.Can], which
// costs nanoseconds, or filter their lists with [Access.Filter].
//
// Nobody grants what they do not hold: the subset rule binds making, changing,
// assigning and deleting roles and profiles, adding people to teams, and imports.
// What an actor may not see does not exist: [ErrNotFound].
//
// # Errors
//
// Errors match one of a closed set with [errors.Is]: [ErrNotFound],
// [ErrInvalid], [ErrConflict], [ErrStale], [ErrLimit], [ErrPermission],
// [ErrUnauthenticated], [ErrStepUp], [ErrCredentials], [ErrOverloaded], [ErrNotConfigured],
// [ErrTransient], [ErrOutcomeUnknown], [ErrVetoed], [ErrOutsideTx]. [Error] has the field and
// the rule; [FieldErrors] lists all field problems, which come at once. Error
// texts are for operators; [UserMessage] has a sentence for end users. Secrets
// and personal data are in neither.
//
// # Transactions
//
// A call is one transaction: the change, its audit entry and its outgoing mail
// commit together or not at all. With [Manager.WithStore] and a store that is
// bound to the host's own transaction, that transaction is the one. There are
// two exceptions. Verifying a password is three steps, so that no roll-back,
// crash or parallelism gives a guess away; see [Auth.Login]. A refusal undoes
// the call and is then recorded by itself.
//
// # Background work
//
// Mail, events, exports that were asked for, reminders, sealing of the audit log
// and tidying are done by [Manager.Run], in a goroutine of the host's and in any
// number of processes, or by [Manager.RunOnce] from a scheduler. Nothing that is
// promised waits for it: what has expired is dead by comparison with the clock.
//
// # Security notes
//
// Passwords are hashed with argon2id, a bounded number at a time. Session tokens
// and API keys are 32 random bytes, shown once in a [Secret], and stored as
// SHA-256. A login answers with one outcome, after the same work, until the
// password is proved. Hosts authenticate origins: this package reads no headers
// and trusts no address but the one it is given.
//
// # Compatibility
//
// Before version 1 minor versions may break; the CHANGELOG says how to follow.
// [Store] may grow until then.
package usermgmt
