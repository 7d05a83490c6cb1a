// Package web turns handlers that return values and errors into HTTP: routing,
// who is asking, JSON both ways, and one place where errors become statuses.
package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// Role is what a user may do.
type Role string

// The roles, as the users table spells them.
const (
	Student    Role = "student"
	Instructor Role = "instructor"
	Admin      Role = "admin"
)

// User is who sent a request, as far as modules need to know.
type User struct {
	ID     int64
	Tenant int64
	Role   Role
	// Session tells this log-in from the user's others. It is no secret.
	Session string
}

// Request is an HTTP request with its user; the zero user on public routes.
type Request struct {
	*http.Request
	User User
}

// ID reads a path segment that is an id.
func (r *Request) ID(name string) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue(name), 10, 64)
	if err != nil || id <= 0 {
		return 0, BadRequest("%s must be a positive integer", name)
	}
	return id, nil
}

// Cursor reads a query parameter that continues a list; 0 where there is none.
func (r *Request) Cursor(name string) (int64, error) {
	s := r.URL.Query().Get(name)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, BadRequest("%s must be a whole number", name)
	}
	return n, nil
}

// maxBody is generous for a term paper and small enough to be read into memory.
const maxBody = 1 << 20

// Decode reads the JSON body into v.
func (r *Request) Decode(v any) error {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	if err := dec.Decode(v); err != nil {
		return BadRequest("body is not the JSON expected: %v", err)
	}
	return nil
}

// Reply is what a handler answers with.
type Reply struct {
	Status int
	Body   any
	Cookie *http.Cookie // may be nil
}

// OK is a reply with status 200.
func OK(body any) Reply { return Reply{Status: http.StatusOK, Body: body} }

// Created is a reply with status 201.
func Created(body any) Reply { return Reply{Status: http.StatusCreated, Body: body} }

// Handler answers a request. An error that is not an [Error] becomes a 500 whose
// text stays in the log.
type Handler func(*Request) (Reply, error)

// Error is an error that its user may read.
type Error struct {
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Message }

// BadRequest is an error with status 400.
func BadRequest(format string, args ...any) error {
	return &Error{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// Unauthorized is an error with status 401.
func Unauthorized(message string) error { return &Error{http.StatusUnauthorized, message} }

// Forbidden is an error with status 403.
func Forbidden(message string) error { return &Error{http.StatusForbidden, message} }

// NotFound is an error with status 404.
func NotFound(what string) error { return &Error{http.StatusNotFound, what + " not found"} }

// Conflict is an error with status 409.
func Conflict(message string) error { return &Error{http.StatusConflict, message} }

// Router dispatches requests to handlers.
type Router struct {
	mux      http.ServeMux
	auth     func(*http.Request) (User, bool)
	log      *slog.Logger
	patterns []string
}

// NewRouter returns a router that asks auth who is asking.
func NewRouter(auth func(*http.Request) (User, bool), log *slog.Logger) *Router {
	return &Router{auth: auth, log: log}
}

// Patterns returns what has been routed so far, ordered by path.
func (rt *Router) Patterns() []string {
	return slices.SortedFunc(slices.Values(rt.patterns), func(a, b string) int {
		methodA, pathA, _ := strings.Cut(a, " ")
		methodB, pathB, _ := strings.Cut(b, " ")
		return cmp.Or(strings.Compare(pathA, pathB), strings.Compare(methodA, methodB))
	})
}

// Handle routes a pattern to a plain HTTP handler.
func (rt *Router) Handle(pattern string, h http.Handler) {
	rt.patterns = append(rt.patterns, pattern)
	rt.mux.Handle(pattern, h)
}

// Public routes a pattern, as of [http.ServeMux], to a handler for anybody.
func (rt *Router) Public(pattern string, h Handler) {
	rt.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rt.serve(w, &Request{Request: r}, h)
	}))
}

// Private routes a pattern to a handler for users who are logged in.
func (rt *Router) Private(pattern string, h Handler) {
	rt.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, ok := rt.auth(r)
		if !ok {
			rt.fail(w, r, Unauthorized("log in first"))
			return
		}
		rt.serve(w, &Request{Request: r, User: user}, h)
	}))
}

// ServeHTTP implements [http.Handler].
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) { rt.mux.ServeHTTP(w, r) }

func (rt *Router) serve(w http.ResponseWriter, r *Request, h Handler) {
	defer func() {
		if p := recover(); p != nil {
			rt.fail(w, r.Request, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	reply, err := h(r)
	if err != nil {
		rt.fail(w, r.Request, err)
		return
	}
	if reply.Cookie != nil {
		http.SetCookie(w, reply.Cookie)
	}
	rt.write(w, r.Request, reply.Status, reply.Body)
}

// statusClientGone is nginx's status for a client that did not wait. No one
// receives it, but it keeps such requests apart from errors in the metrics.
const statusClientGone = 499

func (rt *Router) fail(w http.ResponseWriter, r *http.Request, err error) {
	var known *Error
	if errors.As(err, &known) {
		rt.write(w, r, known.Status, errorBody{known.Message})
		return
	}
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		w.WriteHeader(statusClientGone)
		return
	}
	rt.log.Error("request failed", "method", r.Method, "route", r.Pattern, "error", err)
	rt.write(w, r, http.StatusInternalServerError, errorBody{"internal error"})
}

type errorBody struct {
	Error string `json:"error"`
}

func (rt *Router) write(w http.ResponseWriter, r *http.Request, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		rt.log.Error("response cannot be encoded", "route", r.Pattern, "error", err)
		status, b = http.StatusInternalServerError, []byte(`{"error":"internal error"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	// A client that hung up is not our error.
	_, _ = w.Write(b)
}
