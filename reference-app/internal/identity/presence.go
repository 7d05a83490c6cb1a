package identity

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	noteSeen = `
insert into presence (user_id, seen_at)
values ($1, now())
on conflict (user_id) do update set seen_at = excluded.seen_at`

	countPresent = `
select count(*)
from presence`

	// Two thousand groups, each of half as many visitors again as there are users; visitors
	// have negative ids, which no user has. They come in one transaction and leave in
	// the next, as they do who look in for a moment. The plan of the deletion is made
	// when the table is still small.
	replayVisits = `
do $$
declare
  visitors bigint := (select count(*) * 3 / 2 from users);
begin
  for i in 1..2000 loop
    set local synchronous_commit = off;
    insert into presence (user_id, seen_at)
    select -g, now()
    from generate_series((i - 1) * visitors + 1, i * visitors) g;
    commit;
    set local synchronous_commit = off;
    set local enable_seqscan = off;
    delete from presence
    where user_id between -i * visitors and -(i - 1) * visitors - 1;
    commit;
  end loop;
end $$`
)

// Presence knows who is here.
type Presence struct {
	Pool *pgxpool.Pool
}

// Replay lets a morning's visitors come and go.
func (p Presence) Replay(ctx context.Context) error {
	if _, err := p.Pool.Exec(ctx, replayVisits); err != nil {
		return fmt.Errorf("replay visits: %w", err)
	}
	return nil
}

// Present notes that a user is here, and returns how many are.
func (p Presence) Present(ctx context.Context, user int64) (any, error) {
	if _, err := p.Pool.Exec(ctx, noteSeen, user); err != nil {
		return nil, fmt.Errorf("presence of user %d: %w", user, err)
	}
	var n int64
	if err := p.Pool.QueryRow(ctx, countPresent).Scan(&n); err != nil {
		return nil, fmt.Errorf("presence: %w", err)
	}
	return n, nil
}
