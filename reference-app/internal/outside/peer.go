package outside

import (
	"encoding/json"
	"errors"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"time"
)

// Peer is a third-party HTTP service with three products:
//
//	POST /plagiarism {"text"}           → {"similarity"}, between 0 and 1
//	POST /contacts   {"email", "name"}  → {"id"}
//	POST /licences   {"user", "item"}   → {"id"}
type Peer struct {
	server   *http.Server
	listener net.Listener
	done     chan error
}

// StartPeer starts the service on a free loopback port. The caller closes it.
func StartPeer(plagiarism, contacts, licences Behaviour) (*Peer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /plagiarism", behave(plagiarism, func(body []byte) any {
		return map[string]float64{"similarity": float64(sum(body)%1000) / 1000}
	}))
	mux.HandleFunc("POST /contacts", behave(contacts, func(body []byte) any {
		return map[string]uint64{"id": sum(body)}
	}))
	mux.HandleFunc("POST /licences", behave(licences, func(body []byte) any {
		return map[string]uint64{"id": sum(body)}
	}))
	p := &Peer{
		server:   &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second},
		listener: listener,
		done:     make(chan error, 1),
	}
	go func() { p.done <- p.server.Serve(listener) }()
	return p, nil
}

// URL is where the service answers.
func (p *Peer) URL() string { return "http://" + p.listener.Addr().String() }

// Close drops all connections.
func (p *Peer) Close() error {
	err := p.server.Close()
	if serve := <-p.done; !errors.Is(serve, http.ErrServerClosed) {
		err = errors.Join(err, serve)
	}
	return err
}

func behave(b Behaviour, answer func(body []byte) any) http.HandlerFunc {
	limiter := b.limiter()
	return func(w http.ResponseWriter, r *http.Request) {
		if !limiter.Allow() {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests", http.StatusTooManyRequests)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "bad body", http.StatusBadRequest)
			return
		}
		if err := pause(r.Context(), b.Latency); err != nil {
			return // the caller has left
		}
		w.Header().Set("Content-Type", "application/json")
		// Whoever left by now misses the answer.
		_ = json.NewEncoder(w).Encode(answer(body))
	}
}

// sum makes answers depend on questions, and on nothing else.
func sum(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64() >> 1
}
