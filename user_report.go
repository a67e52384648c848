package usermgmt

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"time"
)

const verbUserReport = "user.report"

// SubjectReport writes everything that is held about a person as one JSON object:
// "user" with the fields of the record, "memberships", "groups", "account" with
// status and logins, "sessions" live and ended, "api_keys", "messages", "jobs",
// "invitations", "audit" with the entries about the user and of what the user did,
// newest first, and "host" with what [Config.SubjectData] adds. Hashes and other
// secrets are not in it, nor what entries hold of other people: of entries about
// others there is no detail, and operators are named by identifier.
//
// Everybody may have their own, from everywhere. For others the actor needs
// [PermUserReport] on the user, whose home must be the actor's organization, and gets
// what belongs to that organization; actors of scope System get everything. Neither
// during a proxy login nor with an API key.
//
// "user.report" is recorded before the first byte. The audit log is streamed; memory
// does not grow with it.
//
// Errors: [ErrNotFound], [ErrPermission]; those of out and of Config.SubjectData.
func (s *Users) SubjectReport(ctx context.Context, a Actor, id UserID, out io.Writer) error {
	const op = "Users.SubjectReport"
	r := &subjectReport{m: s.m, id: id, out: bufio.NewWriterSize(out, exportBuffer)}
	if err := s.m.change(ctx, a, op, verbUserReport, r.begin); err != nil {
		return err
	}
	err := r.write(ctx)
	if err == nil {
		err = r.out.Flush()
	}
	return failed(op, r.op, err)
}

type subjectReport struct {
	m   *Manager
	id  UserID
	out *bufio.Writer
	op  OperationID

	acc   Account
	whole bool  // whatever organization it belongs to
	org   OrgID // otherwise of this one only
}

// begin checks who asks, and records it.
func (r *subjectReport) begin(ctx context.Context, w *work) error {
	r.op, r.org = w.op, w.v.org
	if w.v.acting() || w.v.door == DoorAPIKey {
		return &Error{Kind: ErrPermission, Rule: "own_session_only", Permission: PermUserReport}
	}
	acc, err := w.tx.AccountByID(ctx, r.id)
	if err != nil {
		return err
	}
	w.on("user", r.id, acc.User.Org, acc.User.DisplayName())
	self := r.id == w.v.subject
	if !self {
		if err := w.needIdentity(ctx, &acc.User, PermUserReport); err != nil {
			return err
		}
	}
	r.acc, r.whole = acc, self || w.v.filter(PermUserReport).System
	w.record(nil, nil)
	return nil
}

func (r *subjectReport) has(org OrgID) bool { return r.whole || org == r.org }

