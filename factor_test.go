package usermgmt_test

import (
	"encoding/base32"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/internal/totp"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// phone is an authenticator.
type phone struct {
	e    *usermgmttest.Env
	seed []byte
}

func (p phone) code() string { return totp.Code(p.seed, totp.Step(p.e.Clock.Now())) }

// next waits for the code after the present one.
func (p phone) next() string {
	p.e.Clock.Advance(30 * time.Second)
	return p.code()
}

func scan(t testing.TB, e *usermgmttest.Env, n *usermgmt.Enrolment) phone {
	t.Helper()
	u, err := url.Parse(n.URI.Reveal())
	require.NoError(t, err)
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(u.Query().Get("secret"))
	require.NoError(t, err)
	require.Equal(t, totp.Text(seed), n.Seed.Reveal())
	return phone{e, seed}
}

// withFactor gives a user a second factor.
func withFactor(t testing.TB, e *usermgmttest.Env, user usermgmt.UserID) (phone, []usermgmt.Secret) {
	t.Helper()
	n, err := e.Factors().Enroll(t.Context(), e.As(user))
	require.NoError(t, err)
	p := scan(t, e, n)
	done, err := e.Factors().Confirm(t.Context(), e.As(user), p.code())
	require.NoError(t, err)
	require.Len(t, done.RecoveryCodes, 10)
	return p, done.RecoveryCodes
}

func mailKinds(e *usermgmttest.Env, t testing.TB) (kinds []string) {
	t.Helper()
	for {
		d, err := e.Deliver(t.Context(), 200)
		require.NoError(t, err)
		if d == (usermgmt.Delivered{}) {
			break
		}
	}
	for _, m := range e.Mail.Sent() {
		kinds = append(kinds, m.Kind+" to "+m.To)
	}
	return kinds
}

func TestASecondFactorIsSetUpAndAskedFor(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Emails = []string{"ann@home.test"} })
	first, other := e.Login("ann"), e.Login("ann")
	n, err := e.Factors().Enroll(ctx, first.Actor)
	require.NoError(t, err)
	assert.Equal(t, e.Clock.Now().Add(time.Hour), n.ExpiresAt)
	assert.True(t, strings.HasPrefix(n.URI.Reveal(), "otpauth://totp/Acme:ann?secret="), n.URI.Reveal())
	p := scan(t, e, n)
	r, err := login(e, t, "ann", usermgmttest.Password)
	require.NoError(t, err)
	assert.Zero(t, r.Pending, "it is not asked for before it is confirmed")
	_, err = e.Factors().Confirm(ctx, first.Actor, "000000")
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	done, err := e.Factors().Confirm(ctx, first.Actor, p.code())
	require.NoError(t, err)
	assert.Nil(t, done.Login)
	_, err = e.Auth().Session(ctx, first.Token.Reveal(), here)
	require.NoError(t, err)
	_, err = e.Auth().Session(ctx, other.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "other sessions have ended")
	info, err := e.Factors().Get(ctx, e.As(ann.ID), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, &usermgmt.FactorInfo{ConfirmedAt: e.Clock.Now(), RecoveryCodes: 10}, info)
	assert.ElementsMatch(t, []string{"second_factor_set to ann@acme.test", "second_factor_set to ann@home.test"}, mailKinds(e, t))

	r, err = login(e, t, "ann", usermgmttest.Password)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StepFactor, r.Pending)
	_, err = e.Users().Get(ctx, r.Actor, ann.ID)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	assert.Equal(t, "pending_factor", ruleIn(err))
	_, err = e.Passwords().Change(ctx, r.Actor, usermgmt.PasswordChange{Current: usermgmttest.Password, New: otherPassword})
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	require.ErrorIs(t, e.Factors().Remove(ctx, r.Actor), usermgmt.ErrUnauthenticated)
	_, err = e.Factors().Prove(ctx, r.Actor, p.code())
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "the code was used to confirm")
	_, state, err := e.Users().Status(ctx, e.Root(), ann.ID)
	require.NoError(t, err)
	before := state.LoginCount
	in, err := e.Factors().Prove(ctx, r.Actor, p.next())
	require.NoError(t, err)
	assert.Zero(t, in.Pending)
	_, err = e.Users().Get(ctx, in.Actor, ann.ID)
	require.NoError(t, err)
	_, err = e.Auth().Session(ctx, r.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "the session before has ended")
	_, state, err = e.Users().Status(ctx, e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, before+1, state.LoginCount, "the login counts when the factor is proved")
	assert.Zero(t, state.Failures)

	again, err := login(e, t, "ann", usermgmttest.Password)
	require.NoError(t, err)
	_, err = e.Factors().Prove(ctx, again.Actor, p.code())
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "no code is good twice")
	require.NoError(t, e.Auth().Logout(ctx, again.Actor), "an incomplete login can be left")
}

