-- Definitions that are edited where the system runs. '' stands for all tenants.

-- The newest version of each.
create table millrace_document (
  kind text not null,
  tenant text not null,
  name text not null,
  version integer not null,
  removed integer not null,
  primary key (kind, tenant, name)
) strict, without rowid;

-- Append only; without a body: the removal.
create table millrace_document_version (
  kind text not null,
  tenant text not null,
  name text not null,
  version integer not null,
  body text,
  by text,
  at integer not null,
  primary key (kind, tenant, name, version)
) strict;
