-- name: newest_event
select coalesce(max(seq), 0) from events
-- name: ended_jobs
select connector_id, state, counters, started_at, ended_at from jobs where ended_at is not null order by number
-- name: connectors
select id, number, name, index_name, created_at from connectors order by number
-- name: queue
select count(*), min(created_at) from jobs where state = 'pending'
-- name: busy
select state, count(*) from jobs where state in ('running', 'stopping', 'suspended') group by state
-- name: orphans
select count(*) from jobs where state in ('running', 'stopping') and coalesce(heartbeat_at, 0) < ?
