package bundled

import (
	referenceapp "github.com/scalecheck/scalecheck/reference-app"
	"github.com/scalecheck/scalecheck/scenarios"
)

// sized are the ranges of built-in scenarios, which number something in the app's
// data. In their files they end where those of the smallest size do.
var sized = map[string]func(referenceapp.Size) int{
	"user.n":        referenceapp.Size.Users,
	"admin.hundred": func(s referenceapp.Size) int { return s.Users() / 100 },
	"shown.id":      referenceapp.Size.Courses,
	"report.id":     referenceapp.Size.Courses,
}

// FollowSize makes the users of a built-in scenario, and what they look at, as
// many as data of the size has: with what every size has, a large one would be
// visited like a small one.
func FollowSize(s *scenarios.Scenario, size referenceapp.Size) error {
	for _, d := range s.Data {
		if n := sized[d.Name]; n != nil && d.Range != nil {
			if err := s.SetRange(d.Name, 1, int64(n(size))); err != nil {
				return err
			}
		}
	}
	return nil
}
