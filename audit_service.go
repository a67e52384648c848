package usermgmt

import (
	"context"
	"iter"
	"regexp"
)

// AuditLog reads and writes the audit log. [Manager.Audit] returns it.
type AuditLog struct{ m *Manager }

// Audit returns the service that reads and writes the audit log.
func (m *Manager) Audit() *AuditLog { return &AuditLog{m} }

// List returns a page of the entries that the actor may see, newest first:
// those whose operator or subject lies within the scope of [PermAuditView]. The
// licence type of a seat is shown in the provider organization only.
// q.Org defaults to the actor's organization and must be it; for actors of scope
// System it may be any, and by default is all. q.Visible is set by List. q.Limit defaults to
// [DefaultPageSize]; the next page begins with q.After set to the last ID.
//
// Errors: [ErrPermission] without [PermAuditView]; [ErrNotFound] for another
// organization; [ErrLimit].
func (l *AuditLog) List(ctx context.Context, a Actor, q AuditQuery) ([]AuditEntry, error) {
	const op = "Audit.List"
	v, err := l.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	f := v.filter(PermAuditView)
	if q.Org.IsZero() && !f.System {
		q.Org = v.org
	}
	switch {
	case f.Nothing():
		return nil, withOp(op, &Error{Kind: ErrPermission, Permission: PermAuditView})
	case q.Org != v.org && !f.System:
		return nil, withOp(op, &Error{Kind: ErrNotFound})
	}
	q.Visible = &f
	if err := pageLimit(&q.Limit); err != nil {
		return nil, withOp(op, err)
	}
	entries, err := l.m.store.ListAudit(ctx, q)
	for i := range entries {
		v.present(&entries[i])
	}
	return entries, withOp(op, err)
}

// present hides what the actor may not know in an entry: which licence somebody's
// seat is of.
func (v *actorValue) present(e *AuditEntry) {
	if e.TargetKind != "user" || v.seesLicence() {
		return
	}
	delete(e.Detail.Before, "licence")
	delete(e.Detail.After, "licence")
}

// Stream yields what List would return page by page, newest first, with flat
// memory. After an error it yields nothing more.
func (l *AuditLog) Stream(ctx context.Context, a Actor, q AuditQuery) iter.Seq2[AuditEntry, error] {
	return func(yield func(AuditEntry, error) bool) {
		q.Limit = MaxPageSize
		for {
			page, err := l.List(ctx, a, q)
			if err != nil {
				yield(AuditEntry{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if len(page) < q.Limit {
				return
			}
			q.After = page[len(page)-1].ID
		}
	}
}

const verbAuditRecord = "audit.record" // of a refused one; otherwise the verb is the host's

var verbForm = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$`)

// HostEvent is something that the host did and wants in the log.
type HostEvent struct {
	// Verb is two or more words of a-z, 0-9 and _ with dots between, such as
	// "lead.convert". Verbs of this package are refused.
	Verb string
	// TargetKind, Target and TargetName name the host's record.
	TargetKind, Target, TargetName string
	// Before and After are fields in text form. No secrets.
	Before, After map[string]string
}

// Record writes an entry about an action of the host, with the actor's names and
// origin. On a manager bound to the host's transaction it commits with it.
//
// Every actor may record what it does. Errors: [ErrInvalid].
func (l *AuditLog) Record(ctx context.Context, a Actor, e HostEvent) error {
	const op = "Audit.Record"
	return l.m.change(ctx, a, op, verbAuditRecord, func(_ context.Context, w *work) error {
		var p problems
		if len(e.Verb) > 128 || !verbForm.MatchString(e.Verb) {
			p.add("verb", "format", "want words of a-z, 0-9 and _ with dots between")
		}
		if ownVerbs[e.Verb] {
			p.add("verb", "reserved", "is a verb of this package")
		}
		p.text("target_name", e.TargetName, maxText, false)
		p.text("target", e.Target, maxText, false)
		p.text("target_kind", e.TargetKind, 64, false)
		if err := p.err(); err != nil {
			return err
		}
		w.kind, w.target, w.name, w.org = e.TargetKind, e.Target, e.TargetName, w.v.org
		w.recordAs(e.Verb, e.Before, e.After)
		w.entries[len(w.entries)-1].Class = AuditHost
		return nil
	})
}

// ownVerbs are the verbs that this package records.
var ownVerbs = func() map[string]bool {
	out := map[string]bool{}
	for _, v := range AuditVerbs() {
		out[v] = true
	}
	return out
}()

// AuditVerbs returns every verb that this package records, sorted.
func AuditVerbs() []string {
	return []string{
		verbDeleteKey, verbKeyGenerate, verbLeakedKey, verbRotateKey, verbAppCreate, verbAppDelete, verbAccessGrant, verbAccessRevoke, verbAppUpdate,
		verbAuditPrune, verbAuditRecord, verbEnter, verbProveFactor, verbLocked, verbLogin, verbLogout, verbAnswerQuestion, verbStepUp, verbTakeRole, verbNameDeputy, verbWithdrawDeputy, verbExportCancel, verbExportOpen,
		verbExportStart, verbConfirmFactor, verbEnrollFactor, verbRemoveFactor, verbRenewCodes, verbResetFactor, verbSendCode,
		verbFieldCreate, verbFieldDelete, verbFieldUpdate, verbGroupCreate, verbGroupDelete,
		verbGroupUpdate, verbInviteAccept, verbInviteExpire, verbInviteAgain, verbInviteRevoke, verbInvite, verbLicence,
		verbMemberAdd, verbMemberEnd, verbMemberUpdate, verbAbandoned, verbOrgCreate, verbOrgEnable, verbOrgUpdate,
		verbChangePassword, verbExpirePassword, verbForgotPassword, verbRedeem, verbResetPassword, verbSetPassword, verbProfileCreate,
		verbProfileDelete, verbProfileUpdate, verbProxyGrants, verbProxyLogin, verbProxyRefused, verbSwitchBack, verbChooseQuestion, verbRoleCreate,
		verbRoleDelete, verbRoleUpdate, verbEndSession, verbSettings, verbSharingCreate, verbSharingDelete, verbSharingUpdate, verbBreakGlassIn, verbGrantSupport, verbSupportLogin, verbRevokeSupport, verbBootstrap, verbBreakGlass, verbTeamCreate,
		verbTeamDelete, verbTeamUpdate, verbUnitCreate, verbUnitDelete, verbUnitUpdate, verbUserAssign, verbUserAvatar,
		verbUserCreate, verbUserDeactivate, verbUserDisable, verbUserEmail, verbUserEmailRequest, verbUserEnable, verbUserErase, verbExport,
		verbImport, verbUserInvite, verbUserReactivate, verbUserReport, verbUserUnlock,
		verbUserUpdate, verbUserVerify,
	}
}
