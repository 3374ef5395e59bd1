-- Jobs that an operator holds: none of their executions begins. due: until when what was put aside had to wait anyway.
create table millrace.hold (
  job uuid primary key,
  since timestamptz not null default clock_timestamp(),
  by text,
  due timestamptz
);
