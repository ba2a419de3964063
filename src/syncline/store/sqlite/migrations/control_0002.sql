-- The server: indexes with a row of their own, keys, schedules, triggers, outgoing webhooks, events.

create table indexes (
    number      integer primary key autoincrement,
    id          text not null unique,
    name        text not null unique,
    description text not null default '',
    extras      text not null default '{}',
    revision    integer not null default 1,
    created_at  real not null,
    updated_at  real not null
) strict;
insert into indexes (id, name, created_at, updated_at)
select lower(substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-4' || substr(h, 14, 3) || '-a' || substr(h, 18, 3) || '-' || substr(h, 21, 12)),
    index_name, since, since
from (select index_name, min(created_at) as since, hex(randomblob(16)) as h from connectors group by index_name);

alter table connectors add column description text not null default '';
alter table connectors add column paused integer not null default 0;
alter table connectors add column extras text not null default '{}';
alter table connectors add column revision integer not null default 1;
alter table connectors add column updated_at real not null default 0;

alter table jobs add column index_name text not null default '';
alter table jobs add column wanted text not null default 'auto';  -- auto, full, incremental, access_control
alter table jobs add column cause text not null default '';      -- what triggered it: "schedule ID", "webhook", "after NAME"
alter table jobs add column requested_by text not null default '';  -- id of the key
alter table jobs add column deaths integer not null default 0;   -- processes that died under it, by their own fault
alter table jobs add column not_before real not null default 0;  -- a dead job waits a little before it is tried again
update jobs set index_name = coalesce((select index_name from connectors where connectors.number = jobs.connector), '');
create index jobs_by_state on jobs (state, number);
create index active_jobs on jobs (connector, number) where state in ('pending', 'running', 'stopping', 'suspended');

-- Written in the transaction of what they tell of. Read by live views, webhooks and triggers, each by its own mark.
create table events (
    seq          integer primary key autoincrement,
    at           real not null,
    type         text not null,
    connector_id text not null default '',
    index_name   text not null default '',
    job          integer,
    data         text not null default '{}'
) strict;
create table marks (
    reader text primary key,
    seq    integer not null
) without rowid, strict;

create table keys (
    id           text primary key,
    name         text not null default '',
    digest       blob not null unique,   -- SHA-256 of the secret: what a request is looked up by
    sealed       text not null,          -- the secret, encrypted: signatures of requests are verified with it
    scopes       text not null,          -- JSON list
    indexes      text,                   -- JSON list; null: all
    created_at   real not null,
    last_used_at real,
    revoked_at   real
) strict;

create table schedules (
    number      integer primary key autoincrement,
    id          text not null unique,
    connector   integer not null references connectors (number) on delete cascade,
    name        text not null default '',
    expression  text not null,
    dialect     text not null,           -- unix, quartz, aws
    zone        text not null,           -- IANA name
    type        text not null default 'auto',  -- auto, full, incremental, access_control
    misfire     text not null,           -- run_once, skip
    when_active text not null,           -- skip, coalesce
    jitter_s    real not null default 0,
    enabled     integer not null default 1,
    next_at     real,                    -- when it is due next, without jitter; null: never
    last_at     real,                    -- the due time of its last run
    last_job    integer,
    revision    integer not null default 1,
    created_at  real not null,
    updated_at  real not null,
    unique (connector, name)
) strict;
create index schedules_due on schedules (next_at) where enabled and next_at is not null;

create table triggers (
    number     integer primary key autoincrement,
    id         text not null unique,
    connector  integer not null references connectors (number) on delete cascade,
    kind       text not null,            -- watch, webhook, after
    settings   text not null default '{}',  -- JSON; secrets sealed
    enabled    integer not null default 1,
    last_at    real,
    last_job   integer,
    revision   integer not null default 1,
    created_at real not null,
    updated_at real not null
) strict;
create index triggers_by_connector on triggers (connector);

-- Calls of webhook triggers that were heard lately: the same call starts nothing again.
create table calls (
    trigger integer not null references triggers (number) on delete cascade,
    id      text not null,               -- webhook-id
    at      real not null,
    job     integer not null,
    primary key (trigger, id)
) without rowid, strict;

create table webhooks (
    number       integer primary key autoincrement,
    id           text not null unique,
    url          text not null,
    description  text not null default '',
    types        text not null,          -- JSON list of event types; empty: all
    connectors   text,                   -- JSON list of connector ids; null: all
    sealed       text not null,          -- signing secret, encrypted
    enabled      integer not null default 1,
    failing_since real,
    disabled_why text not null default '',
    not_before   real not null default 0,  -- the endpoint asked to be left alone until then
    revision     integer not null default 1,
    created_at   real not null,
    updated_at   real not null
) strict;
create table deliveries (
    number      integer primary key autoincrement,
    id          text not null unique,    -- webhook-id: the same on every attempt
    webhook     integer not null references webhooks (number) on delete cascade,
    event       integer,                 -- seq; null for a test message
    type        text not null,
    payload     text not null,
    state       text not null,           -- waiting, delivered, failed
    attempts    integer not null default 0,
    tries       integer not null default 0,  -- attempts since it was last replayed
    next_at     real,
    last_status integer,
    last_error  text not null default '',
    created_at  real not null,
    ended_at    real
) strict;
create index deliveries_due on deliveries (webhook, next_at) where state = 'waiting';
create index deliveries_ended on deliveries (ended_at) where ended_at is not null;
create unique index deliveries_once on deliveries (webhook, event) where event is not null;
create index deliveries_by_webhook on deliveries (webhook, number);
create table attempts (
    delivery   integer not null references deliveries (number) on delete cascade,
    attempt    integer not null,
    at         real not null,
    status     integer,
    error      text not null default '',
    took_s     real not null,
    primary key (delivery, attempt)
) without rowid, strict;

-- Answers to requests that carried an Idempotency-Key, kept for a day.
create table answers (
    key_id     text not null,
    token      text not null,
    request    blob not null,            -- SHA-256 of method, path and body
    status     integer,                  -- null while the first request is still at work
    headers    text not null default '{}',
    body       blob,
    created_at real not null,
    primary key (key_id, token)
) without rowid, strict;

-- Ids of what a declaration has made or found as declared: only that is removed when it is declared no more.
create table declared (
    id text primary key
) without rowid, strict;
