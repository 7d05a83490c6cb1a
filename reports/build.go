package reports

import (
	"math"
	"reflect"
	"slices"

	"github.com/scalecheck/scalecheck/analyzers"
	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/analyzers/tablemap"
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

// maxStatements bounds report.json: pg_stat_statements keeps 5000, and beyond
// the first hundreds each holds less than a thousandth of the time.
const maxStatements = 200

// printable is the document that every format but JSON prints: sanitized.
func printable(r *Report) (*document, error) {
	d, err := newDocument(r)
	if err == nil {
		sanitize(d)
	}
	return d, err
}

// newDocument says the report as data. Texts in it are as they came.
func newDocument(r *Report) (*document, error) {
	run, model := r.Run, r.Model
	if run == nil {
		run = &evidence.Run{}
	}
	if model == nil {
		model = &capacity.Model{Judged: -1}
	}
	d := &document{
		Format:  documentFormat,
		Tool:    run.Tool,
		Run:     runDoc(run),
		Verdict: verdictPart{r.Verdict.Status, r.Verdict.Headline, r.Verdict.Reasons, r.Verdict.Exit},
		Caveats: model.Caveats,

		Overhead: overheadPart{
			CPUSeconds:      number(run.Overhead.CPUSeconds),
			DatabaseCalls:   number(run.Overhead.DatabaseCalls),
			DatabaseSeconds: number(run.Overhead.DatabaseSeconds),
			Share:           number(run.Overhead.Share),
		},
		Environment: environmentDoc(run.Environment),
		Coverage:    unknown,
		Missing:     map[string][]string{},
		Generator:   generatorPart{CPU: unknown, Lag: unknown},
		Workload:    workloadPart{Shift: unknown, Limit: unknown},

		named: -1,
		file:  clean(r.File, longest),
	}
	if r.Bottleneck != nil {
		c := causeDoc(*r.Bottleneck)
		d.Bottleneck = &c
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		d.Findings = append(d.Findings, findingDoc(*f))
		if b := r.Bottleneck; b != nil && d.named < 0 &&
			(b == f || b.Cause == f.Cause && b.Subject == f.Subject && b.Message == f.Message) {
			d.named = i
		}
	}
	for _, s := range r.Skipped {
		d.Skipped = append(d.Skipped, skipPart(s))
	}
	for _, o := range run.Plan.Objectives {
		d.Objectives = append(d.Objectives, objectiveDoc(o))
	}
	for _, t := range run.Thresholds {
		d.Thresholds = append(d.Thresholds, thresholdPart(t))
	}
	for kind, reasons := range run.Missing {
		d.Missing[string(kind)] = slices.Clone(reasons)
	}
	for _, g := range model.Gates {
		d.Gates = append(d.Gates, gatePart(g))
		if g.Name == "generator" && !g.OK {
			d.Generator.Bottleneck = true
		}
	}
	ws, err := stepWindows(run, len(model.Steps))
	if err != nil {
		return nil, err
	}
	for i := range model.Steps {
		d.Steps = append(d.Steps, stepDoc(&model.Steps[i], &ws[i].Generator))
	}
	d.Capacity = capacityDoc(run, model)
	d.Map = mapDoc(tablemap.New(run, r.Modules))
	if step := model.Step(); step != nil {
		i := model.Judged
		d.Judged = &i
		d.judged(run, step, &ws[i], d.Steps[i])
	}
	fill(reflect.ValueOf(d).Elem())
	return d, nil
}

func runDoc(run *evidence.Run) runPart {
	p := runPart{
		Started:  run.Started,
		Complete: run.Complete(),
		Unread:   run.Unread,
		Scenario: run.Plan.Name,
		Kind:     string(run.Plan.Kind),
		Source:   run.Plan.Source,
		SHA256:   run.Plan.SHA256,
		Target:   run.Plan.Target,
		Seed:     run.Plan.Seed,
	}
	if run.End != nil {
		at := run.End.At
		p.Finished, p.End, p.Detail = &at, run.End.Reason, run.End.Detail
	}
	if run.Bundled != nil {
		p.Faults, p.Size = run.Bundled.Faults, run.Bundled.Size
	}
	for _, s := range run.Plan.Stages {
		p.Stages = append(p.Stages, stagePart{
			positive(s.Users), positive(s.Rate), number(s.Settle), number(s.Measure),
		})
	}
	return p
}

func environmentDoc(e evidence.Environment) environmentPart {
	return environmentPart{
		Cores: e.Cores, MemoryBytes: e.MemoryBytes, Kernel: e.Kernel, CPU: e.CPU,
		Postgres: e.Postgres, PostgresLocal: e.PostgresLocal, TargetLocal: e.TargetLocal,
		Settings: cloneMap(e.Settings), Extensions: cloneMap(e.Extensions), DatabaseBytes: e.DatabaseBytes,
	}
}

func causeDoc(f analyzers.Finding) causePart {
	return causePart{
		Cause: f.Cause,
		Bound: string(f.Bound),
		Subject: subjectPart{
			Kind: string(f.Subject.Kind), Name: f.Subject.Name, Endpoint: f.Subject.Endpoint,
			Statement: f.Subject.Statement, Detail: f.Subject.Detail,
		},
		Share:      number(f.Share),
		Confidence: number(f.Confidence),
		Load:       number(f.Load),
		Message:    f.Message,
	}
}

func findingDoc(f analyzers.Finding) findingPart {
	p := findingPart{causePart: causeDoc(f), Fails: f.Fails, Caveats: slices.Clone(f.Caveats)}
	p.Exhibits, p.Against = exhibits(f.Exhibits), exhibits(f.Against)
	if v := f.Rival; v != nil {
		p.Rival = &rivalPart{v.Cause, v.Name, number(v.Share)}
	}
	if f.Remedy != nil {
		p.Remedy = &remedyPart{f.Remedy.Title, f.Remedy.SQL}
	}
	return p
}

func exhibits(es []analyzers.Exhibit) []exhibitPart {
	var out []exhibitPart
	for _, e := range es {
		out = append(out, exhibitPart{e.Name, number(e.Value), e.Unit, e.Source})
	}
	return out
}

func objectiveDoc(o scenarios.Objective) objectivePart {
	return objectivePart{
		Text: o.String(), Endpoint: o.Endpoint,
		Quantile: positive(o.Quantile), Limit: positive(float64(o.Limit)), Errors: positive(o.Errors),
	}
}

func capacityDoc(run *evidence.Run, m *capacity.Model) capacityPart {
	c, k := m.Capacity, m.Knee
	p := capacityPart{
		Users: number(c.Users), RPS: number(c.RPS), LimitedBy: string(c.LimitedBy),
		Sessions:  number(c.Sessions),
		NextUsers: positive(c.NextUsers), NextSessions: positive(c.NextSessions), NextRPS: positive(c.NextRPS),
		Knee: kneePart{
			Users: positive(k.Users), Sessions: positive(k.Sessions), RPS: positive(k.RPS),
			Ceiling: positive(k.Ceiling), Resource: k.Resource,
		},
	}
	if !slices.ContainsFunc(m.Steps, func(s capacity.Step) bool { return s.Rate > 0 }) {
		p.Sessions = unknown
	}
	if !slices.ContainsFunc(m.Steps, func(s capacity.Step) bool { return s.Users > 0 }) {
		p.Users = unknown
	}
	if len(m.Steps) == 0 {
		p.RPS = unknown
	}
	for _, o := range run.Plan.Objectives {
		p.SLO = append(p.SLO, o.String())
	}
	return p
}

func quantiles(q capacity.Quantiles) latencyPart {
	if q.N == 0 {
		return latencyPart{0, unknown, unknown, unknown, unknown, unknown}
	}
	return latencyPart{q.N, number(q.Mean), number(q.P50), number(q.P95), number(q.P99), number(q.Max)}
}

func stepDoc(s *capacity.Step, g *evidence.Generator) stepPart {
	p := stepPart{
		Index: s.Index, Users: positive(s.Users), Rate: positive(s.Rate), Seconds: number(s.Seconds),
		Requests: s.Requests, Failed: s.Failed, Throughput: number(s.Throughput), Latency: quantiles(s.Latency),
		InFlight: number(s.InFlight), Unattributed: number(s.Unattributed), Coverage: number(s.Coverage),
		CPU: cpuDoc(s.CPU), Dropped: g.Dropped, Lag: unknown, Status: string(s.Status),
	}
	if g.Lag.Count() > 0 {
		p.Lag = number(g.Lag.Quantile(0.99))
	}
	if s.InFlight <= 0 {
		p.Coverage = unknown
	}
	for _, st := range s.Stations {
		p.Stations = append(p.Stations, stationPart{
			st.Name, string(st.Bound), number(st.Load), nonNegative(st.Utilization), positive(st.Demand),
		})
	}
	for _, j := range s.Verdicts {
		v := judgmentDoc(j)
		p.Judgments = append(p.Judgments, v)
		if j.Status == capacity.Missed || j.Status == capacity.Boundary {
			p.Misses = append(p.Misses, v)
		}
	}
	return p
}

func judgmentDoc(j capacity.Judgement) judgmentPart {
	p := judgmentPart{
		Objective: j.Objective.String(), Endpoint: j.Endpoint, Status: string(j.Status),
		Got: number(j.Got), Limit: number(j.Limit), N: j.N, Failed: j.Failed, Overdue: j.Overdue, Need: j.Need,
	}
	if j.N == 0 {
		p.Got = unknown
	}
	return p
}

func cpuDoc(c capacity.CPUUse) cpuPart {
	if c.Cores == 0 {
		u := unknown
		return cpuPart{u, u, u, u, u, u, u, u, u, u, u}
	}
	return cpuPart{
		number(c.Cores), number(c.App), number(c.Postgres), number(c.Generator), number(c.Recorder),
		number(c.Foreign), number(c.Steal), number(c.Utilization()),
		number(c.AppQueue), number(c.PostgresQueue), number(c.GeneratorQueue),
	}
}

// positive returns unknown for what the model has as 0 where there is no figure.
func positive(v float64) number {
	if v > 0 {
		return number(v)
	}
	return unknown
}

// nonNegative is likewise for −1.
func nonNegative(v float64) number {
	if v >= 0 {
		return number(v)
	}
	return unknown
}

// ratio returns a ÷ b, and unknown where there is no b.
func ratio(a, b float64) number {
	if b == 0 {
		return unknown
	}
	return number(a / b)
}

func cloneMap[V any](m map[string]V) map[string]V {
	c := make(map[string]V, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

// fill makes nil slices and maps empty, since lists are never null, and
// infinite numbers unknown.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() || f.Anonymous {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		for _, key := range v.MapKeys() {
			if e := v.MapIndex(key); e.Kind() == reflect.Slice && e.IsNil() {
				v.SetMapIndex(key, reflect.MakeSlice(e.Type(), 0, 0))
			}
		}
	case reflect.Float64:
		if math.IsInf(v.Float(), 0) {
			v.SetFloat(math.NaN())
		}
	}
}
