package usermgmt

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/usermgmt/usermgmt/internal/canon"
	"github.com/usermgmt/usermgmt/internal/common"
)

// Policy is an organization's password and session policy. Start from one of
// the presets [PolicyNIST], [PolicyOroCRM] and [PolicyAgileApps].
//
// A user obeys the policy of the home organization. It is applied on every path
// that sets a password.
type Policy struct {
	// MinLength is the least number of code points of a password after NFKC, 6
	// to 64. The greatest length is 1024 bytes, always.
	MinLength int
	// Lower, Upper, Digit and Special demand a character of the class, by
	// Unicode category; special is whatever is neither letter nor digit.
	// ASVS 6.2.5 and NIST SP 800-63B forbid such rules; they exist for the
	// platforms' sake.
	Lower, Upper, Digit, Special bool
	// BlockCommon refuses passwords that are among the commonest or made of them.
	BlockCommon bool
	// BlockContext refuses passwords that contain the user's names or e-mail,
	// the organization's name, or one of Words (4 code points or more each).
	BlockContext bool
	Words        []string

	// History is how many passwords a new one may not equal: the present one and
	// those before it, 0 to 24. They are kept as hashes.
	History int
	// MaxAge is how long a password may be used: a day to ten years, 0 for ever.
	// After that a login leaves [StepPassword] pending. NIST SP 800-63B and ASVS
	// 6.2.10 forbid it; it exists for the platforms' sake.
	MaxAge time.Duration
	// MinAge is how long users must keep a password that nobody asks them to
	// change, 0 to 30 days.
	MinAge time.Duration
	// Reminders are the numbers of days before the end at which the user is told
	// by mail, at most 10, each 1 to 90.
	Reminders []int
	// ExpiryExempt are users to whom MaxAge does not apply, at most 1000.
	ExpiryExempt []UserID
	// SecurityQuestion asks for the answer to a question that the user has chosen
	// after a login with a temporary password, and lets users without one choose
	// it at their next login. It is a further step and never replaces a password.
	// It departs from ASVS 6.4.2 and NIST SP 800-63B, which forbid such questions.
	SecurityQuestion bool
	// SecondFactor says who is asked for a second factor.
	SecondFactor FactorPolicy
	// MailCodeLifetime is how long a code of [FactorMail] is good: a minute to an
	// hour. NIST SP 800-63B allows ten minutes.
	MailCodeLifetime time.Duration

	// LockoutAttempts wrong passwords in a row lock the user; 0 is never,
	// at most 100 otherwise (NIST SP 800-63B).
	LockoutAttempts int
	// LockoutDuration is how long; 0 is until somebody activates the user.
	LockoutDuration time.Duration
	// LockoutDisables disables the user as well, except the last administrator.
	LockoutDisables bool

	// SessionIdle and SessionLifetime end a session that is not used, or at all.
	// At least a minute; at most 30 days (NIST SP 800-63B AAL1).
	SessionIdle, SessionLifetime time.Duration
	// MaxSessions is how many sessions a user may have at once; a further login
	// ends the oldest. 0 is no limit.
	MaxSessions int

	// ResetLifetime is how long the link or the temporary password of a reset
	// works, ResetInterval the least time between two mails that somebody asks for
	// who is not logged in. A minute to 72 hours, and a minute to 24 hours; NIST SP
	// 800-63B wants at most 24 hours for what is mailed.
	ResetLifetime, ResetInterval time.Duration
	// InvitationLifetime is how long an invitation works: an hour to 90 days.
	InvitationLifetime time.Duration
	// TemporaryPassword has [Passwords.Reset] mail a temporary password, which works
	// for one login that must change it. Otherwise it mails a link.
	TemporaryPassword bool

	// Deputies is the longest time for which members of the organization may name a
	// [Deputy]; 0 to a year, where 0 allows none.
	Deputies time.Duration

	// UsernameOnly allows users without an e-mail address.
	UsernameOnly bool
}

