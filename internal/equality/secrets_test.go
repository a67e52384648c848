package equality_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// claim is a secret that somebody says to know. none says why nobody can be right.
type claim struct {
	what, none string
	right      bool
}

// prove judges a password.
func (m *model) prove(user int, password, verb string, by *actor) proof {
	c := claim{what: "password"}
	if user != none {
		known := m.users[user].password
		if c.right = known != "" && known == password; known == "" {
			c.none = "no password"
		}
	}
	return m.attempt(user, c, verb, by)
}

// freshFor asks for a fresh proof, where a permission is marked.
func (m *model) freshFor(a *actor, perm string) error {
	if !slices.Contains(stepUp, usermgmt.Permission(perm)) {
		return nil
	}
	return m.fresh(a)
}

// fresh refuses whoever proved no secret in a quarter of an hour. A key and the
// system prove nothing anew.
func (m *model) fresh(a *actor) error {
	if a.door == usermgmt.DoorAPIKey || a.door == usermgmt.DoorSystem || m.now.Sub(a.proved) < 15*time.Minute {
		return nil
	}
	return usermgmt.ErrStepUp
}

// stepsAfter are the steps that remain once the password is proved.
func (m *model) stepsAfter(u *person, temporary bool) (steps usermgmt.Step) {
	policy := m.policy(u.home)
	switch {
	case u.hasFactor(), policy.SecondFactor == usermgmt.FactorMail:
		steps |= usermgmt.StepFactor
	case policy.SecondFactor == usermgmt.FactorRequired:
		steps |= usermgmt.StepEnroll
	}
	if policy.SecurityQuestion && (temporary || u.question == "") && u.kind == usermgmt.KindPerson {
		steps |= usermgmt.StepQuestion
	}
	if u.mustChange {
		steps |= usermgmt.StepPassword
	}
	return steps
}

const proofs = usermgmt.StepFactor | usermgmt.StepQuestion

// settle books a proved secret: the login counts once nothing that proves is left.
func (m *model) settle(user int, p *proof, remaining usermgmt.Step) {
	if remaining&proofs != 0 {
		m.release(user, p)
		return
	}
	m.loggedIn(user)
}

func (m *model) loggedIn(user int) {
	u := m.users[user]
	u.failures, u.lockedUntil, u.lastLogin = 0, time.Time{}, m.now
	u.logins++
}

// goOn opens a session in place of the actor's, in which steps remain, and gives
// its text; "" for an actor without one.
func (m *model) goOn(a *actor, pending usermgmt.Step, reason string) string {
	if a.door != usermgmt.DoorSession {
		return ""
	}
	s := *m.sessions[a.session]
	s.pending, s.token, s.epoch = pending, m.tokens, m.sessionEpoch(s.user, s.org)
	s.created, s.seen, s.proved = m.now, m.now, m.now
	m.tokens++
	m.sessions = append(m.sessions, &s)
	m.endSession(a.session, none, reason)
	return m.sessionText(len(m.sessions) - 1)
}

// proves is the frame of calls that prove a secret of the actor's: ask says what is
// claimed, and done makes the change.
func (mc *machine) proves(callName, verb string, step usermgmt.Step, ask func(a *actor) (claim, func() bool, error),
	done func(a *actor, p *proof) string, do func(ctx context.Context, s *system, a usermgmt.Actor) (*usermgmt.LoginResult, error)) *call {
	return &call{name: callName, verb: verb, step: step,
		expect: func(a *actor) (string, error) {
			m := mc.model
			c, take, err := ask(a)
			if err != nil {
				return "", err
			}
			p := m.attempt(a.subject, c, verb, a)
			if !p.right {
				return "", usermgmt.ErrCredentials
			}
			m.on("user", name("user", a.subject), m.users[a.subject].home)
			if take != nil && !take() {
				mc.refusal = m.entry(a, verb, "refused")
				return "", usermgmt.ErrCredentials
			}
			m.record(a, verb)
			return done(a, &p), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			r, err := do(ctx, s, a)
			if err != nil {
				return "", err
			}
			return s.opened(r), nil
		}}
}

// stepped is what proving a step does.
func (mc *machine) stepped(step usermgmt.Step, reason string) func(a *actor, p *proof) string {
	return func(a *actor, p *proof) string {
		remaining := a.pending &^ step
		mc.settle(a.subject, p, remaining)
		return mc.goOn(a, remaining, reason)
	}
}

// asked refuses whoever is not asked for a step now.
func asked(a *actor, step usermgmt.Step) error {
	switch {
	case a.door != usermgmt.DoorSession && a.door != usermgmt.DoorHost:
		return usermgmt.ErrPermission
	case a.pending.Next() != step:
		return usermgmt.ErrUnauthenticated
	}
	return nil
}

