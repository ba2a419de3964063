-- name: rows
select ledger.seq, ledger.id, ledger.n, ledger.version, ledger.fingerprint
from json_each(?2) cross join ledger on ledger.connector = ?1 and ledger.id = json_each.value
where ledger.n is not null
-- name: source
select sources.field, sources.source, substr(documents.body, 1, sources.chars)
from sources join documents on documents.n = sources.n where sources.n = ?
-- name: add_source
insert into sources (n, field, chars, source) values (?, ?, ?, ?)
-- name: next_n
select value from meta where key = 'next_n'
-- name: live
select count(n), coalesce(max(seq), 0) from ledger
-- name: live_of
select count(n) from ledger where connector = ?
-- name: one
select ledger.seq, ledger.connector, ledger.id, ledger.n, ledger.version, documents.title, documents.body,
    documents.metadata, documents.media_type, documents.url, documents.allow, documents.deny, sources.field,
    sources.chars, sources.source
from json_each(?1) cross join ledger on ledger.connector = json_each.value and ledger.id = ?2
join documents on documents.n = ledger.n left join sources on sources.n = ledger.n
order by ledger.seq
-- name: page
select ledger.seq, ledger.connector, ledger.id, ledger.n, ledger.version, documents.title, documents.body,
    documents.metadata, documents.media_type, documents.url, documents.allow, documents.deny, sources.field,
    sources.chars, sources.source
from ledger join documents on documents.n = ledger.n left join sources on sources.n = ledger.n
where ledger.seq > ?1 and ledger.seq <= ?2 order by ledger.seq limit ?3
-- name: page_heads
select ledger.seq, ledger.connector, ledger.id, ledger.n, ledger.version, documents.title, '', documents.metadata,
    documents.media_type, documents.url, documents.allow, documents.deny, sources.field, sources.chars, sources.source
from ledger join documents on documents.n = ledger.n left join sources on sources.n = ledger.n
where ledger.seq > ?1 and ledger.seq <= ?2 order by ledger.seq limit ?3
-- name: at
select ledger.seq, ledger.connector, ledger.id, ledger.n, ledger.version, documents.title, documents.body,
    documents.metadata, documents.media_type, documents.url, documents.allow, documents.deny, sources.field,
    sources.chars, sources.source
from json_each(?1) cross join ledger on ledger.seq = json_each.value
join documents on documents.n = ledger.n left join sources on sources.n = ledger.n
-- name: at_heads
select ledger.seq, ledger.connector, ledger.id, ledger.n, ledger.version, documents.title, '', documents.metadata,
    documents.media_type, documents.url, documents.allow, documents.deny, sources.field, sources.chars, sources.source
from json_each(?1) cross join ledger on ledger.seq = json_each.value
join documents on documents.n = ledger.n left join sources on sources.n = ledger.n
-- name: numbered
select ledger.seq, ledger.connector, ledger.id, ledger.n, ledger.version, documents.title, documents.body,
    documents.metadata, documents.media_type, documents.url, documents.allow, documents.deny, sources.field,
    sources.chars, sources.source
from json_each(?1) cross join documents on documents.n = json_each.value
join ledger on ledger.connector = documents.connector and ledger.id = documents.id and ledger.n = documents.n
left join sources on sources.n = documents.n
-- name: above
select ledger.seq, ledger.connector, ledger.id, ledger.n, ledger.version, documents.title, documents.body,
    documents.metadata, documents.media_type, documents.url, documents.allow, documents.deny, sources.field,
    sources.chars, sources.source
from documents join ledger on ledger.connector = documents.connector and ledger.id = documents.id
    and ledger.n = documents.n
left join sources on sources.n = documents.n
where documents.n > ?1 and documents.n <= ?2 order by documents.n limit ?3
