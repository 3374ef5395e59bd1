-- Flex queues are limit keys whose slots are held by jobs, from leaving Holding to their end. most: jobs that may be Holding; null: any number.
alter table millrace_limit_key add column flex integer not null default 0;
alter table millrace_limit_key add column most integer;

-- Jobs that have left Holding; they count until they have ended, whoever deletes the row then.
create table millrace_flex_active (
  job text not null primary key,
  key integer not null
) strict, without rowid;
create index millrace_flex_active_key on millrace_flex_active (key);
