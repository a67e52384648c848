package main

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what authenticators use, RFC 6238
	"encoding/base32"
	"encoding/binary"
	"fmt"

	"github.com/usermgmt/usermgmt"
)

func (s *story) invite() error {
	s.title("The first day")
	root, err := s.root()
	if err != nil {
		return err
	}
	regular, err := s.m.Profiles().Shipped(s.ctx, root, usermgmt.ProfileRegularUser)
	if err != nil {
		return err
	}
	sales, err := s.m.Roles().Create(s.ctx, root, usermgmt.NewRole{Org: root.Org(), Name: "Sales"})
	if err != nil {
		return err
	}
	s.ann, err = s.m.Users().Create(s.ctx, root, usermgmt.NewUser{
		Username: "ann", Email: "ann@acme.example", FirstName: "Ann", LastName: "Arbor", OwnerUnit: s.first.MainUnit.ID,
		Invite: true,
		NewMembership: usermgmt.NewMembership{Profile: regular.ID, PrimaryTeam: s.first.RootTeam.ID,
			Roles: []usermgmt.RoleAssignment{{Role: sales.ID}}, Custom: map[string]string{"desk": "B-117"}},
	})
	if err != nil {
		return err
	}
	if err := s.work(); err != nil {
		return err
	}
	s.say("Ann follows the link and chooses a password.")
	if err := s.m.Passwords().Redeem(s.ctx, usermgmt.Redemption{Token: s.box.secret, New: firstOwn}); err != nil {
		return err
	}
	err = s.m.Passwords().Redeem(s.ctx, usermgmt.Redemption{Token: s.box.secret, New: secondOwn})
	return s.refused("the same link again", err)
}

// refused prints an error that was expected; a missing one is a failure.
func (s *story) refused(what string, err error) error {
	if err == nil {
		return fmt.Errorf("%s should have been refused", what)
	}
	s.say("refused: %s: %v", what, err)
	return nil
}

func (s *story) factor() error {
	s.title("A second factor")
	login, err := s.m.Auth().Login(s.ctx, usermgmt.LoginRequest{Name: "ann@acme.example", Password: firstOwn})
	if err != nil {
		return err
	}
	enrolment, err := s.m.Factors().Enroll(s.ctx, login.Actor)
	if err != nil {
		return err
	}
	s.seed = enrolment.Seed.Reveal()
	code, err := s.code(0)
	if err != nil {
		return err
	}
	done, err := s.m.Factors().Confirm(s.ctx, login.Actor, code)
	if err != nil {
		return err
	}
	s.say("Ann's authenticator is set up, with %d recovery codes for the drawer.", len(done.RecoveryCodes))
	login, err = s.m.Auth().Login(s.ctx, usermgmt.LoginRequest{Name: "ann", Password: firstOwn})
	if err != nil {
		return err
	}
	s.say("The next login waits for: %s.", login.Pending)
	_, err = s.m.Users().Get(s.ctx, login.Actor, s.ann.ID)
	if err := s.refused("reading anything before", err); err != nil {
		return err
	}
	_, err = s.m.Factors().Prove(s.ctx, login.Actor, code)
	if err := s.refused("the code that was used already", err); err != nil {
		return err
	}
	if login, err = s.m.Factors().Prove(s.ctx, login.Actor, done.RecoveryCodes[0].Reveal()); err != nil {
		return err
	}
	s.say("A recovery code lets her in. Her desk is %s.", s.ann.Custom["desk"])
	if err := s.m.Settings().Change(s.ctx, login.Actor, usermgmt.SettingsOf{User: s.ann.ID},
		usermgmt.SettingChange{Key: usermgmt.SettingDateFormat, Value: "dd.MM.yyyy"}); err != nil {
		return err
	}
	formats, err := s.m.Settings().Formats(s.ctx, login.Actor)
	if err != nil {
		return err
	}
	s.say("She reads dates like %s now.", formats.Date(usermgmt.Date{Year: 2026, Month: 6, Day: 1}))
	return s.work()
}

// code is what Ann's authenticator shows, some steps from now (RFC 6238).
func (s *story) code(steps int64) (string, error) {
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s.seed)
	if err != nil {
		return "", err
	}
	sum := hmac.New(sha1.New, seed)
	if err := binary.Write(sum, binary.BigEndian, s.now().Unix()/30+steps); err != nil {
		return "", err
	}
	h := sum.Sum(nil)
	at := h[len(h)-1] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(h[at:])&0x7fffffff)%1_000_000), nil
}

func (s *story) forget() error {
	s.title("A forgotten password")
	for _, name := range []string{"ann", "nobody"} {
		if err := s.m.Passwords().Forgot(s.ctx, name, usermgmt.Origin{}); err != nil {
			return err
		}
	}
	s.say("Asking for %q and for %q is answered alike; one mail goes out.", "ann", "nobody")
	if err := s.work(); err != nil {
		return err
	}
	if err := s.m.Passwords().Redeem(s.ctx, usermgmt.Redemption{Token: s.box.secret, New: secondOwn}); err != nil {
		return err
	}
	login, err := s.m.Auth().Login(s.ctx, usermgmt.LoginRequest{Name: "ann", Password: secondOwn})
	if err != nil {
		return err
	}
	s.say("The new password works, and still waits for: %s.", login.Pending)
	return s.work()
}

func (s *story) leave() error {
	s.title("The last day")
	root, err := s.root()
	if err != nil {
		return err
	}
	if err := s.m.Users().Deactivate(s.ctx, root, s.ann.ID, usermgmt.DeactivateOptions{LeaveTeams: true}); err != nil {
		return err
	}
	_, err = s.m.Auth().Login(s.ctx, usermgmt.LoginRequest{Name: "ann", Password: secondOwn})
	if err := s.refused("Ann's login", err); err != nil {
		return err
	}
	if err := s.m.Users().Erase(s.ctx, root, s.ann.ID); err != nil {
		return err
	}
	gone, err := s.m.Users().Get(s.ctx, root, s.ann.ID)
	if err != nil {
		return err
	}
	s.say("Erased. The record is %q, and the name %q is free again.", gone.DisplayName(), "ann")
	return s.work()
}

func (s *story) verify() error {
	s.title("The audit log")
	root, err := s.root()
	if err != nil {
		return err
	}
	v, err := s.m.Audit().Verify(s.ctx, root, usermgmt.OrgID{})
	if err != nil {
		return err
	}
	if v.ProblemCount > 0 {
		return fmt.Errorf("the log has %d problems", v.ProblemCount)
	}
	s.say("%d sealed entries in one chain without a fault, %d of them erased; the head to keep elsewhere is number %d.",
		v.Sealed, v.Erased, v.Head.Number)
	return nil
}
