-- name: add
insert into keys (id, name, digest, sealed, scopes, indexes, created_at) values (?, ?, ?, ?, ?, ?, ?)
-- name: all
select id, name, scopes, indexes, created_at, last_used_at, revoked_at from keys order by created_at, id
-- name: by_id
select id, name, scopes, indexes, created_at, last_used_at, revoked_at from keys where id = ?
-- name: by_digest
select digest, id, name, scopes, indexes, created_at, last_used_at, revoked_at from keys where digest = ?
-- name: digest
select digest from keys where id = ?
-- name: sealed
select sealed from keys where id = ?
-- name: touch
update keys set last_used_at = ?2 where id = ?1 and (last_used_at is null or last_used_at < ?2)
-- name: revoke
update keys set revoked_at = ?2, sealed = '{}' where id = ?1 and revoked_at is null
