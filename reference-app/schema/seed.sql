-- What the modules' seed statements share. Everything is derived from
-- hash(id, salt), never from random(): the same seed gives the same rows in any
-- order and on any number of connections. Skew uses only multiplication and
-- sqrt, which IEEE 754 defines exactly, so machines agree too.
--
-- Go replaces SEED and the sizes, runs this file first and drops the schema
-- last.

create schema seed;

create table seed.size as
select
  $TENANTS::bigint as tenants,
  $USERS::bigint as users,
  $COURSES::bigint as courses,
  $THREADS::bigint as threads,
  $POSTS::bigint as posts,
  $CONVERSATIONS::bigint as conversations,
  $MESSAGES::bigint as messages,
  $NOTIFICATIONS::bigint as notifications,
  $EVENTS::bigint as events,
  $AUDITS::bigint as audits;

-- 63 bits.
create function seed.hash(id bigint, salt bigint) returns bigint
language sql immutable parallel safe as $$
select hashint8extended(id, salt + 1000003 * $SEED::bigint) & 9223372036854775807
$$;

-- Uniform in [0, 1).
create function seed.unit(id bigint, salt bigint) returns float8
language sql immutable parallel safe as $$
select (seed.hash(id, salt) >> 10)::float8 / 9007199254740992
$$;

-- Uniform in 1 … n.
create function seed.pick(id bigint, salt bigint, n bigint) returns bigint
language sql immutable parallel safe as $$
select 1 + seed.hash(id, salt) % n
$$;

-- In 1 … n, low numbers far more often: the first percent gets a tenth of the draws.
create function seed.skewed(id bigint, salt bigint, n bigint) returns bigint
language sql immutable parallel safe as $$
select 1 + floor(seed.unit(id, salt) * seed.unit(id, salt) * n)::bigint
$$;

-- The moment the seeded history ends. A constant, for the sake of repeatability.
create function seed.epoch() returns timestamptz
language sql immutable parallel safe as $$
select timestamptz '2026-01-05 08:00:00+00'
$$;

-- The moment of the i-th of n events of the last days before the epoch: ids and
-- times grow together, as they do in tables that are only appended to.
create function seed.moment(i bigint, n bigint, days int) returns timestamptz
language sql immutable parallel safe as $$
select seed.epoch() - make_interval(secs => days * 86400.0 * (n - i) / n)
$$;

create function seed.subject(id bigint, salt bigint) returns text
language sql immutable parallel safe as $$
select (array[
  'Algebra', 'Anatomy', 'Archaeology', 'Astronomy', 'Biochemistry', 'Botany', 'Calculus', 'Cartography',
  'Chemistry', 'Cryptography', 'Databases', 'Economics', 'Electronics', 'Ethics', 'Genetics', 'Geology',
  'Geometry', 'Hydrology', 'Immunology', 'Journalism', 'Linguistics', 'Logic', 'Mechanics', 'Metallurgy',
  'Meteorology', 'Microbiology', 'Musicology', 'Networks', 'Nutrition', 'Optics', 'Pedagogy', 'Pharmacology',
  'Philosophy', 'Physics', 'Physiology', 'Poetics', 'Probability', 'Psychology', 'Rhetoric', 'Robotics',
  'Seismology', 'Semantics', 'Sociology', 'Statistics', 'Surgery', 'Thermodynamics', 'Topology', 'Zoology'
])[seed.pick(id, salt, 48)]
$$;

create function seed.sentence(id bigint, salt bigint) returns text
language sql immutable parallel safe as $$
select (array[
  'The argument rests on a single assumption that we will test in the next section.',
  'Compare your result with the table and explain the difference in two sentences.',
  'Nobody expected the measurement to agree with the model so closely.',
  'I read the chapter twice and still do not see why the second step follows.',
  'Remember that the units must match before the terms can be added.',
  'The original experiment was repeated four times with the same outcome.',
  'A short example makes the general statement easier to believe.',
  'See the reading list for two papers that take the opposite view.',
  'The deadline has not moved, but questions are welcome until Friday.',
  'Draw the diagram first; the equation is then only a description of it.',
  'Thank you, that was the part I was missing.',
  'What happens at the boundary is left as an exercise.',
  'The method is old, but its cost was understood only recently.',
  'Please cite the edition that you used, because the page numbers differ.',
  'Start with the simplest case and add one complication at a time.',
  'The proof is by contradiction and fits on half a page.'
])[seed.pick(id, salt, 16)]
$$;
