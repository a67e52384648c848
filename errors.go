package usermgmt

import (
	"errors"
	"strconv"
	"strings"
)

// The kinds of failure. Every error of this package matches exactly one of
// them with [errors.Is], or wraps an error of the host's (a store's driver, a
// mailer, a cancelled context) that matches none.
var (
	// ErrNotFound: there is no such record, or the actor may not see it.
	ErrNotFound = errors.New("not found")
	// ErrInvalid: a value breaks a rule. [FieldErrors] lists every one.
	ErrInvalid = errors.New("invalid")
	// ErrConflict: the change contradicts what is stored (a taken name, a
	// record in use, the last administrator). Field and Rule say which.
	ErrConflict = errors.New("conflict")
	// ErrStale: the record changed since it was read. Read again and retry.
	ErrStale = errors.New("stale")
	// ErrLimit: a counted thing is used up (seats, page size, export range).
	ErrLimit = errors.New("limit reached")
	// ErrPermission: the actor sees the record but may not do this to it.
	ErrPermission = errors.New("permission denied")
	// ErrUnauthenticated: no actor, or one that no longer counts: ended,
	// expired, disabled, or older than [Config.ActorMaxAge].
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrStepUp: the actor may do this, but proved no secret lately; see
	// [Config.StepUp] and [Auth.StepUp].
	ErrStepUp = errors.New("prove again")
	// ErrCredentials: the login name or the secret is wrong, or the account
	// cannot log in. It deliberately says no more.
	ErrCredentials = errors.New("wrong credentials")
	// ErrOverloaded: too many passwords are being checked. Nothing was
	// counted against the account; try again later.
	ErrOverloaded = errors.New("overloaded")
	// ErrNotConfigured: the call needs something that [Config] leaves out,
	// or that this user lacks (mail without an e-mail address).
	ErrNotConfigured = errors.New("not configured")
	// ErrTransient: the store gave up for a reason that passes
	// (serialization, deadlock). Nothing happened; retry the whole unit of work.
	ErrTransient = errors.New("transient failure")
	// ErrOutcomeUnknown: the connection was lost while committing. The change
	// may or may not have happened; [Manager.Resolve] tells by Error.Operation.
	// Without an operation nothing was recorded either ([Manager.Deliver], the
	// verification of a session or a key): make the call again.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrVetoed: a [Hook] of the host's forbids it; the Rule is the hook's name and
	// Err what it returned.
	ErrVetoed = errors.New("vetoed")
	// ErrOutsideTx: a store or manager that is not bound to a running unit of
	// work was called from inside it. Use the bound one.
	ErrOutsideTx = errors.New("used outside its transaction")
)

// Error is an error of this package.
type Error struct {
	// Op is the call that failed, such as "Users.Create". Empty in a store.
	Op string
	// Operation is the call as its audit entries name it, for
	// [Manager.Resolve]. It is set by every call that changes something and
	// records that, once it has begun to; zero in what only reads, in what is
	// refused before it begins, and in a store.
	Operation OperationID
	// Kind is one of the package's sentinel errors; nil for an error of the
	// host's.
	Kind error
	// Field is the field at fault in the form of its JSON name ("username"),
	// or the name of a record ("team"). Empty if there is none.
	Field string
	// Rule is a stable lower-case word for the broken rule, such as "taken",
	// "required", "last_administrator", fit for a switch or a translation.
	Rule string
	// Permission is the missing permission of an ErrPermission.
	Permission Permission
	// Detail is for operators. It never holds a secret or a personal datum.
	Detail string
	// Line is the 1-based line of the input file, 0 where there is none.
	Line int
	// Err is the cause, if any. What it is beyond the sentinels is not
	// covered by any promise of compatibility.
	Err error

	// hidden: the record exists, but the actor may not know.
	hidden bool
}

