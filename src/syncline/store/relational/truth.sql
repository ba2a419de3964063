-- name: state
select fence, job, counted, counters, job_cursor, feed_cursor, anchor, memory from state where connector = ?
-- name: claim_new
insert into state (connector, fence, job) values (?, ?, ?)
-- name: claim_again
update state set fence = ? where connector = ?
-- name: claim_next
update state set fence = ?, job = ?, counted = null, counters = null, job_cursor = null where connector = ?
-- name: fence
select fence from state where connector = ?
-- name: save
update state set
    counters = coalesce(?2, counters), counted = coalesce(?3, counted), job_cursor = coalesce(?4, job_cursor),
    feed_cursor = coalesce(?5, feed_cursor), anchor = coalesce(?6, anchor), memory = coalesce(?7, memory)
where connector = ?1
-- name: held
select ledger.seq, ledger.id, ledger.version, ledger.fingerprint, ledger.recipe, ledger.state
from json_each(?2) cross join ledger on ledger.connector = ?1 and ledger.id = json_each.value
-- name: between
select id from ledger where connector = ?1 and id between ?2 and ?3 limit ?4
-- name: rows
select seq, id, version, fingerprint, recipe, state from ledger
where +connector = ?1 and seq > ?2 order by seq limit ?3
-- name: count
select count(*), coalesce(sum(state = 1), 0) from ledger where connector = ?
-- name: tally
select count(*), not exists (
    select 1 from ledger where +connector = ?1 and (state <> 1 or version is null or recipe <> ?2)
), coalesce(max(seq), 0) from ledger where connector = ?1
-- name: names
select cast(group_concat(id, char(10)) || char(10) as blob), count(*), max(seq)
from (select id, seq from ledger where +connector = ?1 and seq > ?2 order by seq limit ?3)
-- name: names_apart
select id from ledger where +connector = ?1 and seq > ?2 and seq <= ?3 order by seq
-- name: seqs
select seq from ledger where +connector = ?1 and seq > ?2 order by seq limit ?3
-- name: rows_at
select ledger.seq, ledger.id, ledger.version, ledger.fingerprint, ledger.recipe, ledger.state
from json_each(?2) cross join ledger on ledger.seq = json_each.value and ledger.connector = ?1
-- name: numbers
select key, value from meta where key in ('next_n', 'next_seq')
-- name: set_number
update meta set value = ?2 where key = ?1
-- name: get_number
select value from meta where key = ?
-- name: remove_number
insert or ignore into removed (n) select n from ledger where seq = ?1 and connector = ?2 and n is not null
-- name: delete_document
delete from documents where n = (select n from ledger where seq = ?1 and connector = ?2)
-- name: delete_row
delete from ledger where seq = ?1 and connector = ?2
-- name: insert_row
insert into ledger (seq, connector, id, version, fingerprint, recipe, state, n, job) values (?, ?, ?, ?, ?, ?, ?, ?, ?)
-- name: update_row
update ledger set version = ?2, fingerprint = ?3, recipe = ?4, state = ?5, n = ?6, job = ?7 where seq = ?1
-- name: mark_row
update ledger set version = ?2, fingerprint = ?3, recipe = ?4, state = ?5 where seq = ?1
-- name: settle_rows
update ledger set state = 1 where seq between ?1 and ?2
-- name: insert_document
insert into documents (n, connector, id, title, body, metadata, media_type, url, allow, deny, checksum)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
-- name: clear_withheld
delete from withheld where connector = ?
-- name: withhold
insert into withheld (connector, seq, reason) values (?, ?, ?)
-- name: withheld_count
select count(*) from withheld where connector = ?
-- name: withheld
select ledger.id, withheld.reason, withheld.approved from withheld join ledger using (seq)
where withheld.connector = ? order by ledger.id
-- name: approve
update withheld set approved = 1 where connector = ?
-- name: approved
select seq from withheld where connector = ? and approved = 1
-- name: newest
select value - 1 from meta where key = 'next_n'
-- name: after
select n, connector, id, title, body, metadata, media_type, url, allow, deny, checksum from documents
where n > ?1 order by n limit ?2
-- name: removed
select n from removed order by n limit ?
-- name: confirm_removed
delete from removed where n = ?
-- name: get
select documents.n, connector, documents.id, title, body, metadata, media_type, url, allow, deny, checksum
from json_each(?1) cross join documents on documents.n = json_each.value
-- name: get_heads
select documents.n, connector, documents.id, title, '', metadata, media_type, url, allow, deny, checksum
from json_each(?1) cross join documents on documents.n = json_each.value
-- name: all_checksums
select n, checksum from documents order by n
-- name: connector_seqs
select seq from ledger where connector = ? order by seq limit ?
-- name: drop_connector
delete from state where connector = ?
-- name: totals
select (select count(*) from documents), (select count(*) from ledger where state = 1)
-- name: rows_without_document
select ledger.seq, ledger.id from ledger left join documents on documents.n = ledger.n
where ledger.state = 1 and documents.n is null
-- name: documents_without_row
select documents.n, documents.id from documents left join ledger
on ledger.connector = documents.connector and ledger.id = documents.id and ledger.n = documents.n
where ledger.seq is null
-- name: fail_row
update ledger set version = null, fingerprint = x'', recipe = '', state = 3, n = null where seq = ?
-- name: delete_number
delete from documents where n = ?
-- name: add_removed
insert or ignore into removed (n) values (?)
