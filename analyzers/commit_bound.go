package analyzers

import (
	"fmt"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// CommitBound finds requests that wait for the log to reach the disk.
var CommitBound = &Analyzer{
	Name:  "commit-bound",
	Needs: []evidence.Kind{evidence.Sessions},
	Run:   commitBound,
	Doc: `requests wait for the write-ahead log at COMMIT

A transaction is committed when its log record is on the disk. One flush takes a
fraction of a millisecond on a good disk and several on a network volume, and it is
paid at every COMMIT, so twenty rows that are inserted one by one, each in a
transaction of its own, wait for twenty flushes. Statements are fast in every
statistic: pg_stat_statements stops its clock before the commit.

How to confirm it by hand, while it happens:

    SELECT wait_event_type, wait_event, count(*)
    FROM   pg_stat_activity
    WHERE  state = 'active'
    GROUP  BY 1, 2;                    -- IO:WALSync, LWLock:WALWrite, IPC:SyncRep
    SELECT xact_commit FROM pg_stat_database WHERE datname = current_database();

twice, and divide the commits by the requests meanwhile.

What to do: one transaction for what belongs together, one INSERT for many rows, COPY
for many more. Events that may be lost in a crash: SET LOCAL synchronous_commit = off
in their transaction. Then a faster disk for the log; commit_delay helps only where
many sessions commit at the same time.

When it is wrong: the disk is busy with something else, such as a checkpoint, a
backup or another tenant; then the same commits were fast yesterday.`,
}

// manyCommits: a request that changes something commits once, perhaps a second
// time for a job. From five on a loop is likelier than a design.
const manyCommits = 5

func commitBound(p *Pass) {
	claim := func(k capacity.Key) float64 { return is(k.Class == capacity.ClassCommit) }
	blame := p.Step.Blame(claim)
	if blame.Load == 0 {
		return
	}
	waits := map[string]float64{}
	for _, a := range p.Window.Sessions.Activity {
		if capacity.ClassOf(a) == capacity.ClassCommit && a.Backend == evidence.ClientBackend {
			waits[a.WaitClass+":"+a.WaitEvent] += a.AAS
		}
	}
	endpoint := heaviest(p.Step, claim)
	statements := map[string]float64{}
	for _, e := range p.Step.Ledger.Time {
		if e.Endpoint == endpoint {
			statements[e.Statement] += e.Amount * claim(e.Key)
		}
	}
	statement := largest(statements)
	text := p.Run.Text(statement)
	perRequest := written(p.Run, endpoint)
	message := fmt.Sprintf("%.1f sessions wait on average for the log (%s)", blame.Load, largest(waits))
	exhibits := []Exhibit{
		{"sessions waiting for the log", blame.Load, "sessions", "pg_stat_activity"},
		{"changing statements in one request", perRequest, "", "isolation probe"},
	}
	if d := p.Window.Database; d != nil && p.Step.Requests > 0 {
		exhibits = append(exhibits,
			Exhibit{"commits", d.Commits / float64(p.Window.Length), "1/s", "pg_stat_database"},
			Exhibit{"commits for each request", d.Commits / float64(p.Step.Requests), "", "pg_stat_database"})
		message += fmt.Sprintf("; %.0f commits a second", d.Commits/float64(p.Window.Length))
	}
	remedy := "fewer commits, a faster disk for the log, or synchronous_commit = off for what may be lost"
	if perRequest >= manyCommits {
		message += fmt.Sprintf("; a request of %s changes something %.0f times", endpoint, perRequest)
		remedy = "one transaction for all of a request's changes, one statement for all rows: " + text
	}
	p.Report(Finding{
		Bound:   capacity.IO,
		Subject: Subject{Kind: Endpoint, Name: endpoint, Endpoint: endpoint, Statement: statement, Detail: text},
		Message: message,
		Load:    blame.Load, Share: blame.Share,
		Exhibits: exhibits,
		Remedy:   &Remedy{Title: remedy},
		Caveats:  []string{"whether the disk is slow or the commits are many cannot be told from the waits alone"},
	})
}

// written returns how many statements that change something one request sends.
func written(r *evidence.Run, endpoint string) float64 {
	var n float64
	for _, f := range r.Footprints {
		if f.Endpoint != endpoint {
			continue
		}
		for _, s := range f.Statements {
			if changes(r.Texts[s.ID].Kind) {
				n += s.Calls
			}
		}
	}
	return n
}

// changes reports whether a statement of that kind writes rows.
func changes(kind string) bool {
	switch kind {
	case "INSERT", "UPDATE", "DELETE", "MERGE":
		return true
	}
	return false
}
