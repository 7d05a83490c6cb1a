create table activity_events (
  user_id bigint not null,
  course_id bigint not null,
  kind text not null,
  at timestamptz not null
);

create table daily_activity (
  day date not null,
  kind text not null,
  events bigint not null,
  users bigint not null,
  primary key (day, kind)
);

insert into activity_events (user_id, course_id, kind, at)
select
  seed.skewed(g, 1001, users),
  seed.skewed(g, 1002, courses),
  (array['item_viewed', 'item_viewed', 'item_viewed', 'submitted', 'posted'])[seed.pick(g, 1003, 5)],
  seed.moment(g, s.events, 90)
from seed.size s, generate_series(1, s.events) g;

insert into daily_activity (day, kind, events, users)
select (at at time zone 'UTC')::date, kind, count(*), count(distinct user_id)
from activity_events
group by 1, 2
order by 1, 2;

create index activity_events_at_idx on activity_events (at);
