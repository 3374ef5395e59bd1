-- Jobs of several executions: what the next one goes on from. Written with the settle of the one before; one that several jobs share
-- by whoever has locked it.
create table millrace_state (
  job text not null primary key,
  -- The execution it is for.
  seq integer not null,
  phase integer not null,
  data text not null,
  total integer,
  processed integer not null,
  failed integer not null,
  chunks integer not null,
  total_chunks integer,
  errors integer not null,
  -- Records of a chunk from now on.
  scope integer,
  -- The first one.
  error text,
  -- Milliseconds for a record: mean and standard deviation.
  pace real,
  spread real,
  begun integer not null,
  updated integer not null
) strict;

-- Rows that a start brought along, in order; under its lease, so that what a lost one left, or still writes, does not count.
create table millrace_state_page (
  job text not null,
  lease integer not null,
  number integer not null,
  rows text not null,
  primary key (job, lease, number)
) strict;

-- Records that were given up. `by`: the job that is to try them again; null: nobody does.
create table millrace_set_aside (
  job text not null,
  number integer not null,
  seq integer not null,
  records text not null,
  count integer not null,
  error text,
  tries integer not null,
  by text,
  at integer not null,
  primary key (job, number)
) strict;
