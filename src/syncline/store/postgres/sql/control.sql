-- name: add_event
with next as (update meta set value = value + 1 where key = 'events' returning value)
insert into events (seq, at, type, connector_id, index_name, job, data) select value, ?, ?, ?, ?, ?, ? from next
-- name: waiting
select number, connector, index_name, not_before from jobs
where state = 'pending' and reserved_until < extract(epoch from clock_timestamp())
order by number
-- name: forget_idle_jobs
delete from jobs where connector = ?1 and cause = ?2 and state = 'succeeded' and number < (
        select number from jobs where connector = ?1 order by number desc limit 1 offset ?3
    )
    and json_extract(counters, '$.inserted')::bigint + json_extract(counters, '$.updated')::bigint
        + json_extract(counters, '$.deleted')::bigint = 0
