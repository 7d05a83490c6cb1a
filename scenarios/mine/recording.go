package mine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/scenarios"
)

// recorded is what recordings add to a model: where values come from, and
// bodies.
type recorded struct {
	extracts  map[int][]scenarios.Extract // by operation
	extracted map[string]bool             // variables
	bodies    map[int]madeBody
	data      []scenarios.Source
	feeds     map[string][]string // by operation: columns of the feed that is to be given
}

// A madeBody is a recorded body made a template.
type madeBody struct {
	json, text string
	form       []scenarios.Field
	header     []scenarios.Field
	blank      string
}

// A place is where in whose answer a value stands.
type place struct {
	op   int
	path string
}

// A leaf is a value in an answer.
type leaf struct {
	at   int // exchange
	path string
}

// An origin looks values up in the answers that came before.
type origin struct {
	l      *Log
	leaves map[string][]leaf
}

// recordings takes the exchanges apart.
func (l *Log) recordings() *recorded {
	r := &recorded{map[int][]scenarios.Extract{}, map[string]bool{}, map[int]madeBody{}, nil, map[string][]string{}}
	if len(l.exchanges) == 0 {
		return r
	}
	slices.SortStableFunc(l.exchanges, func(a, b *exchange) int { return cmp.Compare(a.at, b.at) })
	o := &origin{l, map[string][]leaf{}}
	for i, e := range l.exchanges {
		if e.op >= 0 && e.answer != "" {
			dec := json.NewDecoder(strings.NewReader(e.answer))
			dec.UseNumber()
			var doc any
			if dec.Decode(&doc) == nil {
				o.note(i, "", doc)
			}
		}
	}
	uses := map[int][][]place{} // by variable: for each use, where its value may come from
	for i, e := range l.exchanges {
		if e.op < 0 {
			continue
		}
		for k, x := range l.Ops[e.op].Vars {
			uses[x] = append(uses[x], o.places(i, e.texts[k], l.Vars[x].Name))
		}
	}
	for x := range l.Vars {
		if rules := explain(uses[x]); rules != nil && l.comesBefore(x, rules) {
			r.bind(l.Vars[x].Name, rules)
		}
	}
	for i, e := range l.exchanges {
		if e.op >= 0 && e.body.kind != "" {
			r.bodies[e.op] = r.body(o, i, e) // the last one recorded
		}
	}
	return r
}

func (r *recorded) bind(name string, rules []place) {
	r.extracted[name] = true
	for _, p := range rules {
		x := scenarios.Extract{Var: name, JSON: p.path}
		if !slices.Contains(r.extracts[p.op], x) {
			r.extracts[p.op] = append(r.extracts[p.op], x)
		}
	}
}

// maxLeaves: of a value that stands in more places, the first ones are enough.
const maxLeaves = 50

// note walks an answer.
func (o *origin) note(at int, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			p := k
			if path != "" {
				p = path + "." + k
			}
			if _, err := scenarios.ParseJSONPath(p); err == nil {
				o.note(at, p, v[k])
			}
		}
	case []any:
		for _, e := range v {
			o.note(at, path+"[]", e)
		}
	case string:
		o.add(at, path, v)
	case json.Number:
		o.add(at, path, v.String())
	}
}

func (o *origin) add(at int, path, text string) {
	if all := o.leaves[text]; text != "" && path != "" && len(all) < maxLeaves && !slices.Contains(all, leaf{at, path}) {
		o.leaves[text] = append(all, leaf{at, path})
	}
}

