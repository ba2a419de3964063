-- name: add
insert into triggers (id, connector, kind, settings, enabled, created_at, updated_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?6)
-- name: update
update triggers set settings = ?2, enabled = ?3, updated_at = ?4, revision = revision + 1
where number = ?1 and (?5 is null or revision = ?5)
-- name: remove
delete from triggers where number = ?
-- name: by_id
select number, id, connector, kind, settings, enabled, last_at, last_job, revision, created_at, updated_at from triggers
where id = ?
-- name: of
select number, id, connector, kind, settings, enabled, last_at, last_job, revision, created_at, updated_at from triggers
where connector = ? order by number
-- name: enabled
select number, id, connector, kind, settings, enabled, last_at, last_job, revision, created_at, updated_at from triggers
where kind = ? and enabled order by number
-- name: connector
select id, name, index_name, kind, config, paused from connectors where number = ?
-- name: fired
update triggers set last_at = ?2, last_job = ?3 where number = ?1
-- name: call
select job from calls where trigger = ? and id = ?
-- name: add_call
insert into calls (trigger, id, at, job) values (?, ?, ?, ?)
-- name: forget_calls
delete from calls where trigger = ? and at < ?
