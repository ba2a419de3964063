-- What is said to the database. In braces: {table}, {writers}, {stage} (quoted names), {name} (the table, as a literal),
-- {language} (a text search configuration, as a literal), and pieces that depend on the settings.

-- name: make_writers
create table if not exists {writers} (
    table_name text not null,
    connector  bigint not null,   -- 0: whose table it is
    index_id   text not null,
    fence      bigint not null,   -- the newest attempt that has begun
    primary key (table_name, connector)
)
-- name: lock
select pg_advisory_xact_lock(hashtextextended('syncline ' || {name}, 0))
-- name: exists
select to_regclass($1) is not null
-- name: writers
select connector, index_id, fence from {writers} where table_name = {name} and connector in (0, $1)
-- name: claim
insert into {writers} (table_name, connector, index_id, fence) values ({name}, 0, $1, 0)
on conflict (table_name, connector) do nothing
-- name: fence
insert into {writers} as w (table_name, connector, index_id, fence) values ({name}, $1, $2, $3)
on conflict (table_name, connector) do update set fence = excluded.fence, index_id = excluded.index_id
where w.fence <= excluded.fence or w.index_id <> excluded.index_id
returning fence
-- name: newest
select fence from {writers} where table_name = {name} and connector = $1 and index_id = $2 for share
-- name: forget
delete from {writers} where table_name = {name} and index_id = $1 and ($2::bigint is null or connector = $2)
-- name: make_table
create table {table} (
    connector  bigint not null,
    id         text collate "C" not null,
    title      text not null,
    body       text not null,
    metadata   jsonb not null,
    dates      jsonb,
    url        text not null,
    media_type text not null,
    allow      text[] not null,
    deny       text[] not null,
    checksum   bigint not null,
    written    bigint not null{extra_columns},
    primary key (connector, id)
)
-- name: make_index_of_age
create index on {table} (written)
-- name: make_index_of_words
create index on {table} using gin (search)
-- name: any
select exists (select from {table})
-- name: columns
select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as notnull,
    a.atthasdef or a.attidentity <> '' or a.attgenerated <> '' as filled, a.attgenerated <> '' as generated
from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum
-- name: has_key
select exists (
    select from pg_index i
    where i.indrelid = $1::regclass and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null
        and i.indexprs is null and i.indnkeyatts = 2
        and (
            select array_agg(a.attname::text order by a.attname) from pg_attribute a
            where a.attrelid = i.indrelid and a.attnum = any (i.indkey[0:1])
        ) = array['connector', 'id']
)
-- name: has_language
select exists (select from pg_ts_config where cfgname = $1)
-- name: has_vectors
select to_regtype('vector') is not null
-- name: may_write
select bool_and(has_table_privilege(to_regclass($1), verb))
from unnest(array['select', 'insert', 'update', 'delete']) verb
-- name: may_make
select has_schema_privilege(to_regnamespace($1), 'create')
-- name: make_stage
create temporary table if not exists {stage} (
    at int, id text, title text, body text, metadata jsonb, dates jsonb, url text default '', media_type text default '',
    allow text[] default '{}', deny text[] default '{}', title_words text, body_words text, embedding real[]
) on commit delete rows
-- name: insert
insert into {table} as t (
    connector, id, title, body, metadata, dates, url, media_type, allow, deny, checksum, written{extra_names}
)
select $1, s.id, s.title, s.body, s.metadata, s.dates, s.url, s.media_type, s.allow, s.deny, {checksum},
    s.written{extra_values}
-- name: staged
from (select *, (select coalesce(max(written), 0) from {table}) + at as written from {stage}) s
-- name: last
select coalesce(max(written), 0), set_config('plan_cache_mode', 'force_generic_plan', true) from {table}
-- name: by_column
-- $2 is the highest number so far, $3 how many documents these are, and $4 stands between the values of each column.
-- What lies below `offset 0` is done once for each row, and what is constant above it once for all.
from (
    select
        given.*, {url} as url, {allow} as allow, ''::text as media_type, '{}'::text[] as deny, null::real[] as embedding
    from (
        select
            written, id, coalesce(title, '') as title, coalesce(body, '') as body, metadata::jsonb as metadata,
            dates::jsonb as dates, urls, allows, title_words, body_words
        from (
            select
                generate_series($2::bigint + 1, $2 + $3::int) as written,
                unnest(string_to_array($5::text, $4::text)) as id,
                unnest(string_to_array($6::text, $4)) as title,
                unnest(string_to_array($7::text, $4)) as body,
                unnest(string_to_array($8::text, $4)) as metadata,
                unnest(string_to_array($9::text, $4, '')) as dates,
                unnest(string_to_array($10::text, $4)) as urls,
                unnest(string_to_array($11::text, $4)) as allows,
                unnest(string_to_array($12::text, $4)) as title_words,
                unnest(string_to_array($13::text, $4)) as body_words
        ) values_apart
        offset 0
    ) given
) s
-- name: replacing
on conflict (connector, id) do update set
    title = excluded.title, body = excluded.body, metadata = excluded.metadata, dates = excluded.dates,
    url = excluded.url, media_type = excluded.media_type, allow = excluded.allow, deny = excluded.deny,
    checksum = excluded.checksum, written = excluded.written{extra_sets}
-- name: delete
delete from {table} where connector = $1 and id = any ($2::text[])
-- name: delete_all
delete from {table} where connector = $1
-- name: delete_index
delete from {table} where connector in (
    select connector from {writers} where table_name = {name} and index_id = $1 and connector <> 0
)
-- name: one
select connector, id, title, body, length(body), metadata::text, media_type, url, allow, deny, checksum
from {table} where connector = any ($1::bigint[]) and id = $2 order by connector
-- name: page
select connector, id, title, left(body, $4), length(body), metadata::text, media_type, url, allow, deny, checksum
from {table} where (connector, id collate "C") > ($1, $2 collate "C") order by connector, id collate "C" limit $3
-- name: page_of
select connector, id, title, left(body, $4), length(body), metadata::text, media_type, url, allow, deny, checksum
from {table} where connector = $1 and id collate "C" > $2 collate "C" order by id collate "C" limit $3
-- name: stock
select s.id, s.checksum = {checksum} or s.checksum = {first_checksum} from {table} s
where s.connector = $1 and s.id collate "C" > $2 collate "C" order by s.id collate "C" limit $3
-- name: hold
select pg_advisory_xact_lock($1)
-- name: host
select current_user::text, array_to_string(array(select quote_ident(one) from unnest(current_schemas(false)) one), ', '),
    pg_try_advisory_xact_lock($1)
-- name: may_look
select has_schema_privilege(to_regnamespace($1), 'usage')
-- name: may_join
select
    has_database_privilege(current_database(), 'temporary') as may_stage,
    (
        select bool_and(coalesce(has_table_privilege(to_regclass(place), verb), false))
        from (values ($1::text, 'select'), ($1, 'insert'), ($1, 'update'), ($1, 'delete'), ($2, 'select'), ($2, 'update'))
            as needed (place, verb)
    ) as may_write,
    current_user = $3 or (
        select bool_and(pg_has_role(relowner, current_user, 'member'))
        from pg_class where oid in (to_regclass($1), to_regclass($2))
    ) as is_safe,
    current_user = $3 or not row_security_active(to_regclass($1)) as is_level
-- name: as_guest
select set_config('search_path', $1, true), set_config('lock_timeout', $2, true), set_config('timezone', 'UTC', true),
    set_config('client_min_messages', 'warning', true)
