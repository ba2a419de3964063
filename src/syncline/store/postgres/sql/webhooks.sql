-- name: update
update webhooks set url = ?2, description = ?3, types = ?4, connectors = ?5, sealed = ?6, enabled = ?7,
    disabled_why = case when ?7::bigint = 1 then '' else disabled_why end,
    failing_since = case when ?7::bigint = 1 and enabled = 0 then null else failing_since end,
    not_before = case when ?7::bigint = 1 and enabled = 0 then 0 else not_before end,
    updated_at = ?8, revision = revision + 1
where number = ?1 and (?9 is null or revision = ?9)
-- name: disable
update webhooks set enabled = 0, disabled_why = ?2, updated_at = ?3, revision = revision + 1
where number = ?1 and enabled = 1
-- name: failing
update webhooks set failing_since = coalesce(failing_since, ?2), not_before = greatest(not_before, ?3) where number = ?1
-- name: heads
select w.number, w.id, w.url, w.description, w.types, w.connectors, w.sealed, w.enabled, w.failing_since,
    w.disabled_why, w.not_before, w.revision, w.created_at, w.updated_at,
    d.number, d.id, d.webhook, w.id, d.event, d.type, d.payload, d.state, d.attempts, d.tries, d.next_at,
    d.last_status, d.last_error, d.created_at, d.ended_at
from webhooks w join deliveries d on d.number = (
    select number from deliveries where webhook = w.number and state = 'waiting' order by next_at, number limit 1
)
where w.enabled = 1
