-- name: add_index
insert into indexes (id, name, description, extras, created_at, updated_at, destination, settings)
values (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)
-- name: ensure_index
insert into indexes (id, name, created_at, updated_at) values (?1, ?2, ?3, ?3) on conflict (name) do nothing
-- name: indexes
select number, id, name, description, extras, revision, created_at, updated_at, destination, settings from indexes
order by name
-- name: index_by_ref
select number, id, name, description, extras, revision, created_at, updated_at, destination, settings from indexes
where name = ?1 or id = ?1
-- name: update_index
update indexes set description = ?2, extras = ?3, updated_at = ?4, settings = ?6, revision = revision + 1
where number = ?1 and (?5 is null or revision = ?5)
-- name: remove_index
delete from indexes where number = ?
-- name: add_connector
insert into connectors (
    id, name, index_name, kind, identity, config, config_by, max_deletes, max_percent, created_at, description, paused,
    extras, updated_at
)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?10, ?, ?, ?, ?10) returning number
-- name: connectors
select number, id, name, index_name, kind, config, config_by, max_deletes, max_percent, created_at, description, paused,
    extras, revision, updated_at from connectors
order by name
-- name: connectors_of
select number, id, name, index_name, kind, config, config_by, max_deletes, max_percent, created_at, description, paused,
    extras, revision, updated_at from connectors
where index_name = ? order by name
-- name: connector_by_ref
select number, id, name, index_name, kind, config, config_by, max_deletes, max_percent, created_at, description, paused,
    extras, revision, updated_at from connectors
where name = ?1 or id = ?1
-- name: connector_by_number
select number, id, name, index_name, kind, config, config_by, max_deletes, max_percent, created_at, description, paused,
    extras, revision, updated_at from connectors
where number = ?
-- name: connector_by_identity
select number, id, name, index_name, kind, config, config_by, max_deletes, max_percent, created_at, description, paused,
    extras, revision, updated_at from connectors
where identity = ?1 and (?2 is null or index_name = ?2) order by number limit 1
-- name: update_connector
update connectors set config = ?2, config_by = ?3, identity = ?4, name = ?5, description = ?6, paused = ?7,
    max_deletes = ?8, max_percent = ?9, extras = ?10, updated_at = ?11, revision = revision + 1
where number = ?1 and (?12 is null or revision = ?12)
-- name: remove_connector
delete from connectors where number = ?
-- name: add_job
insert into jobs (
    id, connector, connector_id, index_name, type, wanted, trigger, state, force, cause, requested_by, created_at
)
values (?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?) returning number
-- name: merge_into
update jobs set force = max(force, ?2) where number = ?1
-- name: next_fence
update meta set value = value + 1 where key = 'fence' returning value
-- name: claim
update jobs set state = 'running', attempt = attempt + 1, fence = ?2, worker = ?3, heartbeat_at = ?4, type = ?5,
    force = max(force, ?6), started_at = coalesce(started_at, ?4)
where number = ?1 and state in ('pending', 'running', 'suspended')
-- name: move
update jobs set state = ?3 where number = ?1 and state = ?2
-- name: end
update jobs set state = ?4, ended_at = ?5, heartbeat_at = ?6, counters = ?7, progress = '{}', error = ?8, notes = ?9
where number = ?1 and fence = ?2 and state = ?3
-- name: died
update jobs set deaths = deaths + 1, not_before = ?3 where number = ?1 and fence = ?2 returning deaths
-- name: state
select state from jobs where number = ?
-- name: beat
update jobs set heartbeat_at = ?3, counters = ?4, progress = ?5 where number = ?1 and fence = ?2
-- name: stop_wanted
select stop_requested, fence from jobs where number = ?
-- name: stopped_at
update jobs set ended_at = ?2 where number = ?1
-- name: request_stop
update jobs set stop_requested = 1 where number = ?
-- name: job
select number, id, connector_id, type, trigger, state, force, attempt, fence, created_at, started_at, ended_at,
    heartbeat_at, worker, stop_requested, counters, progress, error, notes, index_name, wanted, cause, requested_by,
    deaths, not_before, connector from jobs