func (mc *machine) factorProve(g guess) *call {
	return mc.proves("factors.prove", "auth.factor", usermgmt.StepFactor, func(a *actor) (c claim, take func() bool, err error) {
		if err := asked(a, usermgmt.StepFactor); err != nil {
			return c, nil, err
		}
		c, take = mc.codeClaim(a.subject, a.session, g)
		return c, take, nil
	}, mc.stepped(usermgmt.StepFactor, "second factor proved"),
		func(ctx context.Context, s *system, a usermgmt.Actor) (*usermgmt.LoginResult, error) {
			return s.Factors().Prove(ctx, a, s.typed(g))
		})
}

func (mc *machine) sendCode() *call {
	return &call{name: "factors.send_code", verb: "factor.send_code", step: usermgmt.StepFactor,
		expect: func(a *actor) (string, error) {
			m := mc.model
			if err := asked(a, usermgmt.StepFactor); err != nil {
				return "", err
			}
			m.on("user", name("user", a.subject), m.users[a.subject].home)
			switch {
			case m.users[a.subject].hasFactor():
				return "", usermgmt.ErrUnauthenticated
			case !m.mailCode(a.subject, a.session, time.Minute):
				return "", usermgmt.ErrLimit
			}
			m.record(a, "factor.send_code")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Factors().SendCode(ctx, a)
		}}
}

// canonicalAnswer is what counts of an answer.
func canonicalAnswer(answer string) string {
	return strings.Join(strings.Fields(strings.ToLower(answer)), " ")
}

var (
	questions   = []string{"The first dog?", "Which street?"}
	goodAnswers = []string{"Rover the 2nd", "rover  THE 2nd", "Kurfürstendamm 7"}
	badAnswers  = []string{"x", "  ", "zzzz", "dog", "street"}
)

// answerOK is true of an answer that is not easily known.
func answerOK(question, answer string) bool {
	c := canonicalAnswer(answer)
	return len([]rune(c)) >= 3 && !strings.Contains(canonicalAnswer(question), c) && strings.Trim(c, c[:1]) != ""
}

func (mc *machine) questionChoose(question, answer string) *call {
	return &call{name: "questions.choose", verb: "question.choose", step: usermgmt.StepQuestion,
		expect: func(a *actor) (string, error) {
			m := mc.model
			if a.door != usermgmt.DoorSession && a.door != usermgmt.DoorHost {
				return "", usermgmt.ErrPermission
			}
			if !answerOK(question, answer) {
				return "", usermgmt.ErrInvalid
			}
			u := m.users[a.subject]
			m.on("user", name("user", a.subject), u.home)
			if err := m.mayOwn(a); err != nil {
				return "", err
			}
			if a.pending != 0 && u.question != "" {
				return "", usermgmt.ErrConflict
			}
			u.question, u.answer = question, canonicalAnswer(answer)
			m.record(a, "question.choose")
			if a.pending == 0 {
				return "", nil
			}
			remaining := a.pending &^ usermgmt.StepQuestion
			if remaining&proofs == 0 {
				m.loggedIn(a.subject)
			}
			return m.goOn(a, remaining, "security question chosen"), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			r, err := s.Questions().Choose(ctx, a, usermgmt.QuestionChoice{Question: question, Answer: answer})
			if err != nil || r == nil {
				return "", err
			}
			return s.opened(r), nil
		}}
}

func (mc *machine) questionAnswer(answer string) *call {
	return mc.proves("questions.answer", "auth.question", usermgmt.StepQuestion, func(a *actor) (c claim, _ func() bool, err error) {
		if err := asked(a, usermgmt.StepQuestion); err != nil {
			return c, nil, err
		}
		u := mc.users[a.subject]
		c = claim{what: "security question", right: u.question != "" && canonicalAnswer(answer) == u.answer}
		if u.question == "" {
			c.none = "no security question"
		}
		return c, nil, nil
	}, mc.stepped(usermgmt.StepQuestion, "security question answered"),
		func(ctx context.Context, s *system, a usermgmt.Actor) (*usermgmt.LoginResult, error) {
			return s.Questions().Answer(ctx, a, answer)
		})
}

