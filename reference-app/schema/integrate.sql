create table crm_contacts (
  user_id bigint not null,
  external_id text not null,
  synced_at timestamptz not null default now()
);

insert into crm_contacts (user_id, external_id, synced_at)
select u, format('crm-%s', to_hex(seed.hash(u, 1301))), seed.moment(u, users, 700)
from seed.size, generate_series(1, users) u
where seed.unit(u, 1302) < 0.95;

alter table crm_contacts add primary key (user_id);
