-- name: forget
delete from answers where created_at < ?1 or (status is null and created_at < ?2)
-- name: abandon
delete from answers where status is null
-- name: begin
insert into answers (key_id, token, request, created_at) values (?, ?, ?, ?) on conflict do nothing
-- name: find
select request, status, headers, body from answers where key_id = ? and token = ?
-- name: finish
update answers set status = ?3, headers = ?4, body = ?5 where key_id = ?1 and token = ?2
-- name: drop
delete from answers where key_id = ? and token = ?
