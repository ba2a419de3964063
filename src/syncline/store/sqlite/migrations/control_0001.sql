create table meta (
    key   text primary key,
    value integer not null
) without rowid, strict;
insert into meta (key, value) values ('fence', 0);

create table connectors (
    number      integer primary key autoincrement,
    id          text not null unique,
    name        text not null unique,
    index_name  text not null,
    kind        text not null,
    identity    text not null,
    config      text not null,
    config_by   text not null,
    max_deletes integer not null,
    max_percent real not null,
    created_at  real not null
) strict;
create index connectors_by_identity on connectors (identity);

create table jobs (
    number         integer primary key autoincrement,
    id             text not null unique,
    connector      integer not null,
    connector_id   text not null,
    type           text not null,
    trigger        text not null,
    state          text not null,
    force          integer not null default 0,
    attempt        integer not null default 0,
    fence          integer not null default 0,
    created_at     real not null,
    started_at     real,
    ended_at       real,
    heartbeat_at   real,
    worker         text not null default '',
    stop_requested integer not null default 0,
    counters       text not null default '{}',
    progress       text not null default '{}',
    error          text,
    notes          text not null default '[]'
) strict;
create index jobs_by_connector on jobs (connector, number);

-- Invariant 3: one running job per connector, whatever races.
create unique index one_running_job on jobs (connector) where state in ('running', 'stopping', 'suspended');
