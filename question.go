package usermgmt

import (
	"context"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Questions keeps security questions and takes their answers, where
// [Policy.SecurityQuestion] asks for them. [Manager.Questions] returns it.
//
// An answer is kept as a password hash of its canonical form: NFKC, case folded,
// with single spaces. It is asked for after another secret was proved and never
// replaces one; wrong answers count like wrong passwords.
type Questions struct{ m *Manager }

// Questions returns the service for security questions.
func (m *Manager) Questions() *Questions { return &Questions{m} }

// Audit verbs of this file.
const (
	verbChooseQuestion = "question.choose"
	verbAnswerQuestion = "auth.question"
)

// QuestionChoice is a question with its answer.
type QuestionChoice struct {
	// Question is the text that is shown: one that the host offers, or the user's
	// own; 3 to 200 characters.
	Question string
	// Answer has at least three characters and is not easily known: not a name or
	// an address of the user, the password, a part of the question, or one
	// character again and again.
	Answer string
}

// Get returns the text of the actor's own question, also while steps of a login
// remain; empty if none was chosen. It is the same until it is answered or another
// is chosen.
//
// Errors: [ErrUnauthenticated], [ErrPermission] by an API key or during a proxy
// login.
func (q *Questions) Get(ctx context.Context, a Actor) (string, error) {
	const op = "Questions.Get"
	m := q.m
	if a.IsZero() {
		return "", withOp(op, errNoActor())
	}
	if err := ownSession(a.v); err != nil {
		return "", withOp(op, err)
	}
	if a.v.pending == 0 || a.v.pending.Next() != StepQuestion {
		if _, err := m.read(a); err != nil {
			return "", withOp(op, err)
		}
	}
	row, err := m.store.QuestionOf(ctx, a.v.subject)
	if err := skipNotFound(err); err != nil {
		return "", withOp(op, err)
	}
	return row.Text, nil
}

// Choose sets the actor's own question and answer. It is also how [StepQuestion]
// is done by a user who has none yet: the result is then the new session, with the
// steps that remain. Otherwise it is nil, and a secret must have been proved within
// [Config.StepUpAge]. Not during a proxy login and not with an API key.
//
// Choose is atomic. It records "question.choose" and mails a notice.
//
// Errors: [ErrInvalid] with every broken rule; [ErrStepUp]; [ErrConflict] with the
// Rule "answer_first" if the login asks for the answer; [ErrPermission];
// [ErrOverloaded].
func (q *Questions) Choose(ctx context.Context, a Actor, c QuestionChoice) (*LoginResult, error) {
	const op = "Questions.Choose"
	m := q.m
	refuse := func(err error) error {
		return m.change(ctx, a, op, verbChooseQuestion, func(context.Context, *work) error { return err })
	}
	if a.IsZero() || ownSession(a.v) != nil {
		return nil, refuse(&Error{Kind: ErrPermission, Rule: "own_session_only"})
	}
	if err := a.v.mayNow(verbChooseQuestion); err != nil {
		return nil, refuse(err)
	}
	acc, err := m.store.AccountByID(ctx, a.v.subject)
	if err != nil {
		return nil, withOp(op, unknownUser(err))
	}
	hash, err := m.newAnswer(ctx, &acc, &c)
	if err != nil {
		return nil, withOp(op, err)
	}
	tok := newSessionToken()
	var result *LoginResult
	err = m.change(ctx, a, op, verbChooseQuestion, func(ctx context.Context, w *work) error {
		result = nil
		w.on("user", acc.User.ID, acc.User.Org, acc.User.DisplayName())
		if err := w.mayOwn(); err != nil {
			return err
		}
		row, err := w.tx.QuestionOf(ctx, w.v.subject)
		if err := skipNotFound(err); err != nil {
			return err
		}
		if w.v.pending != 0 && row.Version != 0 {
			return conflict("question", "answer_first", "the login asks for the answer")
		}
		row.User, row.Text, row.Hash, row.ChosenAt = w.v.subject, c.Question, hash, w.now
		if err := w.tx.SaveQuestion(ctx, row); err != nil {
			return err
		}
		w.record(nil, map[string]string{"security_question": "chosen"})
		w.mail(&acc.User, MailQuestionChosen, nil)
		if w.v.pending == 0 {
			return nil
		}
		remaining := w.v.pending &^ StepQuestion
		if remaining&stepProofs == 0 { // the login is proved, with nothing left to answer
			if err := w.tx.RecordLogin(ctx, w.v.subject, w.now); err != nil {
				return err
			}
		}
		result, err = w.goOn(ctx, remaining, tok, "security question chosen")
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// Answer proves the answer to the actor's own question, as [StepQuestion] asks.
// The session ends and a new one, with the steps that remain, begins. A wrong
// answer counts like a wrong password.
//
// Answer records "auth.question": attempted before the check, done or refused
// after it.
//
// Errors: [ErrCredentials]; [ErrUnauthenticated] if no answer is asked for now;
// [ErrOverloaded].
func (q *Questions) Answer(ctx context.Context, a Actor, answer string) (*LoginResult, error) {
	const op = "Questions.Answer"
	m := q.m
	acc, err := m.provable(ctx, a, op, verbAnswerQuestion)
	if err != nil {
		return nil, err
	}
	if a.v.pending.Next() != StepQuestion {
		return nil, m.change(ctx, a, op, verbAnswerQuestion, func(context.Context, *work) error { return refusedEntry("nothing_pending") })
	}
	p, err := m.proveAnswer(ctx, acc, answer, verbAnswerQuestion, a.v)
	if err != nil {
		return nil, withOp(op, err)
	}
	tok := newSessionToken()
	var result *LoginResult
	err = m.proven(ctx, a, acc, p, op, verbAnswerQuestion, func(ctx context.Context, w *work, acc *Account) error {
		remaining := w.v.pending &^ StepQuestion
		if err := w.settleProof(ctx, acc.User.ID, p, remaining); err != nil {
			return err
		}
		w.record(nil, map[string]string{"proved_by": "security question"})
		result, err = w.goOn(ctx, remaining, tok, "security question answered")
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// proveAnswer judges an answer.
func (m *Manager) proveAnswer(ctx context.Context, acc *Account, answer, verb string, v *actorValue) (*proof, error) {
	row, err := m.store.QuestionOf(ctx, acc.User.ID)
	if err := skipNotFound(err); err != nil {
		return nil, err
	}
	c := claim{what: "security question", judge: func(ctx context.Context) (bool, error) {
		return m.hasher.verify(ctx, row.Hash, canonicalAnswer(answer))
	}}
	if row.Hash == "" {
		c.none = "no security question"
	}
	return m.proveClaim(ctx, acc, c, verb, v)
}

const minAnswer, maxAnswer, maxQuestion = 3, 200, 200

// canonicalAnswer is the form of an answer that is hashed.
func canonicalAnswer(answer string) []byte {
	if len(answer) > 4*maxAnswer {
		return []byte{0}
	}
	folded := norm.NFKC.String(cases.Fold().String(norm.NFKC.String(strings.ToValidUTF8(answer, "\uFFFD"))))
	return []byte(strings.Join(strings.Fields(folded), " "))
}

// newAnswer checks a choice and returns the hash of its answer.
func (m *Manager) newAnswer(ctx context.Context, acc *Account, c *QuestionChoice) (string, error) {
	var p problems
	c.Question = strings.TrimSpace(c.Question)
	p.text("question", c.Question, maxQuestion, false)
	if utf8.RuneCountInString(c.Question) < minAnswer {
		p.add("question", "min_length", "needs 3 characters")
	}
	answer := canonicalAnswer(c.Answer)
	n := utf8.RuneCount(answer)
	switch {
	case !utf8.ValidString(c.Answer):
		p.add("answer", "characters", "is not valid text")
	case n < minAnswer:
		p.add("answer", "min_length", "needs 3 characters")
	case utf8.RuneCountInString(c.Answer) > maxAnswer:
		p.add("answer", "max_length", "has more than 200 characters")
	case m.trivialAnswer(&acc.User, c.Question, string(answer)):
		p.add("answer", "trivial", "is easily known or guessed")
	default:
		// The password is compared as it was typed.
		guess, possible := canonicalGuess(c.Answer)
		same, err := m.hasher.verify(ctx, m.localHash(acc), guess)
		if err != nil {
			return "", err
		}
		if same && possible {
			p.add("answer", "password", "is the password")
		}
	}
	if err := p.err(); err != nil {
		return "", err
	}
	return m.hasher.hash(ctx, answer)
}

// trivialAnswer reports whether others know or guess the answer at once.
func (m *Manager) trivialAnswer(u *User, question, answer string) bool {
	known := append(contextWords(u, nil), u.MiddleName, u.Phone, u.Mobile, u.Company, u.Title, u.DisplayName(),
		u.FirstName+" "+u.LastName, u.LastName+" "+u.FirstName)
	for _, word := range append(known, u.Emails...) {
		if word != "" && answer == string(canonicalAnswer(word)) {
			return true
		}
	}
	if strings.Contains(string(canonicalAnswer(question)), answer) {
		return true
	}
	first, _ := utf8.DecodeRuneInString(answer)
	return strings.Trim(answer, string(first)) == ""
}
