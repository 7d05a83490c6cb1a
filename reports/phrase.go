package reports

import (
	"fmt"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// What formats say in words, said once.

// word is the verdict in one word.
func (v verdictPart) word() string { return strings.ToUpper(string(v.Status)) }

// offered names a step's load: "300 users", "40 sessions/s", or "slice 3" of a script.
func (s stepPart) offered() string {
	switch {
	case s.Users.known():
		return plain(s.Users) + " users"
	case s.Rate.known():
		return plain(s.Rate) + " sessions/s"
	}
	return fmt.Sprintf("slice %d", s.Index+1)
}

// axis names what offered counts.
func (d *document) axis() string {
	for _, s := range d.Steps {
		switch {
		case s.Users.known():
			return "users"
		case s.Rate.known():
			return "sessions started per second"
		}
	}
	return "time slice of the script"
}

// judgedStep returns the judged step, and nil where there is none.
func (d *document) judgedStep() *stepPart {
	if d.Judged == nil {
		return nil
	}
	return &d.Steps[*d.Judged]
}

// carries says what the system carries within its objectives.
func (d *document) carries() string {
	c := d.Capacity
	switch {
	case len(d.Steps) == 0:
		return "not measured"
	case len(c.SLO) == 0 && c.RPS == 0:
		return "not judged: no objective was given"
	}
	s := "less than the first step"
	if c.RPS > 0 {
		s = level(c.Users, c.Sessions, c.RPS)
	}
	if len(c.SLO) == 0 {
		return s + " (no objective was given)"
	}
	return s + " within " + strings.Join(c.SLO, ", ")
}

// level is "200 users, 78.4 requests/s", or "5 sessions/s, 78.4 requests/s".
func level(users, sessions, throughput number) string {
	switch {
	case users.known():
		return plain(users) + " users, " + rps(throughput)
	case sessions.known():
		return plain(sessions) + " sessions/s, " + rps(throughput)
	}
	return rps(throughput)
}

// breaks says at what load it does not any more; empty where it always does.
func (d *document) breaks() string {
	if c := d.Capacity; c.NextRPS.known() || c.NextUsers.known() || c.NextSessions.known() {
		return level(c.NextUsers, c.NextSessions, c.NextRPS)
	}
	return ""
}

// limit says what the heaviest station of the judged step is short of; empty
// where nothing was missed.
func (d *document) limit() string {
	c := d.Capacity
	if c.LimitedBy == "" {
		return ""
	}
	if s := d.holder(); s != "" {
		return c.LimitedBy + ": " + s
	}
	return c.LimitedBy
}

// holder says how many requests the station holds that limits the system.
func (d *document) holder() string {
	step := d.judgedStep()
	if step == nil || d.Capacity.LimitedBy == "" {
		return ""
	}
	for _, st := range step.Stations {
		if st.Bound != d.Capacity.LimitedBy {
			continue
		}
		s := fmt.Sprintf("%s holds %s of %s requests in flight", st.Name, plain(st.Load), plain(step.InFlight))
		if st.Utilization.known() {
			s += fmt.Sprintf(", %s busy", share(st.Utilization))
		}
		return s
	}
	return ""
}

// sufficient reports whether all gates hold.
func (d *document) sufficient() bool {
	for _, g := range d.Gates {
		if !g.OK {
			return false
		}
	}
	return len(d.Gates) > 0
}

// evidence says how much there is to stand on.
func (d *document) evidence() string {
	switch {
	case d.sufficient():
		return "sufficient: " + d.amount()
	case len(d.Gates) > 0:
		return "not sufficient: " + d.amount()
	}
	return "not checked: " + d.amount()
}

func (d *document) amount() string {
	ok := 0
	for _, g := range d.Gates {
		if g.OK {
			ok++
		}
	}
	var n int64
	for _, st := range d.Steps {
		n += st.Requests
	}
	s := plural(int(n), "request")
	if len(d.Gates) > 0 {
		s = fmt.Sprintf("%d of %s hold, %s", ok, plural(len(d.Gates), "gate"), s)
	}
	if d.Coverage.known() {
		s += fmt.Sprintf(", %s of their time attributed", share(d.Coverage))
	}
	return s
}

// figures says a cause's weight: "bound by cpu · 61 % of requests in flight (8.2) · confidence 0.93".
func (c causePart) figures() string {
	var s []string
	if c.Bound != "" {
		s = append(s, "bound by "+c.Bound)
	}
	if c.Load > 0 {
		s = append(s, fmt.Sprintf("%s of requests in flight (%s)", share(c.Share), plain(c.Load)))
	}
	if c.Confidence.known() {
		s = append(s, "confidence "+plain(c.Confidence))
	}
	return strings.Join(s, " · ")
}

// says is an exhibit in words: "blocks a call: 4 210 blocks (pg_stat_statements)".
func (e exhibitPart) says() string {
	s := e.Name + ": " + inUnit(e.Value, e.Unit)
	if e.Source != "" {
		s += " (" + e.Source + ")"
	}
	return s
}

// says is a rival in words: "n-plus-one (GET /inbox), 11 %".
func (r rivalPart) says() string {
	s := r.Cause
	if r.Name != "" {
		s += " (" + fit(r.Name, 160) + ")"
	}
	return s + ", " + share(r.Share)
}

// says is a judgment in words.
func (j judgmentPart) says() string {
	figure := seconds
	if strings.Contains(j.Objective, "errors<") {
		figure = share
	}
	switch capacity.Status(j.Status) {
	case capacity.TooFew:
		return fmt.Sprintf("%d requests, %d are needed to say", j.N, j.Need)
	case capacity.Unmeasured:
		return "no requests"
	}
	got := figure(j.Got)
	if !j.Got.known() {
		got = fmt.Sprintf("out of reach, %s %s", share(number(j.Failed+j.Overdue)/number(j.N)), unanswered(j.Overdue))
	}
	s := fmt.Sprintf("%s, limit %s (n=%s)", got, figure(j.Limit), count(j.N))
	if capacity.Status(j.Status) == capacity.Boundary {
		s += ", but chance could explain it"
	}
	return s
}

// complete says how the run ended; empty where it went through all of its plan.
func (r runPart) complete() string {
	switch {
	case r.Complete:
		return ""
	case r.End == "":
		return "the run file ends without an end: scalecheck was killed or the disk is full"
	case r.Unread > 0 && r.End == evidence.Completed:
		return fmt.Sprintf("the file is damaged: %s of it could not be read", plural(r.Unread, "record"))
	case r.Detail != "":
		return r.End + ": " + r.Detail
	}
	return r.End
}

// system says where it ran.
func (e environmentPart) system() string {
	var s []string
	if e.Cores > 0 {
		s = append(s, plural(e.Cores, "core"))
	}
	if e.MemoryBytes > 0 {
		s = append(s, bytesOf(number(e.MemoryBytes))+" memory")
	}
	for _, t := range []string{e.CPU, e.Kernel} {
		if t != "" {
			s = append(s, t)
		}
	}
	if e.Postgres != "" {
		s = append(s, "PostgreSQL "+strings.TrimPrefix(e.Postgres, "PostgreSQL "))
	}
	if e.DatabaseBytes > 0 {
		s = append(s, "database "+bytesOf(number(e.DatabaseBytes)))
	}
	return strings.Join(s, " · ")
}

// did says how the generator did.
func (g generatorPart) did() string {
	s := []string{fmt.Sprintf("%s requests started", count(g.Started))}
	if g.CPU.known() {
		s = append(s, plain(g.CPU)+" cores")
	}
	if g.Lag.known() {
		s = append(s, "late by "+seconds(g.Lag)+" (p99)")
	}
	s = append(s, count(g.Dropped)+" dropped")
	if g.Clock != "" {
		s = append(s, "latency counts from "+map[string]string{
			"intended start": "the intended start",
			"service time":   "the actual start (service time: waits inside the generator do not show)",
		}[g.Clock])
	}
	return strings.Join(s, ", ")
}

// did says what the users did beside what they were meant to do; empty where
// nobody did anything.
func (l workloadPart) did() string {
	if l.Requests == 0 {
		return ""
	}
	var s []string
	if l.Shift.known() {
		s = append(s, fmt.Sprintf("%s of the requests went elsewhere than intended (limit %s)", share(l.Shift), share(l.Limit)))
	}
	s = append(s, fmt.Sprintf("%s of %s requests refused", count(l.Refused), count(l.Requests)))
	if due := max(l.Offered, l.Sessions+l.Dropped); due > 0 {
		s = append(s, fmt.Sprintf("%s of %s sessions began, %s dropped", count(l.Sessions), count(due), count(l.Dropped)))
	}
	return strings.Join(s, ", ")
}

// cost says what observing cost.
func (o overheadPart) cost() string {
	return fmt.Sprintf("%s of the machine's CPU (%s), %s statements in %s of database time",
		share(o.Share), seconds(o.CPUSeconds), plain(o.DatabaseCalls), seconds(o.DatabaseSeconds))
}

// bottleneck returns the finding that the verdict names, with its evidence.
func (d *document) bottleneck() *findingPart {
	switch {
	case d.Bottleneck == nil:
		return nil
	case d.named >= 0:
		return &d.Findings[d.named]
	}
	return &findingPart{causePart: *d.Bottleneck}
}

// otherFindings returns all findings but the bottleneck.
func (d *document) otherFindings() []findingPart {
	var out []findingPart
	for i, f := range d.Findings {
		if d.Bottleneck == nil || i != d.named {
			out = append(out, f)
		}
	}
	return out
}
