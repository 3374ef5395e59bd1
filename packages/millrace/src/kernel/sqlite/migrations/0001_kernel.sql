-- The kernel's tables. Times are epoch ms, arrays and objects JSON text, references to jobs the uuid text itself.

-- Numbers that are never given twice, also after a delete. A table of ours, because sqlite_sequence cannot be
-- kept from a user's statement.
create table millrace_counter (
  name text not null primary key,
  value integer not null
) strict, without rowid;
insert into millrace_counter values ('lease', 0), ('worker', 0);

create table millrace_lane (
  id integer primary key,
  tenant text not null,
  queue text not null,
  name text not null,
  version integer not null,
  gated integer not null,
  unique (tenant, queue, name, version, gated)
) strict;

create table millrace_job (
  id text not null primary key,
  lane integer not null,
  prio integer not null,
  parent text,
  options text,
  created integer not null,
  payload text not null
) strict, without rowid;
create index millrace_job_lane on millrace_job (lane, id);

-- Only what may run. `gate`: the limit key for whose free place the row was woken; null for who never waited for one.
create table millrace_ready (
  lane integer not null,
  prio integer not null,
  job text not null,
  seq integer not null,
  attempt integer not null,
  care integer not null,
  gate integer,
  primary key (lane, prio, job, seq)
) strict, without rowid;

-- What may not run yet, and why.
create table millrace_waiting (
  job text not null,
  seq integer not null,
  lane integer not null,
  prio integer not null,
  attempt integer not null,
  care integer not null,
  reason integer not null,
  due integer,
  gate integer,
  -- Set with `gate`: behind a limit tenants take turns.
  tenant text,
  rank integer not null,
  primary key (job, seq)
) strict, without rowid;
create index millrace_waiting_due on millrace_waiting (due, job) where due is not null;
create index millrace_waiting_gate on millrace_waiting (gate, tenant, rank, job, seq) where gate is not null;

-- A row per claimed batch: the fence. `running` are positions in `jobs` and `seqs`; `cares` is null while all are 0.
create table millrace_lease (
  id integer primary key,
  worker integer not null,
  claimed integer not null,
  running text not null,
  jobs text not null,
  seqs text not null,
  cares text
) strict;
create index millrace_lease_worker on millrace_lease (worker);

-- History: one row per ended attempt, appended and never updated.
create table millrace_done (
  job text not null,
  seq integer not null,
  attempt integer not null,
  outcome integer not null,
  ms real not null,
  lease integer not null,
  finished integer not null,
  primary key (job, seq, attempt)
) strict, without rowid;

-- Attempts with an error, and bad ends without one.
create table millrace_failure (
  job text not null,
  seq integer not null,
  attempt integer not null,
  lane integer not null,
  outcome integer not null,
  error text,
  primary key (job, seq, attempt)
) strict, without rowid;
create index millrace_failure_end on millrace_failure (lane, job) where outcome >= 10 and seq >= 0;

create table millrace_result (
  job text not null primary key,
  value text not null
) strict, without rowid;

create table millrace_arg (
  path text not null,
  value text not null,
  job text not null,
  primary key (path, value, job)
) strict, without rowid;
create index millrace_arg_job on millrace_arg (job);

-- mode: 1 until started, 2 until done, 3 until a time.
create table millrace_uniq (
  key text not null primary key,
  job text not null,
  mode integer not null,
  until integer
) strict, without rowid;
create index millrace_uniq_job on millrace_uniq (job);

create table millrace_limit_key (
  id integer primary key,
  name text not null unique,
  slots integer,
  per_process integer not null,
  burst real,
  per_ms real,
  tokens real,
  at integer,
  next integer,
  -- The tenant that was woken last: the next turn is that of the one after it.
  turn text
) strict;
create index millrace_limit_key_next on millrace_limit_key (next) where next is not null;

-- Counts only while its lease stands.
create table millrace_permit (
  key integer not null,
  lease integer not null,
  n integer not null,
  primary key (key, lease)
) strict, without rowid;
create index millrace_permit_lease on millrace_permit (lease);

create table millrace_worker (
  id integer primary key,
  host text not null,
  pid integer not null,
  release text not null,
  knows text not null,
  queues text,
  started integer not null,
  until integer not null
) strict;

create table millrace_pause (
  kind text not null,
  value text not null,
  since integer not null,
  by text,
  primary key (kind, value)
) strict, without rowid;

create table millrace_abort (
  job text not null primary key,
  since integer not null
) strict, without rowid;

create table millrace_term (
  name text not null primary key,
  worker integer not null,
  until integer not null
) strict, without rowid;

create table millrace_setting (
  name text not null primary key,
  value text not null
) strict, without rowid;
insert into millrace_setting values ('oldest_release', '0.1.0');