// PolicyNIST follows NIST SP 800-63B-4 and OWASP ASVS 5.0: 15 characters, no
// composition rules, a blocklist, and ten guesses an hour.
func PolicyNIST() Policy {
	return Policy{
		MinLength: 15, BlockCommon: true, BlockContext: true,
		LockoutAttempts: 10, LockoutDuration: time.Hour,
		SessionIdle: time.Hour, SessionLifetime: 24 * time.Hour,
		ResetLifetime: 24 * time.Hour, ResetInterval: 5 * time.Minute, InvitationLifetime: 7 * 24 * time.Hour,
		MailCodeLifetime: 10 * time.Minute,
	}
}

// PolicyOroCRM is OroCRM's default: 8 characters with lower case, upper case
// and a number; ten wrong passwords lock until somebody activates the user. Its
// history (12 passwords) and expiry (30 days) are off there too.
func PolicyOroCRM() Policy {
	return Policy{
		MinLength: 8, Lower: true, Upper: true, Digit: true, Reminders: []int{1, 3, 7},
		LockoutAttempts: 10,
		SessionIdle:     time.Hour, SessionLifetime: 24 * time.Hour,
		ResetLifetime: 24 * time.Hour, ResetInterval: 24 * time.Hour, InvitationLifetime: 7 * 24 * time.Hour,
		MailCodeLifetime: time.Hour,
	}
}

// PolicyAgileApps is AgileApps' default: 6 characters, not the present password
// again, a new one every 90 days, a security question; five wrong passwords lock
// for 15 minutes; sessions idle out after 90 minutes.
func PolicyAgileApps() Policy {
	return Policy{
		MinLength: 6, History: 1, MaxAge: 90 * day, SecurityQuestion: true,
		LockoutAttempts: 5, LockoutDuration: 15 * time.Minute,
		SessionIdle: 90 * time.Minute, SessionLifetime: 24 * time.Hour,
		ResetLifetime: 24 * time.Hour, ResetInterval: 5 * time.Minute, InvitationLifetime: 7 * 24 * time.Hour,
		MailCodeLifetime:  10 * time.Minute,
		TemporaryPassword: true,
	}
}

func (p *Policy) clone() *Policy {
	if p == nil {
		return nil
	}
	c := *p
	c.Words, c.Reminders, c.ExpiryExempt = slices.Clone(p.Words), slices.Clone(p.Reminders), slices.Clone(p.ExpiryExempt)
	return &c
}

func (p *Policy) validate(out *problems) {
	check := func(ok bool, field, detail string) {
		if !ok {
			out.add("policy."+field, "range", detail)
		}
	}
	check(p.MinLength >= 6 && p.MinLength <= 64, "min_length", "want 6 to 64")
	check(p.LockoutAttempts >= 0 && p.LockoutAttempts <= 100, "lockout_attempts", "want 0 to 100")
	check(p.LockoutDuration >= 0 && p.LockoutDuration <= 30*24*time.Hour, "lockout_duration", "want 0 to 30 days")
	check(!p.LockoutDisables || p.LockoutAttempts > 0, "lockout_disables", "needs lockout attempts")
	check(p.SessionIdle >= time.Minute && p.SessionIdle <= 30*24*time.Hour, "session_idle", "want a minute to 30 days")
	check(p.SessionLifetime >= p.SessionIdle && p.SessionLifetime <= 30*24*time.Hour,
		"session_lifetime", "want at least session_idle and at most 30 days")
	check(p.MaxSessions >= 0, "max_sessions", "want 0 or more")
	check(p.ResetLifetime >= time.Minute && p.ResetLifetime <= 72*time.Hour, "reset_lifetime", "want a minute to 72 hours")
	check(p.ResetInterval >= time.Minute && p.ResetInterval <= 24*time.Hour, "reset_interval", "want a minute to 24 hours")
	check(p.InvitationLifetime >= time.Hour && p.InvitationLifetime <= 90*24*time.Hour, "invitation_lifetime", "want an hour to 90 days")
	check(p.Deputies >= 0 && p.Deputies <= 365*day, "deputies", "want 0 to 365 days")
	p.validateAge(check)
	for _, w := range p.Words {
		check(utf8.RuneCountInString(w) >= minContextWord, "words", "want words of 4 characters or more")
	}
}

