-- name: one
select documents.n, documents.connector, documents.id, title, body, length(body), metadata, media_type, url, allow, deny,
    checksum, ledger.version, ledger.job
from json_each(?1) cross join ledger on ledger.connector = json_each.value and ledger.id = ?2
join documents on documents.n = ledger.n
order by ledger.connector
-- name: page
select documents.n, documents.connector, documents.id, title, substr(body, 1, ?4), length(body), metadata, media_type,
    url, allow, deny, checksum, ledger.version, ledger.job
from ledger join documents on documents.n = ledger.n
where (ledger.connector, ledger.id) > (?1, ?2) and ledger.state = 1
order by ledger.connector, ledger.id limit ?3
-- name: page_of
select documents.n, documents.connector, documents.id, title, substr(body, 1, ?4), length(body), metadata, media_type,
    url, allow, deny, checksum, ledger.version, ledger.job
from ledger join documents on documents.n = ledger.n
where ledger.connector = ?1 and ledger.id > ?2 and ledger.state = 1
order by ledger.id limit ?3
-- name: withheld
select ledger.id, withheld.reason, withheld.approved from withheld join ledger using (seq)
where withheld.connector = ?1 and ledger.id > ?2 order by ledger.id limit ?3
-- name: text_bytes
select coalesce(sum(octet_length(body)), 0) from documents
-- name: counts
select coalesce(sum(state = 1), 0), coalesce(sum(state = 2), 0), coalesce(sum(state = 3), 0),
    (select count(*) from withheld)
from ledger
-- name: twins_by_parent
select documents.n, documents.connector, documents.id, title, '', 0, metadata, media_type, url, allow, deny, checksum,
    ledger.version, ledger.job
from documents join ledger on ledger.connector = documents.connector and ledger.id = documents.id
where documents.connector = ?1 and media_type = 'application/vnd.syncline.twin'
    and json_extract(metadata, '$.parent') = ?2 and documents.id > ?3
order by documents.id limit ?4
-- name: twins_by_type
select documents.n, documents.connector, documents.id, title, '', 0, metadata, media_type, url, allow, deny, checksum,
    ledger.version, ledger.job
from documents join ledger on ledger.connector = documents.connector and ledger.id = documents.id
where documents.connector = ?1 and media_type = 'application/vnd.syncline.twin'
    and json_extract(metadata, '$.component_type') = ?2 and documents.id > ?3
order by documents.id limit ?4
-- name: rows
select id, state, job from ledger where connector = ?1 and id > ?2 order by id limit ?3
