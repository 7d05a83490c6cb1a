package main

import (
	"testing"

	referenceapp "github.com/scalecheck/scalecheck/reference-app"
)

// The users of a built-in scenario are all users that the bundled app's data
// has: with the few that every size has, a large one would be visited like a
// small one.
func TestUsersOfTheBundledApp(t *testing.T) {
	for _, size := range []referenceapp.Size{referenceapp.XS, referenceapp.S, referenceapp.M, referenceapp.L} {
		f := &runFlags{size: string(size), limits: defaultLimits()}
		j, err := f.job("lms")
		if err != nil {
			t.Fatal(err)
		}
		var got int64
		for _, d := range j.scenario.Data {
			if d.Name == "user.n" {
				got = d.Range[1]
			}
		}
		if got != int64(size.Users()) || got < 200 {
			t.Errorf("size %s has %d users, the scenario visits %d", size, size.Users(), got)
		}
	}
}