// stepsUp proves a secret again: the code counts for whoever has a factor, the
// password for all others.
func (mc *machine) stepsUp(password string, g *guess) *call {
	return mc.proves("auth.step_up", "auth.step_up", 0, func(a *actor) (c claim, take func() bool, err error) {
		if a.door != usermgmt.DoorSession {
			return c, nil, usermgmt.ErrPermission
		}
		u := mc.users[a.subject]
		if u.hasFactor() {
			if g == nil {
				return c, nil, usermgmt.ErrInvalid
			}
			c, take = mc.codeClaim(a.subject, a.session, *g)
			return c, take, nil
		}
		if password == "" {
			return c, nil, usermgmt.ErrInvalid
		}
		c = claim{what: "password", right: u.password == password}
		if u.password == "" {
			c.none = "no password"
		}
		return c, nil, nil
	}, func(a *actor, _ *proof) string {
		u := mc.users[a.subject]
		u.failures, u.lockedUntil = 0, time.Time{}
		return mc.goOn(a, 0, "proved again")
	}, func(ctx context.Context, s *system, a usermgmt.Actor) (*usermgmt.LoginResult, error) {
		req := usermgmt.StepUpRequest{Password: s.word(password)}
		if g != nil {
			req.Code = s.typed(*g)
		}
		return s.Auth().StepUp(ctx, a, req)
	})
}

// secretKinds are the calls of this file.
var secretKinds = []kind{
	{"factors.prove", 26, false, func(mc *machine, a *actor) *call {
		if a.pending.Next() != usermgmt.StepFactor && !mc.chance("not asked", 25) {
			return mc.towardsFactor()
		}
		return mc.factorProve(mc.drawGuess(a.subject))
	}, next(usermgmt.StepFactor)},
	{"factors.send_code", 9, false, func(mc *machine, _ *actor) *call { return mc.sendCode() }, next(usermgmt.StepFactor)},
	{"questions.choose", 10, true, func(mc *machine, _ *actor) *call {
		answers := goodAnswers
		if mc.chance("bad", 20) {
			answers = badAnswers
		}
		return mc.questionChoose(sample(mc, "question", questions), sample(mc, "answer", answers))
	}, func(mc *machine, a *actor) bool {
		return a.pending.Next() == usermgmt.StepQuestion || a.pending == 0 && a.door == usermgmt.DoorSession
	}},
	{"questions.answer", 36, false, func(mc *machine, a *actor) *call {
		if a.pending.Next() != usermgmt.StepQuestion && !mc.chance("not asked", 25) {
			return mc.towardsQuestion(a)
		}
		return mc.questionAnswer(mc.drawAnswer(a))
	}, next(usermgmt.StepQuestion)},
	{"auth.step_up", 12, false, func(mc *machine, a *actor) *call { return mc.drawStepUp(a) }, anySession},
}

// secretLines are the factors and questions, as text by lines.
func (m *model) secretLines() (out []string) {
	for i, u := range m.users {
		if f := u.factor; f != nil {
			out = append(out, fmt.Sprintf("factor of user%d since %s, in force %t, waits %t since %s, last step %d, %d codes", i, text(f.confirmed), f.seed != none,
				!f.nextAt.IsZero(), text(f.nextAt), f.last, len(f.left)))
		}
		if u.question != "" {
			out = append(out, fmt.Sprintf("question of user%d: %s", i, u.question))
		}
	}
	return out
}

func (mc *machine) foundSecrets(s *system) (out []string) {
	for _, id := range s.users {
		f, err := s.Store.FactorOf(mc.ctx, id)
		if err == nil {
			codes, err := s.Store.CountRecoveryCodes(mc.ctx, id)
			if err != nil {
				mc.fail("reading the codes of %s: %v", s.name, err)
			}
			out = append(out, fmt.Sprintf("factor of %s since %s, in force %t, waits %t since %s, last step %d, %d codes", of(s, id), text(f.ConfirmedAt), len(f.Secret) > 0,
				len(f.Next) > 0, text(f.NextAt), f.LastStep, codes))
		} else if !errors.Is(err, usermgmt.ErrNotFound) {
			mc.fail("reading the factors of %s: %v", s.name, err)
		}
		if q, err := s.Store.QuestionOf(mc.ctx, id); err == nil {
			out = append(out, fmt.Sprintf("question of %s: %s", of(s, id), q.Text))
		}
	}
	return out
}

// secretFaults are those of a store that keeps what proves a user.
type secretFaults struct {
	useStep     func() bool // reports whether to do it; otherwise it is said to be done
	useRecovery func() bool
	dropFactor  func() bool
}

func (f faulty) UseFactorStep(ctx context.Context, user usermgmt.UserID, step int64) (bool, error) {
	if f.useStep != nil && !f.useStep() {
		return true, nil
	}
	return f.Store.UseFactorStep(ctx, user, step)
}

func (f faulty) UseRecoveryCode(ctx context.Context, user usermgmt.UserID, hash [32]byte) (bool, error) {
	if f.useRecovery != nil && !f.useRecovery() {
		return true, nil
	}
	return f.Store.UseRecoveryCode(ctx, user, hash)
}

func (f faulty) DeleteFactor(ctx context.Context, user usermgmt.UserID) error {
	if f.dropFactor != nil && !f.dropFactor() {
		return nil
	}
	return f.Store.DeleteFactor(ctx, user)
}
