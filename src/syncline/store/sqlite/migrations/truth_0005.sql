-- Ledger rows whose documents a job has inserted many at once, from the first to the last: their outcomes are told from
-- here. No row of the ledger is in two of these.
create table insertions (
    first_seq integer primary key,
    last_seq  integer not null,
    connector integer not null,
    job       integer not null
) strict;
create index insertions_by_job on insertions (job);
