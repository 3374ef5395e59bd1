-- Fixed sets of ids in order: cursors, and pages over a snapshot. state: 0 being filled, 1 open, 2 dropped.
create table millrace.snapshot (
  id uuid primary key,
  tenant text not null,
  purpose text not null,
  detail text not null,
  total bigint not null,
  state smallint not null,
  created timestamptz not null default clock_timestamp(),
  expires timestamptz not null
);
create index snapshot_expires on millrace.snapshot (expires);
create index snapshot_tenant on millrace.snapshot (tenant, created);

-- A thousand ids a row: a row for each id would cost ten times the WAL. One of the arrays is set, by the type of the ids.
create table millrace.snapshot_block (
  snapshot uuid not null,
  number int not null,
  numbers bigint[],
  uuids uuid[],
  texts text[],
  primary key (snapshot, number)
);
-- Trying to compress them costs more than it saves.
alter table millrace.snapshot_block alter numbers set storage external, alter uuids set storage external;
