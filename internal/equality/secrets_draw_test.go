package equality_test

import (
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt"
)

func (mc *machine) drawStepUp(a *actor) *call {
	password := mc.drawPassword(a.subject)
	if mc.chance("no password", 15) {
		password = ""
	}
	g := mc.drawGuess(a.subject)
	if mc.chance("no code", 15) {
		return mc.stepsUp(password, nil)
	}
	return mc.stepsUp(password, &g)
}

func (mc *machine) drawAnswer(a *actor) string {
	if mc.known(a.subject) && mc.users[a.subject].answer != "" && !mc.chance("wrong", 20) {
		return sample(mc, "case", []string{mc.users[a.subject].answer, strings.ToUpper(mc.users[a.subject].answer)})
	}
	return sample(mc, "answer", append(badAnswers, goodAnswers...))
}

// towardsFactor is a login that asks for a second factor, or the way to a factor.
func (mc *machine) towardsFactor() *call {
	var list []int
	for i, u := range mc.users {
		if u.hasFactor() && u.enabled && u.password != "" && !u.reset && !mc.locked(u) {
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		return mc.factorEnroll()
	}
	u := mc.users[mc.choose("user", list)]
	return mc.login(u.username, u.password, none, none)
}

// towardsQuestion is a call on the way to a login that asks for an answer: that is
// one with a temporary password, which comes by mail after a reset.
func (mc *machine) towardsQuestion(a *actor) *call {
	asks := func(u *person) bool {
		p := mc.policy(u.home)
		return u.enabled && u.question != "" && u.kind == usermgmt.KindPerson && p.SecurityQuestion && p.TemporaryPassword
	}
	if i := slices.IndexFunc(mc.users, func(u *person) bool { return asks(u) && !u.temporary.IsZero() && mc.now.Before(u.temporary) }); i >= 0 {
		return mc.login(mc.users[i].username, mc.users[i].password, none, none)
	}
	if slices.ContainsFunc(mc.links, func(l *link) bool {
		return l.purpose == usermgmt.TokenTemporary && !l.settled && asks(mc.users[l.user])
	}) {
		return mc.deliver()
	}
	if i := mc.userWho(a, asks); mc.known(i) && asks(mc.users[i]) {
		return mc.passwordReset(i)
	}
	return mc.questionChoose(questions[0], goodAnswers[0])
}

// next are the sessions that are asked for a step now.
func next(step usermgmt.Step) func(*machine, *actor) bool {
	return func(_ *machine, a *actor) bool { return a.pending.Next() == step }
}

// unpending is true of sessions with nothing to be done first.
func unpending(_ *machine, a *actor) bool { return a.pending == 0 }

// pickSession draws the session of an actor that fits; other if there is none.
func pickSession(fits func(*machine, *actor) bool) func(mc *machine, other who) who {
	return func(mc *machine, other who) who {
		var list []int
		for i, s := range mc.sessions {
			if a := mc.verifySession(i); a != nil && s.kind != usermgmt.SessionProxy && fits(mc, a) {
				list = append(list, s.token)
			}
		}
		if len(list) == 0 {
			return other
		}
		return who{door: usermgmt.DoorSession, token: mc.choose("session", list), user: none, org: none, app: none}
	}
}
