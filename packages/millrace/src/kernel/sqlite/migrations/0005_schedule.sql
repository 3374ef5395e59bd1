-- Schedules, by whoever runs them in time, and their fires. Times are epoch ms.

-- `spec`: what the tool knows of it and the engine does not. `warned`: the due time that was told to be late.
create table millrace_schedule (
  id text not null primary key,
  tenant text not null,
  name text not null,
  tool text not null,
  target text not null,
  target_version integer not null,
  cron text,
  zone text not null,
  starts integer,
  ends integer,
  spec text not null,
  origin text not null,
  version integer not null,
  author text,
  state integer not null,
  next integer,
  previous integer,
  triggered integer not null,
  queued integer not null,
  revision integer not null,
  warned integer,
  seen integer not null,
  created integer not null,
  changed integer not null,
  unique (tenant, name)
) strict, without rowid;
create index millrace_schedule_next on millrace_schedule (next) where state = 1 and next is not null;
create index millrace_schedule_queued on millrace_schedule (id) where queued > 0;

-- The primary key is what makes a fire happen once. state: 1 its job has not ended, as far as is known; 2 it has.
create table millrace_fire (
  schedule text not null,
  due integer not null,
  kind integer not null,
  state integer not null,
  job text,
  at integer not null,
  n integer not null,
  primary key (schedule, due)
) strict, without rowid;
create index millrace_fire_open on millrace_fire (schedule, due) where state in (1, 3);
create index millrace_fire_at on millrace_fire (at) where state not in (1, 3);
