-- Jobs that an operator holds: none of their executions begins. due: until when what was put aside had to wait anyway.
create table millrace_hold (
  job text not null primary key,
  since integer not null,
  by text,
  due integer
) strict, without rowid;