func TestCodesAreGoodOneStepAround(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	p, _ := withFactor(t, e, ann.ID)
	e.Clock.Advance(time.Hour)
	at := totp.Step(e.Clock.Now())
	for i, c := range []struct {
		step int64
		good bool
	}{{-2, false}, {2, false}, {-1, true}, {0, true}, {1, true}, {0, false}} {
		r, err := login(e, t, "ann", usermgmttest.Password)
		require.NoError(t, err)
		_, err = e.Factors().Prove(t.Context(), r.Actor, totp.Code(p.seed, at+c.step))
		assert.Equal(t, c.good, err == nil, "%d: %d: %v", i, c.step, err)
	}
}

// CVE-2026-128332: a right password must not give the second factor new guesses.
func TestARightPasswordDoesNotResetTheCountOfCodes(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil) // ten attempts
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	p, _ := withFactor(t, e, ann.ID)
	e.Clock.Advance(time.Minute)
	wrong := 0
	for range 30 {
		r, err := login(e, t, "ann", usermgmttest.Password)
		if err != nil {
			break
		}
		if _, err = e.Factors().Prove(ctx, r.Actor, "000000"); err != nil {
			wrong++
		}
	}
	assert.Equal(t, 10, wrong, "ten guesses, whatever is proved between them")
	_, err := login(e, t, "ann", usermgmttest.Password)
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	status, _, err := e.Users().Status(ctx, e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StatusLocked, status)
	require.NoError(t, e.Users().Activate(ctx, e.Root(), ann.ID))
	r, err := login(e, t, "ann", usermgmttest.Password)
	require.NoError(t, err)
	_, err = e.Factors().Prove(ctx, r.Actor, p.code())
	require.NoError(t, err)
}

