package equality_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// job is an export in the background, with its file once it is done.
type job struct {
	by, org, app            int
	narrow, fields          []string
	status                  usermgmt.JobStatus
	created, started, ended time.Time
	file                    []string
	gone                    bool // with the person who asked for it
}

// exportable are the fields that are drawn; no organization has marked the last two.
var exportable = []string{"username", "last_name", "title", "password", "no_such"}

const marked = 3

// mayExport decides on an export of the members of an organization.
func (m *model) mayExport(a *actor, org int) error {
	switch {
	case m.nothing(a, "user.export"):
		return usermgmt.ErrPermission
	case org != a.org && m.granted(a, "user.export")&usermgmt.ScopeSystem == 0:
		return usermgmt.ErrNotFound
	}
	return m.freshFor(a, "user.export")
}

// exported are the rows of an export.
func (m *model) exported(a *actor, org int, fields []string) (out []string) {
	var list []int
	for i, u := range m.users {
		if u.in[org] != nil && m.can(a, "user.export", m.personIn(i, org)) && m.sees(a, "user.view", m.personIn(i, org)) {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(i, j int) int {
		return strings.Compare(m.sortKey(i, usermgmt.SortName), m.sortKey(j, usermgmt.SortName))
	})
	out = []string{strings.Join(fields, "|")}
	for _, i := range list {
		u := m.users[i]
		var cells []string
		for _, f := range fields {
			cells = append(cells, map[string]string{"username": u.nameText(i), "last_name": u.last, "title": u.title}[f])
		}
		out = append(out, strings.Join(cells, "|"))
	}
	return out
}

// waiting reports whether an export of the user waits or runs.
func (m *model) waiting(user int) bool {
	return slices.ContainsFunc(m.jobs, func(j *job) bool { return j.by == user && !j.gone && j.status == usermgmt.JobQueued })
}

func (mc *machine) exportStart(org int, fields []string) *call {
	return &call{name: "exports.start", note: fmt.Sprintf(" of %s: %s", name("org", org), fields), verb: "export.start",
		expect: func(a *actor) (string, error) {
			m, org := mc.model, org
			if a.subject == none || a.door == usermgmt.DoorProxy {
				return "", usermgmt.ErrPermission
			}
			if org == none {
				org = a.org
			}
			if err := m.mayExport(a, org); err != nil {
				return "", err
			}
			if len(fields) == 0 || slices.ContainsFunc(fields, func(f string) bool { return !slices.Contains(exportable[:marked], f) }) {
				return "", usermgmt.ErrInvalid
			}
			m.on("job", "?", org)
			if m.waiting(a.subject) {
				return "", usermgmt.ErrConflict
			}
			j := &job{by: a.subject, org: org, app: a.app, fields: fields, status: usermgmt.JobQueued, created: m.now}
			if a.door == usermgmt.DoorAPIKey {
				j.narrow = m.keys[a.key].narrow
				if k := m.keyNow(a.key); k != none {
					j.narrow = m.keys[k].narrow
				}
			}
			m.jobs = append(m.jobs, j)
			m.on("job", name("job", len(m.jobs)-1), org)
			m.record(a, "export.start")
			return m.jobText(len(m.jobs) - 1), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			j, err := s.Exports().Start(ctx, a, usermgmt.ExportOptions{Org: at(s.orgs, org), Fields: fields})
			if err != nil {
				return "", err
			}
			add(s, "job", &s.jobs, j.ID)
			return s.jobText(j), nil
		}}
}

func (m *model) jobText(i int) string {
	j := m.jobs[i]
	return fmt.Sprintf("job%d by %s in %s for %s, %s for %d, %s, %d rows, made %s, begun %s, ended %s", i, name("user", j.by), name("org", j.org), name("app", j.app),
		strings.Join(j.fields, " "), len(j.narrow), j.status, max(0, len(j.file)-1), text(j.created), text(j.started), text(j.ended))
}

func (s *system) jobText(j *usermgmt.Job) string {
	return fmt.Sprintf("%s by %s in %s for %s, %s for %d, %s, %d rows, made %s, begun %s, ended %s", of(s, j.ID), of(s, j.By), of(s, j.Org), of(s, j.App),
		j.Params["fields"], len(j.Permissions), j.Status, j.Rows, text(j.CreatedAt), text(j.StartedAt), text(j.EndedAt))
}

// mine is the job with a number, if the actor asked for it here; nil otherwise.
func (m *model) mine(a *actor, i int) *job {
	if i >= len(m.jobs) {
		return nil
	}
	if j := m.jobs[i]; !j.gone && j.by == a.subject && j.org == a.org && a.door != usermgmt.DoorProxy {
		return j
	}
	return nil
}

func (mc *machine) exportJob(i int) *call {
	return &call{name: "exports.job", read: true,
		expect: func(a *actor) (string, error) {
			if mc.mine(a, i) == nil {
				return "", usermgmt.ErrNotFound
			}
			return mc.jobText(i), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			j, err := s.Exports().Job(ctx, a, at(s.jobs, i))
			if err != nil {
				return "", err
			}
			page, err := s.Exports().Jobs(ctx, a, usermgmt.ListQuery{Limit: 1000})
			if err != nil || !slices.ContainsFunc(page.Items, func(x usermgmt.Job) bool { return s.jobText(&x) == s.jobText(j) }) {
				return "", fmt.Errorf("%s is not listed: %w", s.jobText(j), err)
			}
			return s.jobText(j), nil
		}}
}

func (mc *machine) exportCancel(i int) *call {
	return &call{name: "exports.cancel", verb: "export.cancel",
		expect: func(a *actor) (string, error) {
			j := mc.mine(a, i)
			if j == nil {
				return "", usermgmt.ErrNotFound
			}
			mc.on("job", name("job", i), j.org)
			if j.status != usermgmt.JobQueued {
				return "", usermgmt.ErrConflict
			}
			j.status, j.ended = usermgmt.JobCancelled, mc.now
			mc.record(a, "export.cancel")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Exports().Cancel(ctx, a, at(s.jobs, i))
		}}
}

// exportOpen reads the whole file.
func (mc *machine) exportOpen(i int) *call {
	return &call{name: "exports.open", verb: "export.open",
		expect: func(a *actor) (string, error) {
			m := mc.model
			j := m.mine(a, i)
			if j == nil {
				return "", usermgmt.ErrNotFound
			}
			m.on("job", name("job", i), j.org)
			switch {
			case m.nothing(a, "user.export"):
				return "", usermgmt.ErrPermission
			case j.status != usermgmt.JobDone:
				return "", usermgmt.ErrConflict
			}
			if err := m.freshFor(a, "user.export"); err != nil {
				return "", err
			}
			m.record(a, "export.open")
			return strings.Join(j.file, "\n"), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			file, err := s.Exports().Open(ctx, a, at(s.jobs, i))
			if err != nil {
				return "", err
			}
			all, err := io.ReadAll(file)
			if err = errors.Join(err, file.Close()); err != nil {
				return "", err
			}
			rows, err := csv.NewReader(strings.NewReader(string(all))).ReadAll()
			var out []string
			for _, cells := range rows {
				for k, c := range cells {
					if strings.HasPrefix(c, "erased-") {
						cells[k] = s.plain(c)
					}
				}
				out = append(out, strings.Join(cells, "|"))
			}
			return strings.Join(out, "\n"), err
		}}
}

// runOnce does the background work: it sends mail, runs exports and ends
// invitations that have expired.
func (mc *machine) runOnce() *call {
	return &call{name: "run_once", open: true,
		expect: func(*actor) (string, error) {
			m := mc.model
			out, _ := m.sendMail()
			for i, j := range m.jobs {
				if j.status == usermgmt.JobQueued && !j.gone {
					m.runExport(i)
				}
			}
			var expired []int
			for n, i := range m.invitations {
				if i.outcome == "" && !m.now.Before(i.expires) {
					expired = append(expired, n)
				}
			}
			slices.SortStableFunc(expired, func(x, y int) int { return m.invitations[x].expires.Compare(m.invitations[y].expires) })
			for _, n := range expired {
				i := m.invitations[n]
				m.endInvitation(i, usermgmt.InvitationExpired, none)
				m.on("invitation", name("invitation", n), i.org)
				by := newActor()
				by.door = usermgmt.DoorSystem
				m.record(by, "invitation.expire")
			}
			return fmt.Sprint(out), nil
		},
		do: func(ctx context.Context, s *system, _ usermgmt.Actor) (string, error) {
			before := len(s.Mail.Sent())
			_, err := s.RunOnce(ctx)
			return fmt.Sprint(s.mailed(before)), err
		}}
}

// runExport runs an export with the rights that its user has now.
func (m *model) runExport(i int) {
	j := m.jobs[i]
	j.started, j.ended, j.status = m.now, m.now, usermgmt.JobFailed
	fail := func() {
		by := newActor()
		by.subject, by.operator = j.by, j.by
		m.on("job", name("job", i), j.org)
		m.record(by, "user.export").outcome = "refused"
	}
	a := m.verifyHost(j.by, j.org, j.app)
	if a == nil {
		fail()
		return
	}
	a.proved = m.now
	if len(j.narrow) > 0 {
		a.narrow = make([]scope, len(m.perms))
		for _, p := range j.narrow {
			a.narrow[m.number[p]] = ^scope(0)
		}
	}
	why := ""
	switch {
	case a.pending != 0:
		why = "unauthenticated: pending_password"
	case m.mayExport(a, j.org) != nil:
		why = "permission denied: user.export"
	}
	if why != "" {
		m.on("", "", none)
		m.record(a, "user.export").outcome = "refused"
		e := m.pending[len(m.pending)-1]
		e.fold = m.fold(e.verb, "refused", fmt.Sprint(e.operator, " ", e.subject), e.target, why)
		fail()
		return
	}
	j.status, j.file = usermgmt.JobDone, m.exported(a, j.org, j.fields)
	m.on("organization", name("org", j.org), j.org)
	m.record(a, "user.export").outcome = "attempted"
	m.record(a, "user.export")
}

// pickStarter draws somebody who has asked for an export; other if there is nobody.
func (mc *machine) pickStarter(other who) who {
	var list []who
	for _, j := range mc.jobs {
		w := who{door: usermgmt.DoorHost, user: j.by, org: j.org, app: none,
			proved: sample(mc, "proved", []time.Duration{0, 0, 0, time.Hour})}
		if !j.gone && mc.verifyModel(w) != nil {
			list = append(list, w)
		}
	}
	if len(list) == 0 {
		return other
	}
	return list[len(list)-1-mc.pick("starter", min(3, len(list)))]
}

// pickNarrow draws, now and then, the key of somebody who may export by it and is
// narrowed to that; other if there is none.
func (mc *machine) pickNarrow(other who) who {
	for i, k := range mc.keys {
		if k.alive && slices.Contains(k.narrow, "user.export") && mc.chance("by key", 25) {
			if a := mc.verifyKey(i); a != nil && !mc.nothing(a, "user.export") {
				return who{door: usermgmt.DoorAPIKey, key: i, user: none, org: none, app: none}
			}
		}
	}
	return other
}

func (mc *machine) drawJob(a *actor, fits func(j *job) bool) int {
	var own, fit []int
	for i, j := range mc.jobs {
		if j.by != a.subject || j.org != a.org {
			continue
		}
		if own = append(own, i); fits(j) {
			fit = append(fit, i)
		}
	}
	switch {
	case len(fit) > 0 && !mc.chance("another", 25):
		return mc.choose("job", fit)
	case len(own) > 0 && !mc.chance("anybody's", 30):
		return mc.choose("job", own)
	}
	return mc.any("job", len(mc.jobs)+1)
}

func (mc *machine) drawExport(a *actor) *call {
	var fields []string
	for range mc.weighted("fields", 4, 60, 36) {
		n := marked
		if mc.chance("any field", 8) {
			n = len(exportable)
		}
		fields = append(fields, exportable[mc.pick("field", n)])
	}
	return mc.exportStart(mc.orgOrOwn(a), append([]string{}, fields...))
}

// exporters may export.
func exporters(mc *machine, a *actor) bool {
	return a.door == usermgmt.DoorSession && !mc.nothing(a, "user.export")
}

// jobKinds are the calls of this file.
var jobKinds = []kind{
	{"exports.start", 14, false, func(mc *machine, a *actor) *call { return mc.drawExport(a) }, exporters},
	{"exports.job", 9, true, func(mc *machine, a *actor) *call { return mc.exportJob(mc.drawJob(a, func(*job) bool { return true })) }, nil},
	{"exports.cancel", 10, false, func(mc *machine, a *actor) *call {
		return mc.exportCancel(mc.drawJob(a, func(j *job) bool { return j.status == usermgmt.JobQueued }))
	}, nil},
	{"exports.open", 12, false, func(mc *machine, a *actor) *call {
		return mc.exportOpen(mc.drawJob(a, func(j *job) bool { return j.status == usermgmt.JobDone }))
	}, nil},
	{"run_once", 16, false, func(mc *machine, _ *actor) *call { return mc.runOnce() }, nil},
}

// jobLines are all jobs, as text by lines.
func (m *model) jobLines() (out []string) {
	for i, j := range m.jobs {
		if !j.gone {
			out = append(out, m.jobText(i))
		}
	}
	return out
}

func (mc *machine) foundJobs(s *system) (out []string) {
	for _, id := range s.users {
		list, err := s.Store.ListJobs(mc.ctx, id, usermgmt.ListQuery{Limit: 1000})
		if err != nil {
			mc.fail("reading the jobs of %s: %v", s.name, err)
		}
		for i := range list {
			out = append(out, s.jobText(&list[i]))
		}
	}
	return out
}

// jobFaults are those of a store that keeps jobs.
type jobFaults struct {
	addJob, endJob func(j *usermgmt.Job)
	jobByID        func(ctx context.Context, s usermgmt.Store, j *usermgmt.Job)
}

func (f faulty) JobByID(ctx context.Context, id usermgmt.JobID) (usermgmt.Job, error) {
	j, err := f.Store.JobByID(ctx, id)
	if err == nil && f.jobByID != nil {
		f.jobByID(ctx, f.Store, &j)
	}
	return j, err
}

func (f faulty) AddJob(ctx context.Context, j usermgmt.Job) error {
	if f.addJob != nil {
		f.addJob(&j)
	}
	return f.Store.AddJob(ctx, j)
}

func (f faulty) EndJob(ctx context.Context, j usermgmt.Job) (bool, error) {
	if f.endJob != nil {
		f.endJob(&j)
	}
	return f.Store.EndJob(ctx, j)
}
