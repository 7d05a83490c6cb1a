package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

// The hour's measures.
const (
	steps      = 12
	settle     = 60  // seconds of each step
	measure    = 240 // likewise
	endpoints  = 200
	rate       = 5 // requests a second of each endpoint at the highest step
	statements = 5000
	perRequest = 30 // statements that an endpoint sends
	tables     = 300
	culprit    = 4999 // the statement that is to be found: every request sends it
)

// write makes the hour and writes it as record does, window by window.
func write(path string) (err error) {
	h := &hour{rand.New(rand.NewPCG(1, 2))}
	w, err := evidence.Create(path, h.header())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := errors.Join(w.Texts(h.texts()), w.Catalog(h.catalog()), w.Footprints(h.footprints())); err != nil {
		return err
	}
	for step := range steps {
		for _, phase := range []evidence.Phase{evidence.Settle, evidence.Measure} {
			if err := w.Window(h.window(step, phase)); err != nil {
				return err
			}
		}
	}
	return w.End(evidence.End{Reason: evidence.Completed}, evidence.Overhead{})
}

type hour struct{ rand *rand.Rand }

func (h *hour) header() *evidence.Run {
	plan := scenarios.Plan{
		Name: "hour", Kind: scenarios.Journeys, Seed: 1,
		Objectives: []scenarios.Objective{{Quantile: 0.95, Limit: 0.3}},
	}
	for i := range steps {
		plan.Stages = append(plan.Stages, scenarios.Stage{Users: float64(100 * (i + 1)), Settle: settle, Measure: measure})
	}
	return &evidence.Run{Tool: "bench", Plan: plan, Environment: evidence.Environment{Cores: 8}}
}

func endpoint(i int) string  { return fmt.Sprintf("GET /api/v1/resource-%d/{id}", i) }
func statement(i int) string { return strconv.Itoa(1_000_000 + i) }
func table(i int) string     { return fmt.Sprintf("table_%d", i) }

func (h *hour) texts() map[string]evidence.Text {
	out := map[string]evidence.Text{}
	for i := range statements {
		sql := fmt.Sprintf("SELECT a.id, a.name, b.state FROM %s a JOIN %s b ON b.parent_id = a.id WHERE a.owner_id = $1 AND b.created_at < $2 ORDER BY b.created_at DESC LIMIT %d",
			table(i%tables), table((i+7)%tables), i)
		out[statement(i)] = evidence.Redact(sql)
	}
	return out
}

func (h *hour) catalog() []evidence.Table {
	var out []evidence.Table
	for i := range tables {
		out = append(out, evidence.Table{
			Schema: "public", Name: table(i), Rows: 1e6, Pages: 2e4, Bytes: 2e8,
			Columns: []string{"id", "name", "owner_id", "parent_id", "state", "created_at"},
			Indexes: []evidence.Index{
				{Name: table(i) + "_pkey", Columns: []string{"id"}, Unique: true, Valid: true},
				{Name: table(i) + "_owner", Columns: []string{"owner_id", "created_at"}, Valid: true},
			},
		})
	}
	return out
}

func (h *hour) footprints() []evidence.Footprint {
	var out []evidence.Footprint
	for i := range endpoints {
		f := evidence.Footprint{Endpoint: endpoint(i), Requests: 5, Seconds: 0.02, AppCPU: 0.002, ServerCPU: 0.004, DBSeconds: 0.003}
		for j := range perRequest {
			f.Statements = append(f.Statements, evidence.FootprintStatement{ID: statement((i*perRequest + j) % culprit), Calls: 1, Rows: 3, Blocks: 12, Seconds: 0.0001})
		}
		f.Statements = append(f.Statements, evidence.FootprintStatement{ID: statement(culprit), Calls: 1, Rows: 3, Blocks: 12, Seconds: 0.0001})
		out = append(out, f)
	}
	return out
}

// window makes a step's window. In the last three steps the processors are short.
func (h *hour) window(step int, phase evidence.Phase) evidence.Window {
	length := map[evidence.Phase]float64{evidence.Settle: settle, evidence.Measure: measure}[phase]
	load := float64(step+1) / steps
	w := evidence.Window{
		Phase: phase, Step: step, Length: scenarios.Seconds(length), Users: float64(100 * (step + 1)),
		Generator: evidence.Generator{Clock: evidence.IntendedStart},
		Sessions:  &evidence.SessionStats{Samples: int(20 * length), Planned: int(20 * length), Interval: 0.05},
		Host:      &evidence.Host{Cores: 8, Busy: length * 8 * min(1, 1.2*load)},
		Processes: []evidence.Process{
			{Role: evidence.App, Run: length * 3 * load, Queue: length * load},
			{Role: evidence.Postgres, Name: evidence.ClientBackend, Run: length * 4 * load, Queue: length * 12 * load * load},
			{Role: evidence.LoadGen, Run: length * 0.3 * load},
		},
		Pools:    []evidence.PoolStats{{Name: "web", Max: 50, InUse: 50 * min(1, load), Acquires: 1e5 * load, Wait: length * 20 * load * load, Use: length * 50 * load}},
		Database: &evidence.Database{Commits: 1e5 * load, Limit: 200},
	}
	mean := 20 * time.Millisecond
	if step >= steps-3 {
		mean = 400 * time.Millisecond
	}
	for i := range endpoints {
		e := evidence.Endpoint{Name: endpoint(i), Requests: int64(length * rate * load), Latency: evidence.NewHistogram()}
		for range e.Requests {
			e.Latency.Record(time.Duration((0.3 + h.rand.ExpFloat64()) * float64(mean)))
		}
		w.Generator.Completed += e.Requests
		w.Endpoints = append(w.Endpoints, e)
	}
	w.Generator.Started = w.Generator.Completed
	for i := range statements {
		calls, each := length*6*load*(0.5+h.rand.Float64()), mean.Seconds()/perRequest/4
		if i == culprit {
			calls, each = length*rate*load*endpoints, mean.Seconds()/2
		}
		w.Statements = append(w.Statements, evidence.Statement{
			ID: statement(i), Calls: calls, Seconds: calls * each, Rows: 3 * calls, Hit: 12 * calls, Read: calls / 10,
		})
		w.Sessions.Activity = append(w.Sessions.Activity, evidence.Activity{
			Statement: statement(i), State: "active", Application: "web", Backend: evidence.ClientBackend, AAS: calls / length * each,
		})
	}
	for i := range tables {
		w.Tables = append(w.Tables, evidence.TableIO{
			Schema: "public", Name: table(i), SeqScans: 1, SeqRows: 100, IndexScans: 1e4 * load, IndexRows: 3e4 * load,
			ByIndex: map[string]float64{table(i) + "_pkey": 5e3 * load, table(i) + "_owner": 5e3 * load},
		})
	}
	return w
}
