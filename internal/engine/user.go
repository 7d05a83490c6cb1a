package engine

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/scalecheck/scalecheck/scenarios"
)

// A user is one session: its choices, its variables, its cookies.
type user struct {
	*walker
	number  int
	rng     *rand.Rand
	jar     http.CookieJar // nil: no cookie has been set
	ip      string
	unique  string  // what ${unique} is
	vars    []value // by slot
	bound   []bound // values that the session comes back to
	request uint32  // number of the request that variables are drawn for
	sent    bool    // anything at all
	trail   trail   // to recognise paths by
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

// Can reports whether all variables that the endpoint takes from earlier
// answers have a value.
func (u *user) Can(endpoint int) bool {
	for _, s := range u.model.Needs(endpoint) {
		if len(u.vars[s].list) == 0 {
			return false
		}
	}
	return true
}

// Values returns what the latest answer has bound the variable to.
func (u *user) Values(variable int) []string { return u.vars[variable].list }

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

// A bound is the n-th value that the session uses for a variable.
type bound struct {
	slot, n int
	value   string
}

// bind makes variables stand for given values in the next request.
func (u *user) bind(all []scenarios.Binding) {
	for _, b := range all {
		v := b.Value
		if b.N > 0 {
			v = u.numbered(b.Var, b.N)
		}
		u.vars[b.Var].cur, u.vars[b.Var].at = v, u.request+1
	}
}

// numbered returns the n-th value for a slot: one that has no other number, if
// the slot has more.
func (u *user) numbered(i, n int) string {
	for _, b := range u.bound {
		if b.slot == i && b.n == n {
			return b.value
		}
	}
	v := ""
	for range 20 { // a source with fewer values than numbers has to repeat itself
		v = u.draw(i)
		if !slices.ContainsFunc(u.bound, func(b bound) bool { return b.slot == i && b.value == v }) {
			break
		}
	}
	u.bound = append(u.bound, bound{i, n, v})
	return v
}

// value returns what slot i stands for in the current request.
func (u *user) value(i int) string {
	v, s := &u.vars[i], &u.slots[i]
	if v.at == u.request {
		return v.cur
	}
	if src := s.source; v.at > 0 && src != nil {
		if !src.PerRequest && src.Text == "" && s.row < 0 {
			return v.cur // drawn for the session
		}
		if src.Locality > 0 && u.rng.Float64() < src.Locality {
			v.at = u.request
			return v.cur
		}
	}
	v.at = u.request // before the draw: a text that uses itself ends here
	v.cur = u.draw(i)
	return v.cur
}

// draw returns a new value for slot i.
func (u *user) draw(i int) string {
	s := &u.slots[i]
	switch src := s.source; {
	case src == nil:
		list := u.vars[i].list
		if len(list) == 0 {
			return ""
		}
		return list[u.rng.IntN(len(list))]
	case src.Range != nil:
		return strconv.FormatInt(src.Range[0]+s.law.Draw(u.rng), 10)
	case s.row >= 0:
		n, _ := strconv.Atoi(u.value(s.row)) // from 1, as the row's range is
		return src.Choice[(n-1+len(src.Choice))%len(src.Choice)]
	case len(src.Choice) > 0:
		return src.Choice[s.law.Draw(u.rng)]
	case src.Words != nil:
		return prose(u.rng, src.Words[0]+u.rng.IntN(src.Words[1]-src.Words[0]+1))
	}
	return u.render(s.text)
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
