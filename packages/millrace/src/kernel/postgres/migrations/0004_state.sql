-- Jobs of several executions: what the next one goes on from. Written with the settle of the one before; one that several jobs share
-- by whoever has locked it.
create table millrace.state (
  job uuid primary key,
  -- The execution it is for.
  seq int not null,
  phase smallint not null,
  data text not null,
  total bigint,
  processed bigint not null,
  failed bigint not null,
  chunks int not null,
  total_chunks int,
  errors int not null,
  -- Records of a chunk from now on.
  scope int,
  -- The first one.
  error json,
  -- Milliseconds for a record: mean and standard deviation.
  pace float8,
  spread float8,
  begun timestamptz not null default clock_timestamp(),
  updated timestamptz not null
) with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.01,
  autovacuum_vacuum_cost_delay = 0
);

-- Rows that a start brought along, in order; under its lease, so that what a lost one left, or still writes, does not count.
create table millrace.state_page (
  job uuid not null,
  lease bigint not null,
  number int not null,
  rows text not null,
  primary key (job, lease, number)
);

-- Records that were given up. by: the job that is to try them again; null: nobody does.
create table millrace.set_aside (
  job uuid not null,
  number int not null,
  seq int not null,
  records text not null,
  count int not null,
  error json,
  tries int not null,
  by uuid,
  at timestamptz not null default clock_timestamp(),
  primary key (job, number)
);
