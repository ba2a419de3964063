-- name: passed
select schedules.number, schedules.id, schedules.connector, schedules.name, expression, dialect, zone, type, misfire,
    when_active, jitter_s, enabled, next_at, last_at, last_job, schedules.revision, schedules.created_at,
    schedules.updated_at, connectors.id, connectors.name, connectors.index_name, connectors.kind
from schedules join connectors on connectors.number = schedules.connector
where enabled = 1 and next_at is not null and next_at <= ? and connectors.paused = 0
order by next_at, schedules.number
-- name: soonest
select next_at from schedules join connectors on connectors.number = schedules.connector
where enabled = 1 and next_at is not null and next_at > ? and connectors.paused = 0
order by next_at limit 1
-- name: advance
update schedules set next_at = ?3, last_at = coalesce(?4, last_at)
where number = ?1 and enabled = 1 and next_at = ?2 and revision = ?5
    and exists (select 1 from connectors where connectors.number = schedules.connector and paused = 0)
-- name: tell
with next as (update meta set value = value + 1 where key = 'events' returning value)
insert into events (seq, at, type, connector_id, index_name, job, data) select value, ?, ?, ?, ?, ?, ? from next
