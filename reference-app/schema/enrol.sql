create table enrolments (
  user_id bigint not null,
  course_id bigint not null,
  role text not null check (role in ('student', 'instructor')),
  enrolled_at timestamptz not null default now()
);

-- Ten to fourteen draws, of which a few hit a course twice: eight to twelve courses each.
insert into enrolments (user_id, course_id, role, enrolled_at)
select id, course_id, min(role), min(enrolled_at)
from (
  select
    u as id,
    seed.skewed(100 * u + k, 401, courses) as course_id,
    'student' as role,
    seed.epoch() - make_interval(days => 60 + seed.pick(100 * u + k, 402, 60)::int) as enrolled_at
  from seed.size, generate_series(1, users) u, generate_series(1, 9 + seed.pick(u, 403, 5)) k
  union all
  select instructor_id, id, 'instructor', seed.epoch() - interval '150 days'
  from courses
) draws
group by id, course_id
order by id, course_id;

alter table enrolments add primary key (user_id, course_id);
create index enrolments_course_id_user_id_idx on enrolments (course_id, user_id);