where number = ?
-- name: jobs_by_id
select number, id, connector_id, type, trigger, state, force, attempt, fence, created_at, started_at, ended_at,
    heartbeat_at, worker, stop_requested, counters, progress, error, notes, index_name, wanted, cause, requested_by,
    deaths, not_before, connector from jobs
where substr(id, 1, length(?1)) = ?1 limit 2
-- name: jobs
select number, id, connector_id, type, trigger, state, force, attempt, fence, created_at, started_at, ended_at,
    heartbeat_at, worker, stop_requested, counters, progress, error, notes, index_name, wanted, cause, requested_by,
    deaths, not_before, connector from jobs
where ?1 is null and (?2 is null or state = ?2) and (?4 is null or number < ?4)
    and (?5 is null or trigger = ?5) and (?6 is null or index_name in (select value from json_each(?6)))
    and (?7 is null or type = ?7)
order by number desc limit ?3
-- name: jobs_of
select number, id, connector_id, type, trigger, state, force, attempt, fence, created_at, started_at, ended_at,
    heartbeat_at, worker, stop_requested, counters, progress, error, notes, index_name, wanted, cause, requested_by,
    deaths, not_before, connector from jobs
where connector = ?1 and (?2 is null or state = ?2) and (?4 is null or number < ?4)
    and (?5 is null or trigger = ?5) and (?6 is null or index_name in (select value from json_each(?6)))
    and (?7 is null or type = ?7)
order by number desc limit ?3
-- name: last_job
select number, id, connector_id, type, trigger, state, force, attempt, fence, created_at, started_at, ended_at,
    heartbeat_at, worker, stop_requested, counters, progress, error, notes, index_name, wanted, cause, requested_by,
    deaths, not_before, connector from jobs
where connector = ? order by number desc limit 1
-- name: jobs_caused
select number, id, connector_id, type, trigger, state, force, attempt, fence, created_at, started_at, ended_at,
    heartbeat_at, worker, stop_requested, counters, progress, error, notes, index_name, wanted, cause, requested_by,
    deaths, not_before, connector from jobs
where connector = ?1 and number > ?3 and cause = ?2 order by number
-- name: active_jobs
select number, id, connector_id, type, trigger, state, force, attempt, fence, created_at, started_at, ended_at,
    heartbeat_at, worker, stop_requested, counters, progress, error, notes, index_name, wanted, cause, requested_by,
    deaths, not_before, connector from jobs
where connector = ? and state in ('pending', 'running', 'stopping', 'suspended') order by number
-- name: unended_jobs
select number, id, connector_id, type, trigger, state, force, attempt, fence, created_at, started_at, ended_at,
    heartbeat_at, worker, stop_requested, counters, progress, error, notes, index_name, wanted, cause, requested_by,
    deaths, not_before, connector from jobs
where state in ('running', 'stopping', 'suspended') order by number
-- name: waiting
select jobs.number, jobs.connector, jobs.index_name, jobs.not_before from jobs
where state = 'pending' order by number
-- name: job_counts
select state, count(*) from jobs where state in ('pending', 'running', 'stopping', 'suspended') group by state
-- name: job_counts_of
select state, count(*) from (select state from jobs where connector = ? order by number desc limit ?) as newest group by state
-- name: job_numbers
select number from jobs where connector = ? order by number desc
-- name: forget_idle_jobs
delete from jobs where connector = ?1 and cause = ?2 and state = 'succeeded' and number < (
        select number from jobs where connector = ?1 order by number desc limit 1 offset ?3
    )
    and json_extract(counters, '$.inserted') + json_extract(counters, '$.updated')
        + json_extract(counters, '$.deleted') = 0
-- name: add_event
insert into events (at, type, connector_id, index_name, job, data) values (?, ?, ?, ?, ?, ?)
-- name: events_after
select seq, at, type, connector_id, index_name, job, data from events
where seq > ?1 and (?3 is null or job = ?3) order by seq limit ?2
-- name: newest_event
select coalesce(max(seq), 0) from events
-- name: forget_events
delete from events where seq <= (select max(seq) from events) - ? and seq <= (select coalesce(min(seq), 9e18) from marks)
-- name: mark
select seq from marks where reader = ?
-- name: set_mark
insert into marks (reader, seq) values (?, ?) on conflict (reader) do update set seq = excluded.seq
-- name: connector_name
select name from connectors where id = ?
