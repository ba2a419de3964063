-- What was pushed: the newest of each document, and of deletions those that no job has taken over yet.
create table inbox (
    seq       integer primary key autoincrement,  -- the cursor of the feed
    connector integer not null,
    id        text not null,
    digest    blob not null,     -- of everything that was pushed; empty: it is to be deleted
    fields    text not null,     -- JSON: title, metadata, url, media_type, allow, deny
    is_text   integer not null,
    body      blob,              -- zlib; null: it is to be deleted
    unique (connector, id)
) strict;
create index inbox_by_connector on inbox (connector, seq);
