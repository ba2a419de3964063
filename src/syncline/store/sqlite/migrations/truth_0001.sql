create table meta (
    key   text primary key,
    value integer not null
) without rowid, strict;
insert into meta (key, value) values ('next_n', 1), ('next_seq', 1), ('confirmed', 0);

-- One row for each connector: the fence, and where its last job left off.
create table state (
    connector   integer primary key,
    fence       integer not null,
    job         integer not null,
    counted     blob,
    counters    text,
    job_cursor  text,
    feed_cursor text,
    anchor      text not null default '',
    memory      text
) strict;

-- What we believe of each document. `n` is its number in `documents`, null unless it is live.
create table ledger (
    seq         integer primary key,
    connector   integer not null,
    id          text not null,
    version     text,
    fingerprint blob not null,
    recipe      text not null,
    state       integer not null,
    n           integer,
    job         integer not null,
    unique (connector, id)
) strict;

create table documents (
    n          integer primary key,
    connector  integer not null,
    id         text not null,
    title      text not null,
    body       text not null,
    metadata   text,
    media_type text not null,
    url        text not null,
    allow      text,
    deny       text,
    checksum   integer not null
) strict;

-- Numbers whose documents are gone and which the text index has not confirmed yet.
create table removed (
    n integer primary key
) strict;

create table outcomes (
    job       integer not null,
    id        text not null,
    kind      text not null,
    stage     text not null,
    code      text not null,
    message   text not null,
    remedy    text not null,
    primary key (job, id)
) without rowid, strict;

create table withheld (
    connector integer not null,
    seq       integer not null,
    reason    text not null,
    approved  integer not null default 0,
    primary key (connector, seq)
) without rowid, strict;
