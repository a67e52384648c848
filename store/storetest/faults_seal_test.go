package storetest

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func sealFaults() []fault {
	return []fault{
		{name: "seals what is still folding", caught: "AuditUnsealed", build: func(b base) usermgmt.Store { return neverSettles{b} }},
		{name: "lets a chain have gaps", caught: "AuditSealStale", build: func(b base) usermgmt.Store { return sealsAnyhow{b, true} }},
		{name: "does not compare counts", caught: "AuditSealStale", build: func(b base) usermgmt.Store { return sealsAnyhow{b, false} }},
		{name: "lists seals from the one that was seen", caught: "AuditSeal", build: func(b base) usermgmt.Store { return repeatsSeals{b} }},
		{name: "prunes what is not sealed, by sealing it", caught: "AuditPrune", build: func(b base) usermgmt.Store { return prunesUnsealed{b} }},
		{name: "erases the details of the whole log", caught: "AuditErase", build: func(b base) usermgmt.Store { return erasesTargets{b} }},
	}
}

type neverSettles struct{ base }

func (s neverSettles) UnsealedAudit(ctx context.Context, settled time.Time, limit int) ([]usermgmt.AuditEntry, error) {
	return s.Store.UnsealedAudit(ctx, settled.Add(time.Hour), limit)
}

// sealsAnyhow takes wrong numbers, or wrong counts, for right ones.
type sealsAnyhow struct {
	base
	numbers bool
}

func (s sealsAnyhow) SealAudit(ctx context.Context, seals ...usermgmt.Seal) error {
	fixed := append([]usermgmt.Seal(nil), seals...)
	for i := range fixed {
		if s.numbers {
			last, err := s.LastSeal(ctx, fixed[i].Org)
			if err == nil || i == 0 {
				fixed[i].Number = last.Number + 1 + int64(i)
			}
			continue
		}
		open, err := s.UnsealedAudit(ctx, usermgmt.Forever, everything)
		if err != nil {
			return err
		}
		for _, e := range open {
			if e.ID == fixed[i].Entry {
				fixed[i].Count = e.Count
			}
		}
	}
	return s.Store.SealAudit(ctx, fixed...)
}

type repeatsSeals struct{ base }

func (s repeatsSeals) ListSealed(ctx context.Context, org usermgmt.OrgID, after int64, limit int) ([]usermgmt.SealedEntry, error) {
	return s.Store.ListSealed(ctx, org, max(after-1, 0), limit)
}

type prunesUnsealed struct{ base }

func (s prunesUnsealed) PruneAudit(ctx context.Context, class usermgmt.AuditClass, t time.Time, limit int) (map[usermgmt.OrgID]int, error) {
	open, err := s.UnsealedAudit(ctx, usermgmt.Forever, everything)
	if err != nil {
		return nil, err
	}
	for _, e := range open {
		last, _ := s.LastSeal(ctx, e.Org)
		if err := s.SealAudit(ctx, newSeal(&e, last.Number+1)); err != nil {
			return nil, err
		}
	}
	return s.Store.PruneAudit(ctx, class, t, limit)
}

type erasesTargets struct{ base }

func (s erasesTargets) EraseAudit(ctx context.Context, user usermgmt.UserID) (int, error) {
	n, err := s.Store.EraseAudit(ctx, user)
	if err != nil {
		return 0, err
	}
	all, err := s.ListAudit(ctx, usermgmt.AuditQuery{Limit: everything})
	for _, e := range all {
		if e.TargetKind == "user" && n > 0 {
			if id, perr := usermgmt.ParseID[usermgmt.User](e.Target); perr == nil {
				if _, err := s.Store.EraseAudit(ctx, id); err != nil {
					return 0, err
				}
			}
		}
	}
	return n, err
}