// Whoever knows the password logs in nine times with a wrong code between: the
// right one still counts as right.
func TestARightCodeClearsTheCount(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	p, _ := withFactor(t, e, ann.ID)
	e.Clock.Advance(time.Minute)
	r, err := login(e, t, "ann", usermgmttest.Password)
	require.NoError(t, err)
	for range 9 {
		_, err := e.Factors().Prove(t.Context(), r.Actor, "000000")
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	_, err = e.Factors().Prove(t.Context(), r.Actor, p.code())
	require.NoError(t, err)
	acc, err := e.Store.AccountByID(t.Context(), ann.ID)
	require.NoError(t, err)
	assert.Zero(t, acc.Login.Failures)
	assert.True(t, acc.Login.LockedUntil.IsZero())
}

func TestRecoveryCodesWorkOnceEach(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Emails = []string{"ann@home.test"} })
	_, codes := withFactor(t, e, ann.ID)
	mailKinds(e, t)
	prove := func(code string) error {
		r, err := login(e, t, "ann", usermgmttest.Password)
		require.NoError(t, err)
		assert.Equal(t, usermgmt.StepFactor, r.Pending)
		_, err = e.Factors().Prove(ctx, r.Actor, code)
		return err
	}
	require.NoError(t, prove(codes[0].Reveal()))
	require.ErrorIs(t, prove(codes[0].Reveal()), usermgmt.ErrCredentials)
	require.NoError(t, prove(strings.ToUpper(strings.ReplaceAll(codes[1].Reveal(), " ", "-"))), "as people type it")
	info, err := e.Factors().Get(ctx, e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, 8, info.RecoveryCodes)
	kinds := mailKinds(e, t)
	assert.Contains(t, kinds, "recovery_code_used to ann@home.test")
	assert.Equal(t, "8", e.Mail.Sent()[len(kinds)-1].Values["codes_left"])

	renewed, err := e.Factors().RenewCodes(ctx, e.As(ann.ID))
	require.NoError(t, err)
	require.ErrorIs(t, prove(codes[2].Reveal()), usermgmt.ErrCredentials, "those before are void")
	require.NoError(t, prove(renewed[2].Reveal()))
	for _, code := range append(slices.Clone(codes), renewed...) {
		text := strings.ReplaceAll(code.Reveal(), " ", "")
		assert.Len(t, text, 24, "120 bits")
		assert.Equal(t, "[secret]", code.String())
	}
}

func TestAFactorIsNotChangedWithoutAFreshProof(t *testing.T) {
	t.Parallel()
	p := usermgmt.PolicyNIST()
	p.SessionIdle = 2 * time.Hour
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	r := e.Login("ann")
	e.Clock.Advance(15 * time.Minute)
	a, err := e.Refresh(ctx, r.Actor)
	require.NoError(t, err)
	_, err = e.Factors().Enroll(ctx, a)
	require.ErrorIs(t, err, usermgmt.ErrStepUp)
	up, err := e.Auth().StepUp(ctx, a, usermgmt.StepUpRequest{Password: usermgmttest.Password})
	require.NoError(t, err)
	_, err = e.Factors().Enroll(ctx, up.Actor)
	require.NoError(t, err)
	ph, codes := withFactor(t, e, ann.ID)
	e.Clock.Advance(time.Hour)
	in, err := login(e, t, "ann", usermgmttest.Password)
	require.NoError(t, err)
	in, err = e.Factors().Prove(ctx, in.Actor, ph.code())
	require.NoError(t, err)
	e.Clock.Advance(16 * time.Minute)
	a, err = e.Refresh(ctx, in.Actor)
	require.NoError(t, err)
	require.ErrorIs(t, e.Factors().Remove(ctx, a), usermgmt.ErrStepUp)
	_, err = e.Factors().RenewCodes(ctx, a)
	require.ErrorIs(t, err, usermgmt.ErrStepUp)
	_, err = e.Auth().StepUp(ctx, a, usermgmt.StepUpRequest{Password: usermgmttest.Password})
	require.ErrorIs(t, err, usermgmt.ErrInvalid, "a password is not enough for who has a factor")
	_, err = e.Auth().StepUp(ctx, a, usermgmt.StepUpRequest{Code: "000000", Password: usermgmttest.Password})
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	up, err = e.Auth().StepUp(ctx, a, usermgmt.StepUpRequest{Code: codes[0].Reveal()})
	require.NoError(t, err)
	require.NoError(t, e.Factors().Remove(ctx, up.Actor))
	require.ErrorIs(t, e.Factors().Remove(ctx, up.Actor), usermgmt.ErrNotFound)
	assert.Contains(t, mailKinds(e, t), "second_factor_removed to ann@acme.test")
	out, err := login(e, t, "ann", usermgmttest.Password)
	require.NoError(t, err)
	assert.Zero(t, out.Pending)
}

