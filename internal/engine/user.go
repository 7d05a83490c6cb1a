package engine

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
)

// A user is one session: its choices, its variables, its cookies.
type user struct {
	*walker
	number  int
	rng     *rand.Rand
	client  http.Client
	ip      string
	unique  string  // what ${unique} is
	vars    []value // by slot
	request uint32  // number of the request that variables are drawn for
	sent    bool    // anything at all
	stay    bool    // where a redirect leads is not asked for
}

// A value is what a variable stands for. Within one request it stays the same,
// however often it is used.
type value struct {
	list []string // extracted: what was found in the latest answer
	cur  string
	at   uint32 // request that cur was drawn for; 0: none
	lent int64  // from the pool of an exclusive source
}

// newUser returns the user of session number. A user must be closed.
func (w *walker) newUser(number int) *user {
	u := &user{walker: w, number: number, rng: stream(w.seed, number), vars: make([]value, len(w.slots))}
	u.unique = w.unique + "-" + strconv.Itoa(number)
	u.client = http.Client{Transport: w.transport, Jar: newJar(), CheckRedirect: u.checkRedirect}
	if w.perUserIP {
		u.ip = address(number)
	}
	return u
}

// address returns the client address of session n. 198.18.0.0/15 is set aside
// for benchmarks (RFC 2544); private addresses would be taken for proxies by
// applications that trust those.
func address(n int) string {
	n = (n-1)%(1<<17-2) + 1
	return "198." + strconv.Itoa(18+n>>16) + "." + strconv.Itoa(n>>8&255) + "." + strconv.Itoa(n&255)
}

// close gives back what the user held alone.
func (u *user) close() {
	for i := range u.vars {
		if p := u.slots[i].pool; p != nil && u.vars[i].at > 0 {
			p.giveBack(u.vars[i].lent)
		}
	}
}

// can reports whether all variables that the endpoint takes from earlier
// answers have a value.
func (u *user) can(endpoint int) bool {
	for _, s := range u.endpoints[endpoint].extracted {
		if len(u.vars[s].list) == 0 {
			return false
		}
	}
	return true
}

// reserve takes what no other user may hold, for all that the persona may come
// to request; false: nothing is left.
func (u *user) reserve(p *persona) bool {
	for _, i := range p.exclusive {
		n, ok := u.slots[i].pool.take(u.rng)
		if !ok {
			return false
		}
		v := &u.vars[i]
		v.lent, v.cur, v.at = n, strconv.FormatInt(n, 10), 1
	}
	return true
}

// value returns what slot i stands for in the current request.
func (u *user) value(i int) string {
	v, s := &u.vars[i], &u.slots[i]
	if v.at == u.request {
		return v.cur
	}
	src := s.source
	if src == nil {
		if len(v.list) == 0 {
			return ""
		}
		v.cur, v.at = v.list[u.rng.IntN(len(v.list))], u.request
		return v.cur
	}
	if v.at > 0 && !src.PerRequest && src.Text == "" {
		return v.cur // drawn for the session
	}
	switch {
	case src.Range != nil:
		v.cur = strconv.FormatInt(src.Range[0]+u.rng.Int64N(src.Range[1]-src.Range[0]+1), 10)
	case len(src.Choice) > 0:
		v.cur = src.Choice[u.rng.IntN(len(src.Choice))]
	case src.Words != nil:
		v.cur = prose(u.rng, src.Words[0]+u.rng.IntN(src.Words[1]-src.Words[0]+1))
	default:
		v.at = u.request // before the text: a text that uses itself ends here
		v.cur = u.render(s.text)
	}
	v.at = u.request
	return v.cur
}

// render returns the text with the values of the current request.
func (u *user) render(t text) string {
	if len(t) == 1 && t[0].slot == -1 {
		return t[0].lit
	}
	return string(u.appendText(nil, t, nil))
}

// appendText appends the text, its values passed through escape unless that is nil.
func (u *user) appendText(b []byte, t text, escape func([]byte, string) []byte) []byte {
	for _, p := range t {
		v := p.lit
		switch p.slot {
		case -1:
			b = append(b, v...)
			continue
		case uniqueSlot:
			v = u.unique
			if u.request > 1 { // a second draw in a session is another one
				v += "-" + strconv.FormatUint(uint64(u.request), 10)
			}
		default:
			v = u.value(p.slot)
		}
		if escape == nil {
			b = append(b, v...)
		} else {
			b = escape(b, v)
		}
	}
	return b
}

var vocabulary = strings.Fields(`the a of and to in is that we with for as on this by not are from at which
	course week group example answer question method result table figure theory model value sample measure
	first second next only more less often because however therefore before after between under over
	write read compare show explain find use change give take make work think agree remember`)

// prose returns n words.
func prose(r *rand.Rand, n int) string {
	b := make([]byte, 0, 7*n)
	for i := range n {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, vocabulary[r.IntN(len(vocabulary))]...)
	}
	return string(b)
}
