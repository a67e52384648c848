// Package usermgmthttp joins a [usermgmt.Manager] to net/http: credentials come
// in by cookie or header, the [usermgmt.Actor] goes into the request's context,
// errors become statuses. Routes, forms and pages are the host's.
//
//	edge, err := usermgmthttp.New(manager, nil)
//	…
//	mux.Handle("GET /users", edge.Require(listUsers))
//	http.ListenAndServe(addr, http.NewCrossOriginProtection().Handler(edge.Authenticate(mux)))
//
// Session cookies are sent by browsers on requests that other sites cause;
// [net/http.CrossOriginProtection] refuses those that change something.
package usermgmthttp

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// Config configures an [Edge]. Nil and the zero Config are fine.
type Config struct {
	// CookieName is the name of the session cookie. Defaults to
	// "__Host-usermgmt", which browsers accept over TLS only, for the exact
	// host and the path "/".
	CookieName string
	// Insecure leaves the Secure attribute away, for development without TLS.
	// It needs a CookieName that does not begin with "__Host-" or "__Secure-".
	Insecure bool
	// KeyHeader is the header that carries an API key, besides
	// "Authorization: Bearer". Defaults to "X-API-Key".
	KeyHeader string
	// Origin says where a request came from. Defaults to the address of the
	// connection: headers that proxies set are the host's to trust.
	Origin func(*http.Request) usermgmt.Origin
}

// Edge is the middleware.
type Edge struct {
	manager *usermgmt.Manager
	cfg     Config
}

// New returns an Edge. It returns [usermgmt.ErrInvalid] for a Config that
// browsers would not accept.
func New(m *usermgmt.Manager, cfg *Config) (*Edge, error) {
	e := &Edge{manager: m}
	if cfg != nil {
		e.cfg = *cfg
	}
	if e.cfg.CookieName == "" {
		e.cfg.CookieName = "__Host-usermgmt"
	}
	if e.cfg.KeyHeader == "" {
		e.cfg.KeyHeader = "X-API-Key"
	}
	if e.cfg.Origin == nil {
		e.cfg.Origin = connectionOrigin
	}
	prefixed := strings.HasPrefix(e.cfg.CookieName, "__Host-") || strings.HasPrefix(e.cfg.CookieName, "__Secure-")
	if e.cfg.Insecure && prefixed {
		return nil, &usermgmt.Error{Op: "usermgmthttp.New", Kind: usermgmt.ErrInvalid, Field: "cookie_name", Rule: "prefix",
			Detail: "browsers refuse this name without the Secure attribute"}
	}
	return e, nil
}

func connectionOrigin(r *http.Request) usermgmt.Origin {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return usermgmt.Origin{Address: host, UserAgent: r.UserAgent()}
}

// Authenticate verifies the credential of each request, if it has one, and puts
// the actor into the context, where [usermgmt.ActorFrom] finds it. A request
// without a credential goes on with the zero Actor; one with a credential that
// no longer counts is answered with 401, and its cookie is cleared, unless it is
// a proxy login that can still be left. Mount what must work with a dead
// credential, the login itself and switching back, outside of Authenticate.
//
// An "Authorization: Bearer" header wins over the key header, and that over the
// cookie. A bearer may be an API key or a session token. Nothing is read from
// the URL.
//
// During a proxy login every request is recorded as "http.request" in the audit
// log before it is handled, reads too, with method and path; if that fails, it
// is answered with an error.
func (e *Edge) Authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		actor, fromCookie, err := e.actor(r)
		if err == nil && actor.Proxied() {
			err = e.manager.Audit().Record(r.Context(), actor, usermgmt.HostEvent{
				Verb: "http.request", TargetKind: "url", Target: shortened(r.URL.Path), After: map[string]string{"method": r.Method}})
		}
		if err != nil {
			if fromCookie && errors.Is(err, usermgmt.ErrUnauthenticated) && !leavable(err) {
				e.ClearSession(w)
			}
			WriteError(w, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(usermgmt.ContextWithActor(r.Context(), actor)))
	})
}

// leavable reports whether the session is a proxy login that is refused but can
// still be left by switching back.
func leavable(err error) bool {
	var rule string
	for e := (*usermgmt.Error)(nil); errors.As(err, &e); err = e.Err {
		rule = e.Rule
	}
	switch rule {
	case "proxy_withdrawn", "target_stronger":
		return true
	}
	return false
}

// shortened keeps a path within the limit of an audit entry's target.
func shortened(path string) string {
	const limit = 200
	path = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(path, "?"))
	if runes := []rune(path); len(runes) > limit {
		return string(runes[:limit])
	}
	return path
}

func (e *Edge) actor(r *http.Request) (a usermgmt.Actor, fromCookie bool, err error) {
	origin := e.cfg.Origin(r)
	if scheme, bearer, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		if strings.HasPrefix(bearer, "ums_") {
			a, err = e.manager.Auth().Session(r.Context(), bearer, origin)
		} else {
			a, err = e.manager.Auth().APIKey(r.Context(), bearer, origin)
		}
		return a, false, err
	}
	if key := r.Header.Get(e.cfg.KeyHeader); key != "" {
		a, err = e.manager.Auth().APIKey(r.Context(), key, origin)
		return a, false, err
	}
	if c, cerr := r.Cookie(e.cfg.CookieName); cerr == nil && c.Value != "" {
		a, err = e.manager.Auth().Session(r.Context(), c.Value, origin)
		return a, true, err
	}
	return usermgmt.Actor{}, false, nil
}

