-- Ledger rows whose documents a job has inserted many at once, from the first to the last: their outcomes are told from
-- here. No row of the ledger is in two of these.
create table insertions (
    first_seq bigint primary key,
    last_seq  bigint not null,
    connector bigint not null,
    job       bigint not null
);
create index insertions_by_job on insertions (job);
