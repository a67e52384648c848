package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt"
)

const (
	auditColumns = `a.audit_id, a.operation_id, a.at, a.verb, a.outcome, a.door, a.operator_id, a.subject_id, a.org_id,
	a.target_kind, a.target, a.fields::text, a.digest, a.fold_key, a.count, a.last_at, a.detail::text, a.class`

	// What is added waits for its seal.
	sqlInsertAudit = `with e as (` + sqlOneAudit + `
	returning audit_id)
insert into usermgmt_audit_unsealed (audit_id) select audit_id from e`
	sqlFoldAudit = `with e as (` + sqlOneAudit + `
on conflict (fold_key) where fold_key is not null do update
set count = usermgmt_audit.count + excluded.count, last_at = excluded.last_at
	returning audit_id)
insert into usermgmt_audit_unsealed (audit_id) select audit_id from e on conflict (audit_id) do nothing`
	sqlOneAudit = `insert into usermgmt_audit (audit_id, operation_id, at, verb, outcome, door, operator_id, subject_id, org_id,
	target_kind, target, fields, digest, fold_key, count, last_at, detail, class)
values ($1::uuid, $2::uuid, $3::timestamptz, $4::text, $5::smallint, $6::smallint, $7::uuid, $8::uuid, $9::uuid,
	$10::text, $11::text, $12::jsonb, $13::bytea, $14::text, $15::bigint, $16::timestamptz, $17::jsonb, $18::smallint)`

	// Entries without a fold_key.
	sqlInsertAudits = `with i as (insert into usermgmt_audit (audit_id, operation_id, at, verb, outcome, door, operator_id, subject_id, org_id,
	target_kind, target, fields, digest, count, last_at, detail, class)
select e.audit_id, nullif(e.operation_id, '` + zeroUUID + `'), e.at, e.verb, e.outcome, e.door,
	nullif(e.operator_id, '` + zeroUUID + `'), nullif(e.subject_id, '` + zeroUUID + `'), nullif(e.org_id, '` + zeroUUID + `'),
	e.target_kind, e.target, nullif(e.fields, '')::jsonb, e.digest, e.count, e.last_at, nullif(e.detail, '')::jsonb, e.class
from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::smallint[], $6::smallint[], $7::uuid[], $8::uuid[],
	$9::uuid[], $10::text[], $11::text[], $12::text[], $13::bytea[], $14::bigint[], $15::timestamptz[], $16::text[], $17::smallint[])
	as e (audit_id, operation_id, at, verb, outcome, door, operator_id, subject_id, org_id,
	target_kind, target, fields, digest, count, last_at, detail, class)
	returning audit_id)
insert into usermgmt_audit_unsealed (audit_id) select audit_id from i`

	// auditBatch is how many entries a statement adds at most.
	auditBatch = 1000
)

