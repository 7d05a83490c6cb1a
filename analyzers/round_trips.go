package analyzers

import (
	"fmt"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// RoundTrips finds requests whose time is the way to the database and back, many
// times.
var RoundTrips = &Analyzer{
	Name:  "round-trips",
	Needs: []evidence.Kind{evidence.Footprints},
	Run:   roundTrips,
	Doc: `a request makes many trips to the database and waits for each

Each statement is another one, fast and needed. But they are sent one after the other,
and each waits for the network there and back: half a millisecond in a data centre, one
or two between zones, more to another region. Forty of them are a tenth of a second in
which application and database do nothing. It does not show on a developer's machine,
where the way is short.

How to confirm it by hand: count the statements of one request (pg_stat_statements before
and after, on an idle system), and time one:

    \timing on
    SELECT 1;      -- from the application's host

What to do: fewer and larger statements; those that do not need each other's results in
one batch (pipeline mode) or side by side; the application in the database's zone.

When it is wrong: the time is spent in something that nobody measured: a call to another
service, a lock inside the application, sleep.`,
}

const (
	// chatty: twenty statements of their own are a page that asks for each of its
	// parts; a page that is put together in one place needs about ten.
	chatty = 20
	// onTheWay: the part of the lonely request's time that its trips take.
	onTheWay = 0.5
)

func roundTrips(p *Pass) {
	each := capacity.RoundTrip(p.Run.Footprints)
	blames := capacity.BlameEach(p.Step, func(k capacity.Key) string {
		if k.Class != capacity.ClassNetwork || k.Statement != "" {
			return ""
		}
		return k.Endpoint
	})
	for _, f := range p.Run.Footprints {
		var repeated float64
		for _, s := range f.Statements {
			repeated = max(repeated, s.Calls)
		}
		trips, _ := capacity.Trips(f)
		way := trips * each
		// One statement again and again is another finding: NPlusOne.
		if trips < chatty || repeated >= trips/2 || way < onTheWay*f.Seconds {
			continue
		}
		blame := blames[f.Endpoint]
		p.Report(Finding{
			Bound:   capacity.Network,
			Subject: Subject{Kind: Endpoint, Name: f.Endpoint, Endpoint: f.Endpoint},
			Message: fmt.Sprintf("one request sends %.0f statements, one after the other, and is on the way for %.0f of its %.0f ms: %.1f ms each",
				trips, 1e3*way, 1e3*f.Seconds, 1e3*each),
			Load: blame.Load, Share: blame.Share,
			Exhibits: []Exhibit{
				{"statements in one request", trips, "", "isolation probe"},
				{"latency of the request alone", f.Seconds, "s", "isolation probe"},
				{"of it in the database", f.DBSeconds, "s", "pg_stat_statements"},
				{"of it on the app's processors", f.AppCPU, "s", "schedstat"},
			},
			Remedy:  &Remedy{Title: "fewer, larger statements; independent ones in one batch; application and database in one zone"},
			Caveats: []string{"a trip is taken to be as long as the endpoint that is away least leaves for each of its statements"},
		})
	}
}
