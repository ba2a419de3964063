-- name: held
select seq, id, version, fingerprint, recipe, state from ledger
where connector = ?1 and id = any (array(select json_array_elements_text(?2::json)))
-- name: rows
select seq, id, version, fingerprint, recipe, state from ledger
where connector = ?1 and seq > ?2 order by seq limit ?3
-- name: count
select count(*), count(*) filter (where state = 1) from ledger where connector = ?
-- name: tally
select count(*), coalesce(bool_and(state = 1 and version is not null and recipe = ?2), true), coalesce(max(seq), 0)
from ledger where connector = ?1
-- name: seqs
select seq from ledger where connector = ?1 and seq > ?2 order by seq limit ?3
-- name: rows_at
select seq, id, version, fingerprint, recipe, state from ledger
where connector = ?1 and seq = any (array(select json_array_elements_text(?2::json)::bigint)) order by seq
-- name: set_number
-- rows
update meta set value = t.value from unnest(?1::text[], ?2::bigint[]) as t (key, value) where meta.key = t.key
-- name: remove_number
-- rows
insert into removed (n) select ledger.n from unnest(?1::bigint[], ?2::bigint[]) as t (seq, connector)
join ledger on ledger.seq = t.seq and ledger.connector = t.connector where ledger.n is not null order by ledger.n
-- name: delete_document
-- rows
with gone as (
    delete from documents where n in (
        select ledger.n from unnest(?1::bigint[], ?2::bigint[]) as t (seq, connector)
        join ledger on ledger.seq = t.seq and ledger.connector = t.connector
    ) returning n
)
delete from sources where n in (select n from gone)
-- name: delete_number
with gone as (delete from documents where n = ? returning n) delete from sources where n in (select n from gone)
-- name: delete_row
-- rows
delete from ledger using unnest(?1::bigint[], ?2::bigint[]) as t (seq, connector)
where ledger.seq = t.seq and ledger.connector = t.connector
-- name: insert_row
-- copy ledger (seq, connector, id, version, fingerprint, recipe, state, n, job)
-- name: update_row
-- rows
update ledger set version = t.version, fingerprint = t.fingerprint, recipe = t.recipe, state = t.state, n = t.n,
    job = t.job
from unnest(?1::bigint[], ?2::text[], ?3::bytea[], ?4::text[], ?5::bigint[], ?6::bigint[], ?7::bigint[])
    as t (seq, version, fingerprint, recipe, state, n, job)
where ledger.seq = t.seq
-- name: mark_row
-- rows
update ledger set version = t.version, fingerprint = t.fingerprint, recipe = t.recipe, state = t.state
from unnest(?1::bigint[], ?2::text[], ?3::bytea[], ?4::text[], ?5::bigint[])
    as t (seq, version, fingerprint, recipe, state)
where ledger.seq = t.seq
-- name: insert_document
-- copy documents (n, connector, id, title, body, metadata, media_type, url, allow, deny, checksum)
-- name: withhold
-- rows
insert into withheld (connector, seq, reason) select * from unnest(?1::bigint[], ?2::bigint[], ?3::text[])
-- name: after
select n, connector, id, title, body, metadata, media_type, url, allow, deny, checksum from (
    select d.*, sum(octet_length(body)) over (order by n) - octet_length(body) as before
    from (select * from documents where n > ?1 order by n limit ?2) d
) e where before < 8388608 order by n
-- name: removed
select n from removed where r > (select swept from readers where reader = ?2) order by r limit ?1
-- name: get
select n, connector, id, title, body, metadata, media_type, url, allow, deny, checksum from documents
where n = any (array(select json_array_elements_text(?1::json)::bigint))
-- name: get_heads
select n, connector, id, title, '', metadata, media_type, url, allow, deny, checksum from documents
where n = any (array(select json_array_elements_text(?1::json)::bigint))
-- name: fail_row
update ledger set version = null, fingerprint = '\x', recipe = '', state = 3, n = null where seq = ?
-- name: add_removed
insert into removed (n) values (?)
-- name: names
select convert_to(string_agg(id, chr(10) order by seq) || chr(10), 'UTF8'), count(*), max(seq)
from (select id, seq from ledger where connector = ?1 and seq > ?2 order by seq limit ?3) page
