-- Schedules, by whoever runs them in time, and their fires.

-- spec: what the tool knows of it and the engine does not. warned: the due time that was told to be late.
create table millrace.schedule (
  id uuid primary key,
  tenant text collate "C" not null,
  name text collate "C" not null,
  tool text not null,
  target text not null,
  target_version int not null,
  cron text,
  zone text not null,
  starts timestamptz,
  ends timestamptz,
  spec text not null,
  origin text not null,
  version int not null,
  author text,
  state smallint not null,
  next timestamptz,
  previous timestamptz,
  triggered int not null,
  queued int not null,
  revision int not null,
  warned timestamptz,
  seen timestamptz not null default clock_timestamp(),
  created timestamptz not null default clock_timestamp(),
  changed timestamptz not null default clock_timestamp(),
  unique (tenant, name)
) with (fillfactor = 70);
create index schedule_next on millrace.schedule (next) where state = 1 and next is not null;
create index schedule_queued on millrace.schedule (id) where queued > 0;

-- The primary key is what makes a fire happen once. state: 1 its job has not ended, as far as is known; 2 it has.
create table millrace.fire (
  schedule uuid not null,
  due timestamptz not null,
  kind smallint not null,
  state smallint not null,
  job uuid,
  at timestamptz not null default clock_timestamp(),
  n int not null,
  primary key (schedule, due)
);
create index fire_open on millrace.fire (schedule, due) where state in (1, 3);
create index fire_at on millrace.fire (at) where state not in (1, 3);
