-- What dialects keep beyond connectors, indexes and jobs: JSON documents with a revision.

create table records (
    number     integer primary key autoincrement,
    dialect    text not null,
    kind       text not null,
    id         text not null,
    parent     text not null default '',   -- what it belongs to, by that thing's id
    body       text not null,
    revision   integer not null default 1,
    created_at real not null,
    updated_at real not null,
    unique (dialect, kind, id)
) strict;
create index records_by_parent on records (dialect, kind, parent, number);
