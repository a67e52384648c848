package usermgmthttp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmthttp"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

type site struct {
	*usermgmttest.Env
	edge *usermgmthttp.Edge
	h    http.Handler
}

func newSite(t *testing.T) *site {
	t.Helper()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	edge, err := usermgmthttp.New(e.Manager, nil)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("GET /me", edge.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, usermgmt.ActorFrom(r.Context()).Subject())
		if b, ok := usermgmthttp.BannerFor(r); ok {
			fmt.Fprintf(w, " by %s", b.Operator)
		}
	})))
	mux.HandleFunc("GET /open", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "open") })
	return &site{e, edge, edge.Authenticate(mux)}
}

func (s *site) get(path string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	return w
}

func TestCookieBearerAndKeyBringTheActor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann := s.AddUser("ann", nil)
	login := s.Login("ann")
	rec := httptest.NewRecorder()
	s.edge.SetSession(rec, login)
	cookie := rec.Result().Cookies()[0]
	assert.True(t, cookie.HttpOnly && cookie.Secure && cookie.SameSite == http.SameSiteLaxMode && cookie.Path == "/")
	key, err := s.APIKeys().Generate(t.Context(), s.As(ann.ID), usermgmt.KeyRequest{User: ann.ID})
	require.NoError(t, err)

	for name, change := range map[string]func(*http.Request){
		"cookie":         func(r *http.Request) { r.AddCookie(cookie) },
		"bearer session": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+login.Token.Reveal()) },
		"bearer key":     func(r *http.Request) { r.Header.Set("Authorization", "bearer "+key.Text.Reveal()) },
		"key header":     func(r *http.Request) { r.Header.Set("X-API-Key", key.Text.Reveal()) },
	} {
		w := s.get("/me", change)
		assert.Equal(t, http.StatusOK, w.Code, name)
		assert.Equal(t, ann.ID.String(), w.Body.String(), name)
	}
	assert.Equal(t, http.StatusUnauthorized, s.get("/me", nil).Code)
	assert.Equal(t, http.StatusOK, s.get("/open", nil).Code)
	assert.Equal(t, http.StatusUnauthorized, s.get("/me?key="+key.Text.Reveal(), nil).Code, "nothing is read from the URL")
}

func TestDeadSessionIsRefusedAndItsCookieCleared(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	rec := httptest.NewRecorder()
	s.edge.SetSession(rec, s.Login("root"))
	cookie := rec.Result().Cookies()[0]
	s.Clock.Advance(2 * time.Hour)
	w := s.get("/open", func(r *http.Request) { r.AddCookie(cookie) })
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	require.Len(t, w.Result().Cookies(), 1)
	assert.Empty(t, w.Result().Cookies()[0].Value)
}

func TestEveryProxiedRequestIsRecorded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann := s.AddUser("ann", nil)
	own := s.Login("root")
	in, err := s.Proxy().Login(t.Context(), own.Actor, usermgmt.ProxyRequest{Target: ann.ID, Acknowledged: true})
	require.NoError(t, err)
	w := s.get("/me", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+in.Token.Reveal()) })
	require.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, ann.ID.String()+" by "+s.Administrator.ID.String(), w.Body.String())
	entries, err := s.Audit().List(t.Context(), s.Root(), usermgmt.AuditQuery{Verb: "http.request"})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, "/me", entries[0].Target)
	assert.Equal(t, s.Administrator.ID, entries[0].Operator)
	assert.Equal(t, ann.ID, entries[0].Subject)
}

func TestErrorsBecomeStatusesWithoutInternals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want int
	}{
		{usermgmt.ErrUnauthenticated, 401}, {usermgmt.ErrCredentials, 401}, {usermgmt.ErrPermission, 403},
		{usermgmt.ErrNotFound, 404}, {usermgmt.ErrConflict, 409}, {usermgmt.ErrStale, 409}, {usermgmt.ErrLimit, 422},
		{usermgmt.ErrInvalid, 422}, {usermgmt.ErrOverloaded, 503}, {usermgmt.ErrTransient, 503},
		{usermgmt.ErrNotConfigured, 501}, {usermgmt.ErrOutcomeUnknown, 500}, {errors.New("password=hunter2"), 500},
	} {
		w := httptest.NewRecorder()
		usermgmthttp.WriteError(w, fmt.Errorf("x: %w", c.err))
		assert.Equal(t, c.want, w.Code, c.err)
		var p usermgmthttp.Problem
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
		assert.NotEmpty(t, p.Message)
		assert.NotContains(t, w.Body.String(), "hunter2")
	}
}

func TestConfigThatBrowsersRefuse(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	_, err := usermgmthttp.New(e.Manager, &usermgmthttp.Config{Insecure: true})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	_, err = usermgmthttp.New(e.Manager, &usermgmthttp.Config{Insecure: true, CookieName: "session"})
	require.NoError(t, err)
}

func TestAWithdrawnProxyLoginCanStillBeLeft(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	lead := s.AddUser("lead", func(n *usermgmt.NewUser) { n.Profile = s.Profile(usermgmt.ProfileTeamAdministrator) })
	ann := s.AddUser("ann", nil)
	in, err := s.Proxy().Login(t.Context(), s.Login("lead").Actor, usermgmt.ProxyRequest{Target: ann.ID, Acknowledged: true})
	require.NoError(t, err)
	rec := httptest.NewRecorder()
	s.edge.SetSession(rec, in)
	cookie := rec.Result().Cookies()[0]
	_, err = s.Proxy().SetGrants(t.Context(), s.Root(), lead.ID, 0, usermgmt.ProxyGrants{Restricted: true})
	require.NoError(t, err)
	w := s.get("/me", func(r *http.Request) { r.AddCookie(cookie) })
	require.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Empty(t, w.Result().Cookies(), "the cookie is the way back")
	r := httptest.NewRequest(http.MethodPost, "/switch-back", nil)
	r.AddCookie(cookie)
	w = httptest.NewRecorder()
	back, ok := s.edge.SwitchBack(w, r)
	require.True(t, ok)
	assert.Equal(t, lead.ID, back.Actor.Subject())
	assert.NotEmpty(t, w.Result().Cookies()[0].Value)
	w = httptest.NewRecorder()
	_, ok = s.edge.SwitchBack(w, r)
	assert.False(t, ok)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
}