// Error returns a text for operators.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("usermgmt: ")
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	if e.Line > 0 {
		b.WriteString("line " + strconv.Itoa(e.Line) + ": ")
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	switch {
	case e.Kind != nil:
		b.WriteString(e.Kind.Error())
		if e.Kind == ErrOutcomeUnknown && !e.Operation.IsZero() { //nolint:errorlint // a kind is a sentinel
			b.WriteString(" of operation " + e.Operation.String())
		}
	case e.Err == nil:
		b.WriteString("unknown error")
	}
	if e.Rule != "" {
		b.WriteString(" (" + e.Rule + ")")
	}
	if e.Permission != "" {
		b.WriteString(": needs " + string(e.Permission))
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Err != nil {
		if e.Kind != nil || e.Detail != "" {
			b.WriteString(": ")
		}
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	out := make([]error, 0, 2)
	if e.Kind != nil {
		out = append(out, e.Kind)
	}
	if e.Err != nil {
		out = append(out, e.Err)
	}
	return out
}

// FieldErrors returns every field problem in err, in the order in which the
// fields were checked: nil if err names no field.
func FieldErrors(err error) []*Error {
	var out []*Error
	collectFields(err, &out)
	return out
}

func collectFields(err error, out *[]*Error) {
	if err == nil {
		return
	}
	if e, ok := err.(*Error); ok && e.Field != "" { //nolint:errorlint // walks the tree by hand
		*out = append(*out, e)
		return
	}
	switch u := err.(type) { //nolint:errorlint // walks the tree by hand
	case interface{ Unwrap() []error }:
		for _, inner := range u.Unwrap() {
			collectFields(inner, out)
		}
	case interface{ Unwrap() error }:
		collectFields(u.Unwrap(), out)
	}
}

// UserMessage returns a short English sentence about err that may be shown to
// an end user: it says what to do where the user can do something, and never
// holds internal detail.
func UserMessage(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrOutcomeUnknown):
		return "It is not known whether this was done. Please look."
	case errors.Is(err, ErrCredentials) && reasonOf(err) == reasonOf(errLink()):
		return "This link is not good any more. Please ask for a new one."
	case errors.Is(err, ErrCredentials):
		return "The user name or password is wrong, or this account cannot log in."
	case errors.Is(err, ErrUnauthenticated):
		return "Please log in."
	case errors.Is(err, ErrStepUp):
		return "Please confirm that it is you."
	case errors.Is(err, ErrPermission):
		return "You are not allowed to do this."
	case errors.Is(err, ErrNotFound):
		return "This does not exist, or you may not see it."
	case errors.Is(err, ErrStale):
		return "Somebody else changed this in the meantime. Please look at it again."
	case errors.Is(err, ErrLimit):
		return "A limit is reached."
	case errors.Is(err, ErrConflict):
		return "This contradicts something that exists already."
	case errors.Is(err, ErrInvalid):
		return "Some of the values are not valid."
	case errors.Is(err, ErrOverloaded), errors.Is(err, ErrTransient):
		return "The system is busy. Please try again."
	case errors.Is(err, ErrVetoed):
		return "This is not allowed here."
	case errors.Is(err, ErrNotConfigured):
		return "This is not available here."
	}
	return "Something went wrong."
}

// problems gathers field errors, so that a caller learns all of them at once.
type problems struct{ errs []error }

func (p *problems) add(field, rule, detail string) {
	p.errs = append(p.errs, &Error{Kind: ErrInvalid, Field: field, Rule: rule, Detail: detail})
}

func (p *problems) addErr(err error) {
	if err != nil {
		p.errs = append(p.errs, err)
	}
}

func (p *problems) err() error {
	switch len(p.errs) {
	case 0:
		return nil
	case 1:
		return p.errs[0]
	}
	return errors.Join(p.errs...)
}

func conflict(field, rule, detail string) error {
	return &Error{Kind: ErrConflict, Field: field, Rule: rule, Detail: detail}
}

func invalid(field, rule, detail string) error {
	return &Error{Kind: ErrInvalid, Field: field, Rule: rule, Detail: detail}
}

// withOp names the call in an error of this package and wraps others.
func withOp(op string, err error) error { return failed(op, OperationID{}, err) }

// inOperation says to which operation an error belongs, before the call is named.
func inOperation(operation OperationID, err error) error { return failed("", operation, err) }

// failed is withOp for a call that changes something. An error that has an
// operation keeps it: it is that of a part of the call.
func failed(op string, operation OperationID, err error) error {
	if err == nil {
		return nil
	}
	if inner := operationOf(err); !inner.IsZero() {
		operation = inner
	}
	if e, ok := err.(*Error); ok && (e.Op == "" || e.Op == op) { //nolint:errorlint // only the outermost error is named
		named := *e
		named.Op, named.Operation = op, operation
		return &named
	}
	e := &Error{Op: op, Operation: operation, Kind: kindOf(err), Err: err}
	if e.Err == e.Kind { //nolint:errorlint // a bare sentinel says no more than the kind
		e.Err = nil
	}
	return e
}

// operationOf is the outermost operation that err names.
func operationOf(err error) OperationID {
	for e := (*Error)(nil); errors.As(err, &e); err = e.Err {
		if !e.Operation.IsZero() {
			return e.Operation
		}
	}
	return OperationID{}
}

// also adds to err what went wrong besides. That is no longer of a kind: a call
// that was refused for certain must not look like one to try again, or like one
// whose outcome is unknown.
func also(err, besides error) error {
	if besides == nil {
		return err
	}
	if kindOf(besides) != nil {
		besides = errors.New(besides.Error())
	}
	return errors.Join(err, besides)
}

// kindOf is the sentinel that err matches, nil if it matches none.
func kindOf(err error) error {
	for _, kind := range [...]error{ErrOutcomeUnknown, ErrNotFound, ErrInvalid, ErrConflict, ErrStale, ErrLimit, ErrPermission, ErrUnauthenticated,
		ErrStepUp, ErrCredentials, ErrOverloaded, ErrNotConfigured, ErrTransient, ErrVetoed, ErrOutsideTx} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return nil
}

func isUnauthenticated(err error) bool { return errors.Is(err, ErrUnauthenticated) }
