-- name: connectors
select r.id, json_extract(r.body, '$.doc.index_name'), json_extract(r.body, '$.doc.name'),
    json_extract(r.body, '$.doc.description'), json_extract(r.body, '$.doc.service_type'),
    coalesce(json_extract(r.body, '$.doc.deleted'), 0), json_extract(r.body, '$.link.connector'),
    json_extract(r.body, '$.link.name'), json_extract(r.body, '$.link.description')
from records r where r.dialect = ?1 and r.kind = 'connector'
-- name: record_jobs
select 0, number, id, created_at from records
where dialect = ?1 and kind = 'job' and (?2 is null or parent = ?2)
    and (?3 is null or json_extract(body, '$.doc.status') in (select value from json_each(?3)))
    and (?4 is null or json_extract(body, '$.doc.job_type') in (select value from json_each(?4)))
    and (?5 is null or json_extract(body, '$.index') in (select value from json_each(?5)))
order by number desc limit ?6
-- name: count_record_jobs
select count(*) from records
where dialect = ?1 and kind = 'job' and (?2 is null or parent = ?2)
    and (?3 is null or json_extract(body, '$.doc.status') in (select value from json_each(?3)))
    and (?4 is null or json_extract(body, '$.doc.job_type') in (select value from json_each(?4)))
    and (?5 is null or json_extract(body, '$.index') in (select value from json_each(?5)))
-- name: table_jobs
select 1, j.number, j.id, j.created_at from jobs j
where (?2 is null or j.connector in (select value from json_each(?2)))
    and (?3 is null or j.state in (select value from json_each(?3)))
    and (?4 is null or case j.wanted when 'auto' then j.type else j.wanted end in (select value from json_each(?4)))
    and (?5 is null or j.index_name in (select value from json_each(?5)))
    and not exists (
        select 1 from records r where r.dialect = ?1 and r.kind = 'run' and r.id = j.id and json_extract(r.body, '$.hidden')
    )
order by j.number desc limit ?6
-- name: count_table_jobs
select count(*) from jobs j
where (?2 is null or j.connector in (select value from json_each(?2)))
    and (?3 is null or j.state in (select value from json_each(?3)))
    and (?4 is null or case j.wanted when 'auto' then j.type else j.wanted end in (select value from json_each(?4)))
    and (?5 is null or j.index_name in (select value from json_each(?5)))
    and not exists (
        select 1 from records r where r.dialect = ?1 and r.kind = 'run' and r.id = j.id and json_extract(r.body, '$.hidden')
    )
-- name: runs
select distinct j.connector from records r join jobs j on j.id = r.id
where r.dialect = ?1 and r.kind = 'run' and r.parent = ?2
-- name: hide
insert into records (dialect, kind, id, parent, body, created_at, updated_at)
select ?1, 'run', id, ?3, '{"hidden":true}', ?4, ?4 from jobs where connector in (select value from json_each(?2))
on conflict (dialect, kind, id) do update
set body = json_set(body, '$.hidden', json('true')), updated_at = excluded.updated_at, revision = revision + 1
-- name: newest
select j.number from (select value as connector from json_each(?1)) c join jobs j on j.number in (
    select max(number) from jobs where connector = c.connector and started_at is not null
    union select max(number) from jobs where connector = c.connector and ended_at is not null
    union select max(number) from jobs where connector = c.connector and trigger = 'scheduled' and wanted is not 'incremental'
    union select max(number) from jobs where connector = c.connector and trigger = 'scheduled' and wanted = 'incremental'
)
-- name: bytes_brought
select coalesce(sum(octet_length(documents.body)), 0) from ledger join documents on documents.n = ledger.n
where ledger.connector = ?1 and ledger.job = ?2
