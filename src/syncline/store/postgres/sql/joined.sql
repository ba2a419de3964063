-- name: connectors
select r.id, json_extract(r.body, '$.doc.index_name'), json_extract(r.body, '$.doc.name'),
    json_extract(r.body, '$.doc.description'), json_extract(r.body, '$.doc.service_type'),
    case json_extract(r.body, '$.doc.deleted') when 'true' then 1 else 0 end, json_extract(r.body, '$.link.connector'),
    json_extract(r.body, '$.link.name'), json_extract(r.body, '$.link.description')
from records r where r.dialect = ?1 and r.kind = 'connector'
-- name: table_jobs
select 1, j.number, j.id, j.created_at from jobs j
where (?2::text is null or j.connector in (select value::bigint from json_each(?2)))
    and (?3::text is null or j.state in (select value from json_each(?3)))
    and (?4::text is null or case j.wanted when 'auto' then j.type else j.wanted end in (select value from json_each(?4)))
    and (?5::text is null or j.index_name in (select value from json_each(?5)))
    and not exists (
        select 1 from records r where r.dialect = ?1 and r.kind = 'run' and r.id = j.id
            and json_extract(r.body, '$.hidden') = 'true'
    )
order by j.number desc limit ?6
-- name: count_table_jobs
select count(*) from jobs j
where (?2::text is null or j.connector in (select value::bigint from json_each(?2)))
    and (?3::text is null or j.state in (select value from json_each(?3)))
    and (?4::text is null or case j.wanted when 'auto' then j.type else j.wanted end in (select value from json_each(?4)))
    and (?5::text is null or j.index_name in (select value from json_each(?5)))
    and not exists (
        select 1 from records r where r.dialect = ?1 and r.kind = 'run' and r.id = j.id
            and json_extract(r.body, '$.hidden') = 'true'
    )
-- name: hide
insert into records (dialect, kind, id, parent, body, created_at, updated_at)
select ?1, 'run', id, ?3, '{"hidden":true}', ?4, ?4 from jobs where connector in (select value::bigint from json_each(?2))
on conflict (dialect, kind, id) do update
set body = jsonb_set(records.body::jsonb, '{hidden}', 'true')::text, updated_at = excluded.updated_at,
    revision = records.revision + 1
-- name: newest
select j.number from (select value::bigint as connector from json_each(?1)) c join jobs j on j.number in (
    select max(number) from jobs where connector = c.connector and started_at is not null
    union select max(number) from jobs where connector = c.connector and ended_at is not null
    union select max(number) from jobs where connector = c.connector and trigger = 'scheduled' and wanted <> 'incremental'
    union select max(number) from jobs where connector = c.connector and trigger = 'scheduled' and wanted = 'incremental'
)
-- name: bytes_brought
select coalesce(sum(octet_length(documents.body)), 0)::bigint from ledger join documents on documents.n = ledger.n
where ledger.connector = ?1 and ledger.job = ?2
