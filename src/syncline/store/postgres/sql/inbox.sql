-- name: take_out
-- rows
delete from inbox using unnest(?1::bigint[], ?2::text[]) as t (connector, id)
where inbox.connector = t.connector and inbox.id = t.id
-- name: put
-- rows
with rows as (
    select * from unnest(?1::bigint[], ?2::text[], ?3::bytea[], ?4::text[], ?5::bigint[], ?6::bytea[])
        with ordinality as t (connector, id, digest, fields, is_text, body, at)
), next as (
    update meta set value = value + (select count(*) from rows) where key = 'inbox' returning value
)
insert into inbox (seq, connector, id, digest, fields, is_text, body)
select next.value - (select count(*) from rows) + rows.at, connector, id, digest, fields, is_text, body from rows, next
-- name: after
select seq, id, digest, fields, is_text, body from (
    select i.*, sum(octet_length(coalesce(body, ''))) over (order by seq) - octet_length(coalesce(body, '')) as before
    from (select * from inbox where connector = ?1 and seq > ?2 order by seq limit ?3) i
) e where before < 8388608 order by seq
-- name: totals
select count(*) filter (where body is not null), coalesce(sum(octet_length(body)), 0)::bigint from inbox where connector = ?