func TestARequiredFactorIsSetUpAtTheNextLogin(t *testing.T) {
	t.Parallel()
	p := usermgmt.PolicyNIST()
	p.SecondFactor = usermgmt.FactorRequired
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	r, err := login(e, t, "ann", usermgmttest.Password)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StepEnroll, r.Pending)
	_, err = e.Users().Get(ctx, r.Actor, ann.ID)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	_, err = e.Factors().Confirm(ctx, r.Actor, "000000")
	require.ErrorIs(t, err, usermgmt.ErrConflict, "nothing to confirm yet")
	n, err := e.Factors().Enroll(ctx, r.Actor)
	require.NoError(t, err)
	ph := scan(t, e, n)
	done, err := e.Factors().Confirm(ctx, r.Actor, ph.code())
	require.NoError(t, err)
	require.NotNil(t, done.Login)
	assert.Zero(t, done.Login.Pending)
	_, err = e.Users().Get(ctx, done.Login.Actor, ann.ID)
	require.NoError(t, err)
	require.ErrorIs(t, e.Factors().Remove(ctx, done.Login.Actor), usermgmt.ErrConflict, "the policy demands one")
	r, err = login(e, t, "ann", usermgmttest.Password)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StepFactor, r.Pending)

	// Another telephone: enrolled beside the one in force, until it is confirmed.
	n, err = e.Factors().Enroll(ctx, done.Login.Actor)
	require.NoError(t, err)
	second := scan(t, e, n)
	_, err = e.Factors().Prove(ctx, r.Actor, second.next())
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	in, err := e.Factors().Prove(ctx, r.Actor, ph.code())
	require.NoError(t, err)
	_, err = e.Factors().Confirm(ctx, in.Actor, second.code())
	require.NoError(t, err)
	r, err = login(e, t, "ann", usermgmttest.Password)
	require.NoError(t, err)
	_, err = e.Factors().Prove(ctx, r.Actor, ph.next())
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "the old one is void")
	_, err = e.Factors().Prove(ctx, r.Actor, second.code())
	require.NoError(t, err)
}

// With only the password of somebody who has just set up a factor elsewhere, a
// session that was to set one up may not put another in its place.
func TestASessionThatIsToEnrollCannotReplaceAFactor(t *testing.T) {
	t.Parallel()
	p := usermgmt.PolicyNIST()
	p.SecondFactor = usermgmt.FactorRequired
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	ctx := t.Context()
	e.AddUser("ann", nil)
	thief, own := e.Login("ann"), e.Login("ann")
	n, err := e.Factors().Enroll(ctx, own.Actor)
	require.NoError(t, err)
	ph := scan(t, e, n)
	_, err = e.Factors().Confirm(ctx, own.Actor, ph.code())
	require.NoError(t, err)
	_, err = e.Factors().Enroll(ctx, thief.Actor)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
}

func TestAnAdministratorResetsALostFactor(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	withFactor(t, e, ann.ID)
	require.ErrorIs(t, e.Factors().Reset(ctx, e.Root(), ann.ID, " "), usermgmt.ErrInvalid)
	require.NoError(t, e.Factors().Reset(ctx, e.Root(), ann.ID, "lost it; shown the passport, ticket 7"))
	require.ErrorIs(t, e.Factors().Reset(ctx, e.Root(), ann.ID, "again"), usermgmt.ErrNotFound)
	r, err := login(e, t, "ann", usermgmttest.Password)
	require.NoError(t, err)
	assert.Zero(t, r.Pending)
	page, err := e.Audit().List(ctx, e.Root(), usermgmt.AuditQuery{Verb: "factor.reset", Limit: 9})
	require.NoError(t, err)
	i := slices.IndexFunc(page, func(x usermgmt.AuditEntry) bool { return x.Outcome == usermgmt.OutcomeDone })
	require.GreaterOrEqual(t, i, 0)
	assert.Equal(t, "lost it; shown the passport, ticket 7", page[i].Detail.After["reason"])
	assert.Contains(t, mailKinds(e, t), "second_factor_removed to ann@acme.test")
}

