-- name: add
insert into records (dialect, kind, id, parent, body, created_at, updated_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?6)
on conflict (dialect, kind, id) do nothing returning number
-- name: update
update records set body = ?4, updated_at = ?5, revision = revision + 1
where dialect = ?1 and kind = ?2 and id = ?3 and (?6 is null or revision = ?6) returning number
-- name: one
select number, kind, id, parent, body, revision, created_at, updated_at from records
where dialect = ?1 and kind = ?2 and id = ?3
-- name: page
select number, kind, id, parent, body, revision, created_at, updated_at from records
where dialect = ?1 and kind = ?2 and number > ?3 order by number limit ?4
-- name: page_of
select number, kind, id, parent, body, revision, created_at, updated_at from records
where dialect = ?1 and kind = ?2 and parent = ?5 and number > ?3 order by number limit ?4
-- name: page_back
select number, kind, id, parent, body, revision, created_at, updated_at from records
where dialect = ?1 and kind = ?2 and parent = ?5 and (?3 is null or number < ?3) order by number desc limit ?4
-- name: count
select count(*) from records where dialect = ?1 and kind = ?2 and (?3 is null or parent = ?3)
-- name: remove
delete from records where dialect = ?1 and kind = ?2 and id = ?3
-- name: remove_of
delete from records where dialect = ?1 and kind = ?2 and parent = ?3
-- name: any
select exists (select 1 from records where dialect = ?1)
