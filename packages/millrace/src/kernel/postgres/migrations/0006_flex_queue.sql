-- Flex queues are limit keys whose slots are held by jobs, from leaving Holding to their end. most: jobs that may be Holding; null: any number.
alter table millrace.limit_key add column flex boolean not null default false;
alter table millrace.limit_key add column most int;

-- Jobs that have left Holding; they count until they have ended, whoever deletes the row then.
create table millrace.flex_active (
  job uuid primary key,
  key int not null
);
create index flex_active_key on millrace.flex_active (key);
