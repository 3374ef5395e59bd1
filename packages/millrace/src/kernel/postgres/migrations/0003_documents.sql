-- Definitions that are edited where the system runs. '' stands for all tenants.

-- The newest version of each.
create table millrace.document (
  kind text collate "C" not null,
  tenant text collate "C" not null,
  name text collate "C" not null,
  version int not null,
  removed boolean not null,
  primary key (kind, tenant, name)
);

-- Append only; without a body: the removal. Text, so that it comes back letter by letter.
create table millrace.document_version (
  kind text collate "C" not null,
  tenant text collate "C" not null,
  name text collate "C" not null,
  version int not null,
  body text,
  by text,
  at timestamptz not null default clock_timestamp(),
  primary key (kind, tenant, name, version)
);