type reportOrigin struct {
	Address   string `json:"address,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

type reportLogin struct {
	Status     string     `json:"status"`
	ChangedAt  *time.Time `json:"password_changed_at,omitempty"`
	LastLogin  *time.Time `json:"last_login_at,omitempty"`
	LoginCount int64      `json:"login_count"`
	Factor     *time.Time `json:"second_factor_since,omitempty"`
	Question   string     `json:"security_question,omitempty"`
}

type reportPlace struct {
	Organization string            `json:"organization"`
	CreatedAt    time.Time         `json:"created_at"`
	Fields       map[string]string `json:"fields"`
}

type reportSession struct {
	Organization string       `json:"organization,omitempty"`
	Operator     string       `json:"operator,omitempty"`
	CreatedAt    time.Time    `json:"created_at"`
	SeenAt       time.Time    `json:"seen_at"`
	EndedAt      *time.Time   `json:"ended_at,omitempty"`
	Origin       reportOrigin `json:"origin"`
}

type reportKey struct {
	Organization string     `json:"organization"`
	PublicID     string     `json:"public_id"`
	CreatedAt    time.Time  `json:"created_at"`
	ExpiresAt    *time.Time `json:"expires_at,omitempty"`
	LastUsedAt   *time.Time `json:"last_used_at,omitempty"`
}

type reportMessage struct {
	Kind      string            `json:"kind"`
	To        string            `json:"to"`
	Values    map[string]string `json:"values,omitempty"`
	CreatedAt time.Time         `json:"created_at"`
	SentAt    *time.Time        `json:"sent_at,omitempty"`
}

type reportJob struct {
	Kind      string       `json:"kind"`
	CreatedAt time.Time    `json:"created_at"`
	Origin    reportOrigin `json:"origin"`
}

type reportInvitation struct {
	Organization string    `json:"organization"`
	Email        string    `json:"email"`
	CreatedAt    time.Time `json:"created_at"`
	Outcome      string    `json:"outcome,omitempty"`
}

type reportEntry struct {
	ID           string            `json:"id"`
	At           time.Time         `json:"at"`
	Verb         string            `json:"verb"`
	Outcome      string            `json:"outcome"`
	Door         string            `json:"door"`
	Organization string            `json:"organization,omitempty"`
	Operator     string            `json:"operator,omitempty"`
	TargetKind   string            `json:"target_kind,omitempty"`
	Target       string            `json:"target,omitempty"`
	Fields       []string          `json:"fields,omitempty"`
	Before       map[string]string `json:"before,omitempty"`
	After        map[string]string `json:"after,omitempty"`
	Reason       string            `json:"reason,omitempty"`
	Origin       *reportOrigin     `json:"origin,omitempty"`
}

func maybe(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// write writes the report, part by part.
func (r *subjectReport) write(ctx context.Context) error {
	s, u := r.m.store, &r.acc.User
	mems, err := s.MembershipsOf(ctx, u.ID)
	if err != nil {
		return err
	}
	places := []reportPlace{}
	for i := range mems {
		if r.has(mems[i].Org) {
			places = append(places, reportPlace{mems[i].Org.String(), mems[i].CreatedAt, membershipFields(&mems[i])})
		}
	}
	groups := []string{}
	for _, id := range u.Groups {
		g, err := s.GroupByID(ctx, id)
		if skipNotFound(err) != nil {
			return err
		}
		groups = append(groups, g.Name)
	}
	account, err := r.account(ctx)
	if err != nil {
		return err
	}
	traces, err := s.TracesOf(ctx, Person{User: u.ID, Addresses: append([]string{u.Email}, u.Emails...), EmailKeys: addressKeys(u)})
	if err != nil {
		return err
	}
	record := fieldsOf(u)
	record["id"], record["created_at"], record["updated_at"] = u.ID.String(), u.CreatedAt.Format(time.RFC3339Nano), u.UpdatedAt.Format(time.RFC3339Nano)
	for _, part := range []struct {
		name  string
		value any
	}{
		{"at", r.m.now()}, {"user", record}, {"memberships", places}, {"groups", groups}, {"account", account},
		{"sessions", r.sessions(traces.Sessions)}, {"api_keys", r.keys(traces.Keys)}, {"messages", r.messages(traces.Messages)},
		{"jobs", r.jobs(traces.Jobs)}, {"invitations", r.invitations(traces.Invitations)},
	} {
		if err := r.part(part.name, part.value); err != nil {
			return err
		}
	}
	if r.m.cfg.SubjectData != nil {
		host, err := r.m.cfg.SubjectData(ctx, u.ID)
		if err != nil {
			return err
		}
		if err := r.part("host", host); err != nil {
			return err
		}
	}
	return r.audit(ctx)
}

// part writes a member of the object; "at" is the first, "audit" the last.
func (r *subjectReport) part(name string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return err
	}
	begin := ",\n"
	if name == "at" {
		begin = "{"
	}
	_, err = r.out.WriteString(begin + `"` + name + `":` + string(b))
	return err
}

func (r *subjectReport) account(ctx context.Context) (reportLogin, error) {
	out := reportLogin{Status: r.acc.standing().Status(r.m.now()).String(), ChangedAt: maybe(r.acc.Credential.ChangedAt),
		LastLogin: maybe(r.acc.Login.LastLoginAt), LoginCount: r.acc.Login.LoginCount}
	f, err := r.m.store.FactorOf(ctx, r.id)
	if skipNotFound(err) != nil {
		return out, err
	}
	q, err := r.m.store.QuestionOf(ctx, r.id)
	if skipNotFound(err) != nil {
		return out, err
	}
	out.Factor, out.Question = maybe(f.ConfirmedAt), q.Text
	return out, nil
}

func (r *subjectReport) sessions(list []Session) []reportSession {
	out := []reportSession{}
	for i := range list {
		x := &list[i]
		if !r.has(x.Org) {
			continue
		}
		row := reportSession{Organization: x.Org.String(), Operator: x.Operator.String(), CreatedAt: x.CreatedAt, SeenAt: x.SeenAt, EndedAt: maybe(x.EndedAt)}
		if x.Operator.IsZero() || x.Operator == r.id {
			row.Origin = reportOrigin(x.Origin)
		}
		out = append(out, row)
	}
	return out
}

func (r *subjectReport) keys(list []APIKey) []reportKey {
	out := []reportKey{}
	for i := range list {
		if x := &list[i]; r.has(x.Org) {
			out = append(out, reportKey{x.Org.String(), x.PublicID, x.CreatedAt, maybe(x.ExpiresAt), maybe(x.LastUsedAt)})
		}
	}
	return out
}

func (r *subjectReport) messages(list []Message) []reportMessage {
	out := []reportMessage{}
	for i := range list {
		if x := &list[i]; r.has(x.Org) {
			out = append(out, reportMessage{x.Kind, x.To, x.Values, x.CreatedAt, maybe(x.SentAt)})
		}
	}
	return out
}

func (r *subjectReport) jobs(list []Job) []reportJob {
	out := []reportJob{}
	for i := range list {
		if x := &list[i]; r.has(x.Org) {
			out = append(out, reportJob{x.Kind, x.CreatedAt, reportOrigin(x.Origin)})
		}
	}
	return out
}

func (r *subjectReport) invitations(list []Invitation) []reportInvitation {
	out := []reportInvitation{}
	for i := range list {
		if x := &list[i]; r.has(x.Org) {
			out = append(out, reportInvitation{x.Org.String(), x.Email, x.CreatedAt, string(x.Outcome)})
		}
	}
	return out
}

// audit writes the entries, and ends the object.
func (r *subjectReport) audit(ctx context.Context) error {
	if _, err := r.out.WriteString(",\n\"audit\":["); err != nil {
		return err
	}
	begin := "\n"
	id := r.id.String()
	for n, q := range []AuditQuery{{Target: id}, {Subject: r.id}, {Operator: r.id}} {
		if !r.whole {
			q.Org = r.org
		}
		q.Limit = MaxPageSize
		for {
			page, err := r.m.store.ListAudit(ctx, q)
			if err != nil {
				return err
			}
			for i := range page {
				e := &page[i]
				about := e.TargetKind == "user" && e.Target == id
				// Each entry comes with the first of the queries that finds it.
				if n == 0 && !about || n > 0 && about || n == 2 && e.Subject == r.id {
					continue
				}
				b, err := json.Marshal(r.entry(e, about))
				if err != nil {
					return err
				}
				if _, err := r.out.WriteString(begin + string(b)); err != nil {
					return err
				}
				begin = ",\n"
			}
			if len(page) < q.Limit {
				break
			}
			q.After = page[len(page)-1].ID
		}
	}
	_, err := r.out.WriteString("\n]}\n")
	return err
}

func (r *subjectReport) entry(e *AuditEntry, about bool) reportEntry {
	out := reportEntry{ID: e.ID.String(), At: e.At, Verb: e.Verb, Outcome: e.Outcome.String(), Door: e.Door.String(), Organization: e.Org.String(),
		Operator: e.Operator.String(), TargetKind: e.TargetKind, Target: e.Target, Fields: e.Fields}
	if about {
		out.Before, out.After, out.Reason = e.Detail.Before, e.Detail.After, e.Detail.Reason
	}
	if e.Operator == r.id && e.Detail.Origin != (Origin{}) {
		origin := reportOrigin(e.Detail.Origin)
		out.Origin = &origin
	}
	return out
}