// auditDetail is [usermgmt.AuditDetail] as it is stored.
type auditDetail struct {
	Salt      []byte            `json:"salt,omitempty"`
	Operator  string            `json:"operator,omitempty"`
	Subject   string            `json:"subject,omitempty"`
	Target    string            `json:"target,omitempty"`
	Address   string            `json:"address,omitempty"`
	UserAgent string            `json:"user_agent,omitempty"`
	RequestID string            `json:"request_id,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	Before    map[string]string `json:"before,omitempty"`
	After     map[string]string `json:"after,omitempty"`
}

const noDetail = `{}`

// storedDetail returns the document, or "" for a detail that is empty or erased.
func storedDetail(d *usermgmt.AuditDetail) string {
	doc := auditDetail{
		Operator: foreign(d.OperatorName), Subject: foreign(d.SubjectName), Target: foreign(d.TargetName),
		Address: foreign(d.Origin.Address), UserAgent: foreign(d.Origin.UserAgent), RequestID: foreign(d.Origin.RequestID),
		Reason: foreign(d.Reason), Before: foreignMap(d.Before), After: foreignMap(d.After),
	}
	if d.Salt != [16]byte{} {
		doc.Salt = d.Salt[:]
	}
	if text := document(doc); text != noDetail {
		return text
	}
	return ""
}

func (doc *auditDetail) detail() usermgmt.AuditDetail {
	d := usermgmt.AuditDetail{
		OperatorName: doc.Operator, SubjectName: doc.Subject, TargetName: doc.Target,
		Origin: usermgmt.Origin{Address: doc.Address, UserAgent: doc.UserAgent, RequestID: doc.RequestID},
		Reason: doc.Reason, Before: doc.Before, After: doc.After,
	}
	copy(d.Salt[:], doc.Salt)
	return d
}

// orNull makes an empty text NULL.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func auditArgs(e *usermgmt.AuditEntry) []any {
	return []any{
		key(e.ID), id(e.Operation), moment(e.At), foreign(e.Verb), int16(e.Outcome), int16(e.Door), id(e.Operator), id(e.Subject),
		id(e.Org), e.TargetKind, foreign(e.Target), list(len(e.Fields), e.Fields), e.Digest[:], orNull(foreign(e.FoldKey)),
		e.Count, moment(e.LastAt), orNull(storedDetail(&e.Detail)), int16(e.Class),
	}
}

// AppendAudit implements [usermgmt.Store].
func (s *Store) AppendAudit(ctx context.Context, entries ...usermgmt.AuditEntry) error {
	if len(entries) == 1 {
		return s.write(ctx, appendStep(&entries[0]))
	}
	var plain []usermgmt.AuditEntry
	var steps []step
	folds := map[string]*usermgmt.AuditEntry{}
	for i := range entries {
		e := entries[i]
		switch first := folds[e.FoldKey]; {
		case e.FoldKey == "":
			plain = append(plain, e)
		case first == nil:
			folds[e.FoldKey] = &e
		default:
			first.Count += e.Count
			first.LastAt = e.LastAt
		}
	}
	for batch := range slices.Chunk(plain, auditBatch) {
		steps = append(steps, step{sql: sqlInsertAudits, args: auditArrays(batch)})
	}
	for i := range entries {
		if e := folds[entries[i].FoldKey]; e != nil {
			steps = append(steps, appendStep(e))
			delete(folds, e.FoldKey)
		}
	}
	return s.write(ctx, steps...)
}

// appendStep adds an entry. Those that fold change a row that others change.
func appendStep(e *usermgmt.AuditEntry) step {
	if e.FoldKey == "" {
		return step{sql: sqlInsertAudit, args: auditArgs(e)}
	}
	return step{sql: sqlFoldAudit, args: auditArgs(e), hot: "audit " + e.FoldKey}
}

// auditArrays returns entries as the arguments of sqlInsertAudits.
func auditArrays(entries []usermgmt.AuditEntry) []any {
	n := len(entries)
	entry, operation := make([]usermgmt.AuditID, n), make([]usermgmt.OperationID, n)
	operator, subject, org := make([]usermgmt.UserID, n), make([]usermgmt.UserID, n), make([]usermgmt.OrgID, n)
	happened, last := make([]time.Time, n), make([]time.Time, n)
	verb, kind, target := make([]string, n), make([]string, n), make([]string, n)
	outcome, door, class, count := make([]int16, n), make([]int16, n), make([]int16, n), make([]int64, n)
	fields, detail, digest := make([]string, n), make([]string, n), make([][]byte, n)
	for i := range entries {
		e := &entries[i]
		entry[i], operation[i], operator[i], subject[i], org[i] = e.ID, e.Operation, e.Operator, e.Subject, e.Org
		happened[i], last[i] = e.At.UTC().Truncate(time.Microsecond), e.LastAt.UTC().Truncate(time.Microsecond)
		verb[i], kind[i], target[i] = foreign(e.Verb), e.TargetKind, foreign(e.Target)
		outcome[i], door[i], class[i], count[i] = int16(e.Outcome), int16(e.Door), int16(e.Class), e.Count
		if len(e.Fields) > 0 {
			fields[i] = document(e.Fields)
		}
		detail[i], digest[i] = storedDetail(&e.Detail), e.Digest[:]
	}
	return []any{
		ids(entry), ids(operation), happened, verb, outcome, door, ids(operator), ids(subject), ids(org), kind, target, fields,
		digest, count, last, detail, class,
	}
}

func scanAudit(r scanner, e *usermgmt.AuditEntry) error {
	var outcome, door, class int16
	var fold *string
	var detail auditDetail
	if err := r.Scan(toID(&e.ID), toID(&e.Operation), toTime(&e.At), &e.Verb, &outcome, &door, toID(&e.Operator),
		toID(&e.Subject), toID(&e.Org), &e.TargetKind, &e.Target, toJSON(&e.Fields), toHash(&e.Digest), &fold, &e.Count,
		toTime(&e.LastAt), toJSON(&detail), &class); err != nil {
		return err
	}
	e.Outcome, e.Door, e.Class, e.Detail = usermgmt.Outcome(outcome), usermgmt.Door(door), usermgmt.AuditClass(class), detail.detail()
	if fold != nil {
		e.FoldKey = *fold
	}
	return nil
}