// places returns where a value may come from that the exchange at uses for a
// variable of that name. Short values stand anywhere by chance; of those only
// fields with a fitting name count.
func (o *origin) places(at int, text, name string) []place {
	entity, last, _ := strings.Cut(name, ".")
	var out []place
	for _, f := range o.leaves[text] {
		if f.at >= at {
			continue
		}
		key := strings.TrimRight(f.path[strings.LastIndexByte(f.path, '.')+1:], "[]")
		above := strings.TrimRight(strings.TrimSuffix(f.path, key), ".[]")
		above = above[strings.LastIndexByte(above, '.')+1:]
		own := singular(plain(above)) == entity || above == ""
		fits := key == last && own || plain(key) == entity+"_"+last || plain(key) == entity+last || len(text) >= 8
		if p := (place{o.l.exchanges[f.at].op, f.path}); fits && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// explain returns the fewest places, found greedily, that account for all uses;
// nil if some use stays a mystery.
func explain(uses [][]place) []place {
	var rules []place
	for len(uses) > 0 {
		counts := map[place]int{}
		for _, u := range uses {
			for _, p := range u {
				counts[p]++
			}
		}
		var best place
		n := 0
		for p, c := range counts {
			if c > n || c == n && (cmp.Or(cmp.Compare(len(p.path), len(best.path)), cmp.Compare(p.op, best.op), cmp.Compare(p.path, best.path)) < 0) {
				best, n = p, c
			}
		}
		if n == 0 {
			return nil
		}
		rules = append(rules, best)
		uses = slices.DeleteFunc(slices.Clone(uses), func(u []place) bool { return slices.Contains(u, best) })
	}
	return rules
}

// comesBefore reports whether, in every session, an answer that binds x comes
// before the first request that needs it.
func (l *Log) comesBefore(x int, rules []place) bool {
	for _, s := range l.Sessions {
		bound := false
		for _, c := range s.Calls {
			if slices.Contains(l.Ops[c.Op].Vars, x) && !bound {
				return false
			}
			bound = bound || slices.ContainsFunc(rules, func(p place) bool { return p.op == c.Op })
		}
	}
	return true
}

// body makes a template of a body: what an earlier answer held is extracted,
// prose is written anew, switches stay, and everything else is somebody's.
func (r *recorded) body(o *origin, at int, e *exchange) madeBody {
	name := o.l.Ops[e.op].Name
	switch e.body.kind {
	case "form":
		var b madeBody
		for _, f := range e.body.form {
			b.form = append(b.form, scenarios.Field{Name: f[0], Value: r.scalar(o, at, name, f[0], f[1])})
		}
		return b
	case "json":
		dec := json.NewDecoder(strings.NewReader(e.body.text))
		dec.UseNumber()
		var doc any
		if dec.Decode(&doc) == nil {
			var out bytes.Buffer
			r.tree(o, at, name, "", doc, &out)
			if bare.Match(out.Bytes()) {
				// As JSON a scenario has variables in strings only.
				return madeBody{text: out.String(), header: []scenarios.Field{{Name: "Content-Type", Value: "application/json"}}}
			}
			return madeBody{json: out.String()}
		}
	}
	return madeBody{blank: fmt.Sprintf("the recorded body is %s, which can't be made a template: give json, form or body, then delete this line",
		map[string]string{"multipart": "a multipart form", "json": "broken JSON", "text": "neither JSON nor a form"}[e.body.kind])}
}

// bare is a variable that is no string.
var bare = regexp.MustCompile(`[^"]\$\{`)

// tree writes a JSON value with templates in it.
func (r *recorded) tree(o *origin, at int, op, key string, v any, out *bytes.Buffer) {
	switch v := v.(type) {
	case map[string]any:
		out.WriteByte('{')
		for i, k := range sortedKeys(v) {
			if i > 0 {
				out.WriteByte(',')
			}
			out.WriteString(quote(k) + ":")
			r.tree(o, at, op, k, v[k], out)
		}
		out.WriteByte('}')
	case []any:
		out.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				out.WriteByte(',')
			}
			r.tree(o, at, op, key, e, out)
		}
		out.WriteByte(']')
	case string:
		out.WriteString(quote(r.scalar(o, at, op, key, v)))
	case json.Number:
		text := r.scalar(o, at, op, key, v.String())
		out.WriteString(text) // a variable without quotes: the application wants a number
	default:
		b, _ := json.Marshal(v) // a bool or null
		out.Write(b)
	}
}

// scalar returns what to send instead of a recorded value.
func (r *recorded) scalar(o *origin, at int, op, key, text string) string {
	name := op + "." + plain(key)
	ref := "${" + name + "}"
	if e, ok := strings.CutSuffix(plain(key), "_id"); ok && r.extracted[e+".id"] {
		return "${" + e + ".id}"
	}
	if slices.ContainsFunc(r.data, func(d scenarios.Source) bool { return d.Name == name }) || r.extracted[name] {
		return ref
	}
	blank := func() string {
		r.data = append(r.data, scenarios.Source{Name: name, Choice: []string{"fill-in"}})
		r.feeds[op] = append(r.feeds[op], plain(key))
		return ref
	}
	n, number := whole(text)
	words := len(strings.Fields(text))
	switch {
	case isSecret(key):
		return blank()
	case len(o.places(at, text, name)) > 0:
		r.bind(name, o.places(at, text, name)[:1])
		return ref
	case number && n < 1e6 && !strings.HasSuffix(plain(key), "id"), plainWord(text), text == "":
		return text
	case words >= 3:
		r.data = append(r.data, scenarios.Source{Name: name, Words: &[2]int{max(1, words/2), min(10_000, 2*words)}, PerRequest: true})
		return ref
	}
	return blank() // one user's
}

// quote returns s as a JSON string, without the escapes for HTML.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // of a string, into memory
	return strings.TrimSuffix(b.String(), "\n")
}