// Require answers requests of nobody with 401, and those of somebody whose login
// is not complete with 403; see [usermgmt.Step]. Where the steps are done, do not
// require.
func (e *Edge) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch a := usermgmt.ActorFrom(r.Context()); {
		case a.IsZero():
			WriteError(w, &usermgmt.Error{Kind: usermgmt.ErrUnauthenticated, Rule: "no_actor"})
		case a.Pending() != 0:
			WriteError(w, &usermgmt.Error{Kind: usermgmt.ErrPermission, Rule: "pending_" + a.Pending().Next().String()})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// SetSession gives the browser the session of a login, a switch, or a proxy
// login: HttpOnly, SameSite=Lax, Path=/, until the session's absolute limit.
func (e *Edge) SetSession(w http.ResponseWriter, r *usermgmt.LoginResult) {
	e.cookie(w, r.Token.Reveal(), r.Session.ExpiresAt)
}

// ClearSession makes the browser forget the session.
func (e *Edge) ClearSession(w http.ResponseWriter) { e.cookie(w, "", time.Unix(1, 0)) }

func (e *Edge) cookie(w http.ResponseWriter, value string, expires time.Time) {
	http.SetCookie(w, &http.Cookie{Name: e.cfg.CookieName, Value: value, Path: "/", Expires: expires.UTC(),
		HttpOnly: true, Secure: !e.cfg.Insecure, SameSite: http.SameSiteLaxMode})
	w.Header().Add("Cache-Control", "no-store")
}

// SessionToken returns the token in the request's cookie, as
// [usermgmt.Proxy.SwitchBack] needs it; "" if there is none.
func (e *Edge) SessionToken(r *http.Request) string {
	c, err := r.Cookie(e.cfg.CookieName)
	if err != nil {
		return ""
	}
	return c.Value
}

// SwitchBack ends the proxy login in the request's cookie and gives the browser
// the operator's own session back. Mount it outside of [Edge.Authenticate]. It
// answers errors itself and reports whether it succeeded.
func (e *Edge) SwitchBack(w http.ResponseWriter, r *http.Request) (*usermgmt.LoginResult, bool) {
	result, err := e.manager.Proxy().SwitchBack(r.Context(), e.SessionToken(r), e.OriginOf(r))
	if err != nil {
		if errors.Is(err, usermgmt.ErrUnauthenticated) {
			e.ClearSession(w)
		}
		WriteError(w, err)
		return nil, false
	}
	e.SetSession(w, result)
	return result, true
}

// OriginOf says where a request comes from, as [Config.Origin] does: for
// [usermgmt.LoginRequest] and its like.
func (e *Edge) OriginOf(r *http.Request) usermgmt.Origin { return e.cfg.Origin(r) }

// Banner is what a page shows while somebody acts as somebody else.
type Banner struct{ Operator, Subject usermgmt.UserID }

// BannerFor returns the banner of a proxied request.
func BannerFor(r *http.Request) (Banner, bool) {
	a := usermgmt.ActorFrom(r.Context())
	return Banner{a.Operator(), a.Subject()}, a.Proxied()
}

// Status is the HTTP status for an error of package usermgmt; 500 for any other.
func Status(err error) int {
	for _, s := range [...]struct {
		kind   error
		status int
	}{
		{usermgmt.ErrUnauthenticated, http.StatusUnauthorized},
		{usermgmt.ErrCredentials, http.StatusUnauthorized},
		{usermgmt.ErrPermission, http.StatusForbidden},
		{usermgmt.ErrNotFound, http.StatusNotFound},
		{usermgmt.ErrStale, http.StatusConflict},
		{usermgmt.ErrConflict, http.StatusConflict},
		{usermgmt.ErrLimit, http.StatusUnprocessableEntity},
		{usermgmt.ErrInvalid, http.StatusUnprocessableEntity},
		{usermgmt.ErrOverloaded, http.StatusServiceUnavailable},
		{usermgmt.ErrTransient, http.StatusServiceUnavailable},
		{usermgmt.ErrNotConfigured, http.StatusNotImplemented},
	} {
		if errors.Is(err, s.kind) {
			return s.status
		}
	}
	return http.StatusInternalServerError
}

// Problem is the JSON body that [WriteError] writes.
type Problem struct {
	Message string         `json:"message"`
	Fields  []FieldProblem `json:"fields,omitempty"`
}

// FieldProblem is one field at fault.
type FieldProblem struct {
	Field string `json:"field"`
	Rule  string `json:"rule"`
}

// WriteError answers with the status of err and a [Problem] that is fit for end
// users: no internal detail.
func WriteError(w http.ResponseWriter, err error) {
	p := Problem{Message: usermgmt.UserMessage(err)}
	if errors.Is(err, usermgmt.ErrInvalid) || errors.Is(err, usermgmt.ErrConflict) {
		for _, f := range usermgmt.FieldErrors(err) {
			p.Fields = append(p.Fields, FieldProblem{f.Field, f.Rule})
		}
	}
	status := Status(err)
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(p) // the client is gone if this fails
}
