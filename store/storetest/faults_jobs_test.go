package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/usermgmt/usermgmt"
)

// jobFaults are faults of settings, floating seats and jobs.
func jobFaults() []fault {
	return []fault{
		{name: "stores the settings that it is given", caught: "MemberSettings", build: func(b base) usermgmt.Store { return trustsSettings{b} }},
		{name: "replaces all settings", caught: "Settings", build: func(b base) usermgmt.Store { return replacesSettings{b} }},
		{name: "makes a membership stale by a setting", caught: "MemberSettings", build: func(b base) usermgmt.Store { return staleSettings{b} }},
		{name: "refuses no floating seat", caught: "PoolFloating", build: func(b base) usermgmt.Store { return seatsAll{b} }},
		{name: "forgets the overdraft", caught: "PoolOverdraft", build: func(b base) usermgmt.Store { return noOverdraft{b} }},
		{name: "checks a floating seat, then takes it", caught: "RaceForTheLastFloatingSeat", build: func(b base) usermgmt.Store { return slowFloating{b} }},
		{name: "reads settings, then writes them", caught: "RaceOfSettings", build: func(b base) usermgmt.Store { return slowSettings{b} }},
		{name: "lets everybody end a job", caught: "RaceForJobs", build: func(b base) usermgmt.Store { return endsJobs{b} }},
		{name: "lets a late process end a job", caught: "JobClaim", build: func(b base) usermgmt.Store { return lateEnds{b} }},
		{name: "claims a job too early", caught: "JobClaim", build: func(b base) usermgmt.Store { return earlyClaims{b} }},
		{name: "runs two jobs at a time", caught: "JobOneAtATime", build: func(b base) usermgmt.Store { return manyJobs{b} }},
	}
}

type trustsSettings struct{ base }

func (s trustsSettings) SaveMembership(ctx context.Context, m usermgmt.Membership) error {
	if err := s.Store.SaveMembership(ctx, m); err != nil || m.Version == 0 {
		return err
	}
	return s.Store.PutMemberSettings(ctx, m.User, m.Org, m.Settings, nil)
}

type replacesSettings struct{ base }

func (s replacesSettings) PutSettings(ctx context.Context, org usermgmt.OrgID, set settings, unset []string) error {
	old, err := s.Store.SettingsOf(ctx, org)
	if err != nil {
		return err
	}
	for k := range old.Org {
		if _, again := set[k]; !again {
			unset = append(unset, k)
		}
	}
	return s.Store.PutSettings(ctx, org, set, unset)
}

type staleSettings struct{ base }

func (s staleSettings) PutMemberSettings(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, set settings, unset []string) error {
	m, err := s.Store.MembershipOf(ctx, user, org)
	if err == nil {
		err = s.Store.SaveMembership(ctx, m)
	}
	if err != nil {
		return err
	}
	return s.Store.PutMemberSettings(ctx, user, org, set, unset)
}

type seatsAll struct{ base }

func (s seatsAll) SetPool(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, terms usermgmt.PoolTerms) error {
	if terms.Floating {
		terms.Size = -1
	}
	return s.Store.SetPool(ctx, org, t, terms)
}

type noOverdraft struct{ base }

func (s noOverdraft) SetPool(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, terms usermgmt.PoolTerms) error {
	terms.Overdraft = 0
	return s.Store.SetPool(ctx, org, t, terms)
}

type slowFloating struct{ base }

func (s slowFloating) CreateSession(ctx context.Context, in usermgmt.Session) error {
	if s.bound || in.Licence != "flex" {
		return s.Store.CreateSession(ctx, in)
	}
	n, err := s.Store.FloatingSeats(ctx, in.Org, in.CreatedAt)
	if err != nil {
		return err
	}
	if n["flex"] >= 5 {
		return &usermgmt.Error{Kind: usermgmt.ErrLimit, Field: "licence"}
	}
	pause()
	if err := s.Store.SetPool(ctx, in.Org, "flex", usermgmt.PoolTerms{Size: -1, Floating: true}); err != nil {
		return err
	}
	return s.Store.CreateSession(ctx, in)
}

type slowSettings struct{ base }

func (s slowSettings) PutMemberSettings(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, set settings, unset []string) error {
	m, err := s.Store.MembershipOf(ctx, user, org)
	if err != nil {
		return err
	}
	pause()
	now, err := s.Store.MembershipOf(ctx, user, org)
	if err != nil {
		return err
	}
	for k := range now.Settings {
		if _, known := m.Settings[k]; !known {
			unset = append(unset, k)
		}
	}
	return s.Store.PutMemberSettings(ctx, user, org, set, unset)
}

type endsJobs struct{ base }

func (s endsJobs) EndJob(ctx context.Context, j usermgmt.Job) (bool, error) {
	_, err := s.Store.EndJob(ctx, j)
	return err == nil, err
}

type lateEnds struct{ base }

func (s lateEnds) EndJob(ctx context.Context, j usermgmt.Job) (bool, error) {
	now, err := s.Store.JobByID(ctx, j.ID)
	if errors.Is(err, usermgmt.ErrNotFound) {
		return false, nil
	}
	j.Tries = now.Tries
	ended, endErr := s.Store.EndJob(ctx, j)
	return ended, errors.Join(err, endErr)
}

type earlyClaims struct{ base }

func (s earlyClaims) ClaimJob(ctx context.Context, now, until time.Time) (usermgmt.Job, error) {
	return s.Store.ClaimJob(ctx, now.Add(time.Microsecond), until)
}

type manyJobs struct{ base }

func (s manyJobs) AddJob(ctx context.Context, j usermgmt.Job) error {
	if j.Status == usermgmt.JobQueued {
		j.Status = usermgmt.JobCancelled
	}
	return s.Store.AddJob(ctx, j)
}
