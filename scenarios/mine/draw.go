package mine

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/scalecheck/scalecheck/scenarios"
)

// A Sampler draws sessions of a scenario as they would be recorded on a target
// that answers everything, at once. Same seed, same sessions.
type Sampler struct {
	model  *scenarios.Model
	source map[string]*scenarios.Source
	law    map[string]*scenarios.Law
	vars   [][]string // by endpoint
	share  []float64  // of the personas, cumulated
}

// A Drawn is one request of a drawn session.
type Drawn struct {
	Endpoint int // index in Scenario.Endpoints
	Think    scenarios.Seconds
	Values   []string // of Endpoint.Vars
}

// NewSampler returns a Sampler of s.
func NewSampler(s *scenarios.Scenario) (*Sampler, error) {
	m, err := scenarios.NewModel(s)
	if err != nil {
		return nil, fmt.Errorf("draw sessions: %w", err)
	}
	d := &Sampler{model: m, source: map[string]*scenarios.Source{}, law: map[string]*scenarios.Law{}}
	for i := range s.Data {
		v := &s.Data[i]
		d.source[v.Name] = v
		if v.Range != nil || len(v.Choice) > 0 {
			d.law[v.Name] = v.Law()
		}
	}
	for i := range s.Endpoints {
		d.vars = append(d.vars, s.Endpoints[i].Vars())
	}
	sum := 0.0
	for _, p := range s.Personas {
		sum += p.Share
		d.share = append(d.share, sum)
	}
	return d, nil
}

// Persona draws one by the shares.
func (d *Sampler) persona(r *rand.Rand) int {
	x := r.Float64() * d.share[len(d.share)-1]
	for i, s := range d.share {
		if x < s {
			return i
		}
	}
	return len(d.share) - 1
}

// Session draws a session.
func (d *Sampler) Session(r *rand.Rand) []Drawn {
	var out []Drawn
	kept := map[string]string{} // by variable and number, and by variable what it was last
	for _, move := range d.model.Session(d.persona(r), r) {
		if move.Endpoint < 0 {
			break
		}
		bound := map[string]scenarios.Binding{}
		for _, b := range move.Bind {
			bound[d.model.Vars[b.Var]] = b
		}
		x := Drawn{Endpoint: move.Endpoint, Think: move.Think}
		for _, name := range d.vars[move.Endpoint] {
			x.Values = append(x.Values, d.value(name, bound, kept, r))
		}
		out = append(out, x)
	}
	return out
}

func (d *Sampler) value(name string, bound map[string]scenarios.Binding, kept map[string]string, r *rand.Rand) string {
	key := name
	b, ok := bound[name]
	switch s := d.source[name]; {
	case ok && b.N == 0:
		return b.Value
	case ok:
		key = name + "#" + strconv.Itoa(b.N)
		if v, ok := kept[key]; ok {
			return v
		}
	case s != nil && s.PerRequest:
		if v, ok := kept[key]; ok && s.Locality > 0 && r.Float64() < s.Locality {
			return v
		}
	case s != nil:
		if v, ok := kept[key]; ok {
			return v
		}
	}
	v := d.draw(name, r)
	kept[key] = v
	return v
}

// drawnIDs are there where a real target would have said which there are.
const drawnIDs = 500

func (d *Sampler) draw(name string, r *rand.Rand) string {
	s, law := d.source[name], d.law[name]
	switch {
	case law != nil && s.Range != nil:
		return strconv.FormatInt(s.Range[0]+law.Draw(r), 10)
	case law != nil:
		return s.Choice[law.Draw(r)]
	}
	return strconv.Itoa(1 + r.IntN(drawnIDs))
}

// Draw returns n sessions of the model, in the operations of its log.
func (m *Model) Draw(n int, seed uint64) ([]Session, error) {
	d, err := NewSampler(m.Scenario)
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(seed, 0x64726177))
	// An endpoint's variables come each once, and those of its body come, too; a
	// call has the values of the path in their order.
	at := make([][]int, len(m.log.Ops))
	for i, op := range m.log.Ops {
		for _, x := range op.Vars {
			for j, name := range d.vars[i] {
				if name == m.log.Vars[x].Name {
					at[i] = append(at[i], j)
				}
			}
		}
	}
	out := make([]Session, n)
	for i := range out {
		for _, x := range d.Session(r) {
			c := Call{Op: x.Endpoint, Think: float64(x.Think)}
			for _, j := range at[x.Endpoint] {
				c.Values = append(c.Values, value(x.Values[j]))
			}
			out[i].Calls = append(out[i].Calls, c)
		}
	}
	return out, nil
}