func (p *Policy) lockUntil(now time.Time) time.Time {
	if p.LockoutDuration == 0 {
		return Forever
	}
	return now.Add(p.LockoutDuration)
}

const minContextWord = 4

// check appends every rule that password, in canonical form, breaks. context
// are words that it may not contain.
func (p *Policy) check(password []byte, context []string, out *problems) {
	const field = "password"
	if n := canon.PasswordLength(password); n < p.MinLength {
		out.add(field, "min_length", fmt.Sprintf("has %d characters, needs %d", n, p.MinLength))
	}
	var lower, upper, digit, special bool
	for _, r := range string(password) {
		switch {
		case unicode.IsLower(r):
			lower = true
		case unicode.IsUpper(r):
			upper = true
		case unicode.IsNumber(r):
			digit = true
		case !unicode.IsLetter(r):
			special = true
		}
	}
	for _, c := range [...]struct {
		want, has bool
		rule      string
	}{{p.Lower, lower, "lower"}, {p.Upper, upper, "upper"}, {p.Digit, digit, "digit"}, {p.Special, special, "special"}} {
		if c.want && !c.has {
			out.add(field, c.rule, "needs a character of the class "+c.rule)
		}
	}
	if p.BlockCommon && common.Password(string(password)) {
		out.add(field, "common", "is a common password or made of common ones")
	}
	if p.BlockContext {
		folded := strings.ToLower(string(password))
		for _, w := range append(slices.Clone(p.Words), context...) {
			w = strings.ToLower(w)
			if utf8.RuneCountInString(w) >= minContextWord && strings.Contains(folded, w) {
				out.add(field, "context", "contains a name that belongs to the user or the organization")
				break
			}
		}
	}
}

// contextWords are the words about a user that a password may not contain.
func contextWords(u *User, org *Organization) []string {
	words := []string{u.Username, u.Email, u.FirstName, u.LastName}
	if local, _, ok := strings.Cut(u.Email, "@"); ok {
		words = append(words, local)
	}
	if org != nil {
		words = append(words, org.Name)
	}
	return words
}

// The alphabets of suggested passwords leave out what looks alike.
const (
	suggestLower   = "abcdefghijkmnopqrstuvwxyz"
	suggestUpper   = "ABCDEFGHJKLMNPQRSTUVWXYZ"
	suggestDigit   = "23456789"
	suggestSpecial = "-_.!?+=@#%"
)

// suggest draws a password that obeys p: at least 20 characters, from
// crypto/rand, with at least one of each class.
func (p *Policy) suggest() string {
	classes := []string{suggestLower, suggestUpper, suggestDigit}
	if p.Special {
		classes = append(classes, suggestSpecial)
	}
	all := strings.Join(classes, "")
	n := max(p.MinLength, 20)
	for {
		out := make([]byte, n)
		for i := range out {
			from := all
			if i < len(classes) {
				from = classes[i]
			}
			out[i] = from[randomInt(len(from))]
		}
		for i := len(out) - 1; i > 0; i-- {
			j := randomInt(i + 1)
			out[i], out[j] = out[j], out[i]
		}
		var broken problems
		if p.check(out, nil, &broken); broken.err() == nil {
			return string(out)
		}
	}
}

func randomInt(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil { // cannot happen since Go 1.24: crypto/rand ends the program instead
		return 0
	}
	return int(i.Int64())
}

// text is the policy as audit entries hold it.
func (p *Policy) text() string {
	return fmt.Sprintf("min_length=%d lower=%t upper=%t digit=%t special=%t block_common=%t block_context=%t words=%d "+
		"lockout=%d/%s disables=%t session=%s/%s max_sessions=%d username_only=%t "+
		"reset=%s/%s temporary=%t invitation=%s",
		p.MinLength, p.Lower, p.Upper, p.Digit, p.Special, p.BlockCommon, p.BlockContext, len(p.Words),
		p.LockoutAttempts, p.LockoutDuration, p.LockoutDisables, p.SessionIdle, p.SessionLifetime, p.MaxSessions, p.UsernameOnly,
		p.ResetLifetime, p.ResetInterval, p.TemporaryPassword, p.InvitationLifetime) + p.ageText()
}
