-- name: one
select documents.n, documents.connector, documents.id, title, body, length(body), metadata, media_type, url, allow, deny,
    checksum, ledger.version, ledger.job
from ledger join documents on documents.n = ledger.n
where ledger.connector = any (array(select json_array_elements_text(?1::json)::bigint)) and ledger.id = ?2
order by ledger.connector
-- name: counts
select count(*) filter (where state = 1), count(*) filter (where state = 2), count(*) filter (where state = 3),
    (select count(*) from withheld)
from ledger
-- name: text_bytes
select coalesce(sum(octet_length(body)), 0)::bigint from documents
