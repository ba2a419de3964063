-- name: digests
select inbox.id, digest from json_each(?2) cross join inbox on inbox.connector = ?1 and inbox.id = json_each.value
-- name: standing
select inbox.id, inbox.seq, inbox.body is null, inbox.digest from json_each(?2) cross join inbox
on inbox.connector = ?1 and inbox.id = json_each.value
-- name: take_out
delete from inbox where connector = ?1 and id = ?2
-- name: put
insert into inbox (connector, id, digest, fields, is_text, body) values (?, ?, ?, ?, ?, ?)
-- name: forget_deletions
delete from inbox where connector = ?1 and body is null and seq <= ?2
-- name: drop
delete from inbox where connector = ?
-- name: after
select seq, id, digest, fields, is_text, body from inbox where connector = ?1 and seq > ?2 order by seq limit ?3
-- name: newest
select coalesce(max(seq), 0) from inbox where connector = ?
-- name: totals
select count(*) filter (where body is not null), coalesce(sum(length(body)), 0) from inbox where connector = ?