// whoever gets at the mailbox or is given a password still lacks the factor.
func TestANewPasswordDoesNotBypassTheFactor(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	p, _ := withFactor(t, e, ann.ID)
	require.NoError(t, e.Passwords().Set(ctx, e.Root(), ann.ID, otherPassword, "", true))
	r, err := login(e, t, "ann", otherPassword)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StepFactor|usermgmt.StepPassword, r.Pending)
	_, err = e.Passwords().Change(ctx, r.Actor, usermgmt.PasswordChange{Current: otherPassword, New: usermgmttest.Password})
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	r, err = e.Factors().Prove(ctx, r.Actor, p.next())
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StepPassword, r.Pending)
	_, err = e.Users().Get(ctx, r.Actor, ann.ID)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	r, err = e.Passwords().Change(ctx, r.Actor, usermgmt.PasswordChange{Current: otherPassword, New: usermgmttest.Password})
	require.NoError(t, err)
	assert.Zero(t, r.Pending)
}

func TestBreakGlassTakesTheFactorAway(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	withFactor(t, e, e.Administrator.ID)
	require.NoError(t, e.BreakGlass(t.Context(), "telephone lost, ticket 9", e.Administrator.ID, otherPassword))
	r, err := login(e, t, "root", otherPassword)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StepPassword, r.Pending)
}

func TestFactorsNeedEncryptionKeysAndOutliveTheirReplacement(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	bare, err := usermgmt.New(e.Store, &usermgmt.Config{Now: e.Clock.Now})
	require.NoError(t, err)
	_, err = bare.Factors().Enroll(ctx, e.Root())
	require.ErrorIs(t, err, usermgmt.ErrNotConfigured)
	_, err = usermgmt.New(e.Store, &usermgmt.Config{EncryptionKeys: [][]byte{[]byte("short")}})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)

	old, next := make([]byte, 32), make([]byte, 32)
	old[0], next[0] = 1, 2
	with := func(keys ...[]byte) *usermgmttest.Env {
		other := *e
		other.Manager = other.NewManager(&usermgmt.Config{EncryptionKeys: keys})
		return &other
	}
	ann := e.AddUser("ann", nil)
	p, _ := withFactor(t, with(old), ann.ID)
	prove := func(e *usermgmttest.Env) error {
		r, err := login(e, t, "ann", usermgmttest.Password)
		require.NoError(t, err)
		_, err = e.Factors().Prove(ctx, r.Actor, p.next())
		return err
	}
	require.ErrorIs(t, prove(with(next)), usermgmt.ErrNotConfigured)
	require.NoError(t, prove(with(next, old)))
	require.NoError(t, prove(with(next)), "it was sealed anew when it was proved")
	f, err := e.Store.FactorOf(ctx, ann.ID)
	require.NoError(t, err)
	assert.NotContains(t, string(f.Secret), string(p.seed))
}

func TestAnEnrolmentIsOverAfterAnHour(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	n, err := e.Factors().Enroll(t.Context(), e.As(ann.ID))
	require.NoError(t, err)
	p := scan(t, e, n)
	e.Clock.Advance(time.Hour)
	_, err = e.Factors().Confirm(t.Context(), e.As(ann.ID), p.code())
	require.ErrorIs(t, err, usermgmt.ErrConflict)
}

// Codes that are confirmed must not give back guesses at the password: whoever
// has taken over a session can confirm a factor of their own as often as they like.
func TestConfirmingAFactorDoesNotResetTheCount(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	r := e.Login("ann")
	for range 3 {
		_, err := login(e, t, "ann", "wrong")
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	n, err := e.Factors().Enroll(t.Context(), r.Actor)
	require.NoError(t, err)
	_, err = e.Factors().Confirm(t.Context(), r.Actor, scan(t, e, n).code())
	require.NoError(t, err)
	acc, err := e.Store.AccountByID(t.Context(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, 3, acc.Login.Failures)
}
