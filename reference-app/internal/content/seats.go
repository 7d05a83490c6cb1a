package content

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/reference-app/internal/analytics"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
)

const (
	countFreeSeats = `
select l.seats - (
  select count(*)
  from course_seats s
  where s.course_id = l.course_id
    and s.until > now()
)
from course_licences l
where l.course_id = $1`

	takeSeat = `
insert into course_seats (user_id, course_id, until)
values ($1, $2, now() + interval '10 minutes')
on conflict (user_id) do update set course_id = excluded.course_id, until = excluded.until`
)

const (
	// seatTries of a view that is refused.
	seatTries = 6
	// seatPause before the second try; before each further one twice as long.
	seatPause = 300 * time.Millisecond
)

// viewSeated is like viewAndRecord for users who need a seat in the course. That
// there are never more of them than seats is left to the isolation level.
func (m *Module) viewSeated(ctx context.Context, user, id int64) (it item, err error) {
	pause := seatPause
	for try := 1; ; try++ {
		err = pgx.BeginTxFunc(ctx, m.pool, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(tx pgx.Tx) (err error) {
			if it, err = m.open(ctx, tx, user, id); err != nil {
				return err
			}
			return takeSeatIn(ctx, tx, user, it.CourseID)
		})
		if err == nil {
			return it, m.recorder.Record(ctx, analytics.Event{User: user, Course: it.CourseID, Kind: analytics.ItemViewed})
		}
		if state(err) != serializationFailure || try == seatTries {
			return item{}, err
		}
		select {
		case <-ctx.Done():
			return item{}, ctx.Err()
		case <-time.After(pause):
		}
		pause *= 2
	}
}

func takeSeatIn(ctx context.Context, tx pgx.Tx, user, course int64) error {
	var free int64
	if err := tx.QueryRow(ctx, countFreeSeats, course).Scan(&free); err != nil {
		return fmt.Errorf("seats of course %d: %w", course, err)
	}
	if free <= 0 {
		return web.Conflict("all seats of the course are taken")
	}
	if _, err := tx.Exec(ctx, takeSeat, user, course); err != nil {
		return fmt.Errorf("take a seat in course %d: %w", course, err)
	}
	return nil
}
