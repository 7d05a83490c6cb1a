package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
)

const (
	cookieName = "session"
	lifetime   = 12 * time.Hour
)

// Sessions issues and checks signed tokens. They carry all that a request needs
// to know of its user, so authentication asks the database nothing.
type Sessions struct {
	key [32]byte
}

// NewSessions returns sessions signed with a fresh key: a restart logs everybody
// out. With more than one process the key would have to be shared.
func NewSessions() *Sessions {
	s := new(Sessions)
	rand.Read(s.key[:])
	return s
}

var encoding = base64.RawURLEncoding

func (s *Sessions) sign(payload string) string {
	mac := hmac.New(sha256.New, s.key[:])
	mac.Write([]byte(payload))
	return encoding.EncodeToString(mac.Sum(nil))
}

// issue returns the cookie of a user who has just proved who they are. Not
// marked Secure: the app speaks plain HTTP on loopback.
func (s *Sessions) issue(u web.User) *http.Cookie {
	payload := encoding.EncodeToString(fmt.Appendf(nil, "%d %d %s %d %s", u.ID, u.Tenant, u.Role, time.Now().Add(lifetime).Unix(), rand.Text()))
	return &http.Cookie{
		Name:     cookieName,
		Value:    payload + "." + s.sign(payload),
		Path:     "/",
		MaxAge:   int(lifetime.Seconds()),
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}

// forget returns the cookie that removes a session.
func forget() *http.Cookie {
	return &http.Cookie{Name: cookieName, Path: "/", MaxAge: -1, HttpOnly: true}
}

// Authenticate reads the user from a request's cookie.
func (s *Sessions) Authenticate(r *http.Request) (web.User, bool) {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return web.User{}, false
	}
	return s.read(cookie)
}

// Answered returns whose request it was when its answer had this header: a log-in
// is of the session that it begins.
func (s *Sessions) Answered(r *http.Request, answer http.Header) (web.User, bool) {
	for _, line := range answer["Set-Cookie"] {
		if cookie, err := http.ParseSetCookie(line); err == nil && cookie.Name == cookieName {
			if u, ok := s.read(cookie); ok {
				return u, true
			}
		}
	}
	return s.Authenticate(r)
}

func (s *Sessions) read(cookie *http.Cookie) (web.User, bool) {
	payload, signature, ok := strings.Cut(cookie.Value, ".")
	if !ok || !hmac.Equal([]byte(signature), []byte(s.sign(payload))) {
		return web.User{}, false
	}
	plain, err := encoding.DecodeString(payload)
	if err != nil {
		return web.User{}, false
	}
	var u web.User
	var expires int64
	if _, err := fmt.Sscanf(string(plain), "%d %d %s %d %s", &u.ID, &u.Tenant, &u.Role, &expires, &u.Session); err != nil {
		return web.User{}, false
	}
	return u, time.Now().Unix() < expires
}
