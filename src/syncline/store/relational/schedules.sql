-- name: add
insert into schedules (
    id, connector, name, expression, dialect, zone, type, misfire, when_active, jitter_s, enabled, next_at, created_at,
    updated_at
)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13)
-- name: update
update schedules set name = ?2, expression = ?3, dialect = ?4, zone = ?5, type = ?6, misfire = ?7, when_active = ?8,
    jitter_s = ?9, enabled = ?10, next_at = ?11, updated_at = ?12, revision = revision + 1
where number = ?1 and (?13 is null or revision = ?13)
-- name: remove
delete from schedules where number = ?
-- name: by_id
select number, id, connector, name, expression, dialect, zone, type, misfire, when_active, jitter_s, enabled, next_at,
    last_at, last_job, revision, created_at, updated_at from schedules
where id = ?
-- name: of
select number, id, connector, name, expression, dialect, zone, type, misfire, when_active, jitter_s, enabled, next_at,
    last_at, last_job, revision, created_at, updated_at from schedules
where connector = ? order by number
-- name: passed
select schedules.number, schedules.id, schedules.connector, schedules.name, expression, dialect, zone, type, misfire,
    when_active, jitter_s, enabled, next_at, last_at, last_job, schedules.revision, schedules.created_at,
    schedules.updated_at, connectors.id, connectors.name, connectors.index_name, connectors.kind
from schedules join connectors on connectors.number = schedules.connector
where enabled and next_at is not null and next_at <= ? and not connectors.paused
order by next_at, schedules.number
-- name: soonest
select next_at from schedules join connectors on connectors.number = schedules.connector
where enabled and next_at is not null and next_at > ? and not connectors.paused
order by next_at limit 1
-- name: advance
update schedules set next_at = ?3, last_at = coalesce(?4, last_at)
where number = ?1 and enabled and next_at = ?2 and revision = ?5
    and exists (select 1 from connectors where connectors.number = schedules.connector and not paused)
-- name: started
update schedules set last_job = ?2 where number = ?1
-- name: disable
update schedules set enabled = 0, updated_at = ?2, revision = revision + 1 where number = ?1
-- name: tell
insert into events (at, type, connector_id, index_name, job, data) values (?, ?, ?, ?, ?, ?)
