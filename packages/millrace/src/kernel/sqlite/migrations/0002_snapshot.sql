-- Fixed sets of ids in order: cursors, and pages over a snapshot. state: 0 being filled, 1 open, 2 dropped.
create table millrace_snapshot (
  id text not null primary key,
  tenant text not null,
  purpose text not null,
  detail text not null,
  total integer not null,
  state integer not null,
  created integer not null,
  expires integer not null
) strict, without rowid;
create index millrace_snapshot_expires on millrace_snapshot (expires);
create index millrace_snapshot_tenant on millrace_snapshot (tenant, created);

-- A thousand ids a row: a JSON array, or 16 bytes for each where all are uuids.
create table millrace_snapshot_block (
  snapshot text not null,
  number integer not null,
  ids any not null,
  primary key (snapshot, number)
) strict;
