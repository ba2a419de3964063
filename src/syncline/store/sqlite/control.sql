-- name: add_connector
insert into connectors (id, name, index_name, kind, identity, config, config_by, max_deletes, max_percent, created_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning number
-- name: connectors
select number, id, name, index_name, kind, config, config_by, max_deletes, max_percent, created_at from connectors
order by name
-- name: connector_by_ref
select number, id, name, index_name, kind, config, config_by, max_deletes, max_percent, created_at from connectors
where name = ?1 or id = ?1
-- name: connector_by_identity
select number, id, name, index_name, kind, config, config_by, max_deletes, max_percent, created_at from connectors
where identity = ?1 and (?2 is null or index_name = ?2) order by number limit 1
-- name: configure
update connectors set config = ?2, config_by = ?3, identity = ?4 where number = ?1
-- name: remove_connector
delete from connectors where number = ?
-- name: add_job
insert into jobs (id, connector, connector_id, type, trigger, state, force, created_at)
values (?, ?, ?, ?, ?, 'pending', ?, ?) returning number
-- name: next_fence
update meta set value = value + 1 where key = 'fence' returning value
-- name: claim
update jobs set state = 'running', attempt = attempt + 1, fence = ?2, worker = ?3, heartbeat_at = ?4, type = ?5,
    force = max(force, ?6), started_at = coalesce(started_at, ?4)
where number = ?1 and state in ('pending', 'running', 'suspended')
-- name: move
update jobs set state = ?3 where number = ?1 and state = ?2
-- name: end
update jobs set state = ?4, ended_at = ?5, heartbeat_at = ?5, counters = ?6, progress = '{}', error = ?7, notes = ?8
where number = ?1 and fence = ?2 and state = ?3
-- name: state
select state from jobs where number = ?
-- name: beat
update jobs set heartbeat_at = ?3, counters = ?4, progress = ?5 where number = ?1 and fence = ?2
-- name: stop_wanted
select stop_requested, fence from jobs where number = ?
-- name: request_stop
update jobs set stop_requested = 1 where number = ?
-- name: job
select number, id, connector_id, type, trigger, state, force, attempt, fence, created_at, started_at, ended_at,
    heartbeat_at, worker, stop_requested, counters, progress, error, notes from jobs
where number = ?
-- name: jobs_by_id
select number, id, connector_id, type, trigger, state, force, attempt, fence, created_at, started_at, ended_at,
    heartbeat_at, worker, stop_requested, counters, progress, error, notes from jobs
where substr(id, 1, length(?1)) = ?1 limit 2
-- name: jobs
select number, id, connector_id, type, trigger, state, force, attempt, fence, created_at, started_at, ended_at,
    heartbeat_at, worker, stop_requested, counters, progress, error, notes from jobs
where (?1 is null or connector = ?1) and (?2 is null or state = ?2) order by number desc limit ?3
-- name: active_job
select number, id, connector_id, type, trigger, state, force, attempt, fence, created_at, started_at, ended_at,
    heartbeat_at, worker, stop_requested, counters, progress, error, notes from jobs
where connector = ? and state in ('pending', 'running', 'stopping', 'suspended') order by number limit 1
-- name: job_numbers
select number from jobs where connector = ? order by number desc
