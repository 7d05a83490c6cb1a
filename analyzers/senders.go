package analyzers

import (
	"slices"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// senders adds who sends a finding's statement by what its sampled sessions say: the
// route or the controller in the statement's comment, and the application_name where
// several applications use the database. That is the application's own word, and
// stands beside the footprints, or in their place.
func senders(s *capacity.Step, w evidence.Window, f *Finding) {
	if f.Subject.Statement == "" || w.Sessions == nil {
		return
	}
	var all float64
	by, of := map[string]float64{}, map[string]float64{}
	applications := map[string]bool{}
	for _, a := range w.Sessions.Activity {
		if a.Backend != evidence.ClientBackend {
			continue
		}
		applications[a.Application] = true
		if a.Statement == f.Subject.Statement {
			all += a.AAS
			by[a.Sender] += a.AAS
			of[a.Application] += a.AAS
		}
	}
	if all == 0 {
		return
	}
	untagged := by[""]
	delete(by, "")
	if len(by) > 0 {
		most := largest(by)
		e := Exhibit{"sessions of the statement that say they work for " + most, by[most] / all, "share", "comments in pg_stat_activity"}
		if names := s.SentFor(most); f.Subject.Endpoint != "" && len(names) > 0 && !slices.Contains(names, f.Subject.Endpoint) {
			f.Against = append(f.Against, e)
		} else {
			f.Exhibits = append(f.Exhibits, e)
		}
		if untagged/all >= minShown {
			f.Against = append(f.Against, Exhibit{"sessions of the statement that do not say whom they work for", untagged / all, "share", "comments in pg_stat_activity"})
		}
	}
	if most := largest(of); len(applications) > 1 && most != "" {
		f.Exhibits = append(f.Exhibits, Exhibit{"sessions of the statement that are of application " + most, of[most] / all, "share", "application_name"})
	}
}
