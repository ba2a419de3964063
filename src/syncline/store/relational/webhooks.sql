-- name: add
insert into webhooks (id, url, description, types, connectors, sealed, enabled, created_at, updated_at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)
-- name: webhooks
select number, id, url, description, types, connectors, sealed, enabled, failing_since, disabled_why, not_before,
    revision, created_at, updated_at from webhooks
order by number
-- name: webhook
select number, id, url, description, types, connectors, sealed, enabled, failing_since, disabled_why, not_before,
    revision, created_at, updated_at from webhooks
where id = ?
-- name: update
update webhooks set url = ?2, description = ?3, types = ?4, connectors = ?5, sealed = ?6, enabled = ?7,
    disabled_why = case when ?7 then '' else disabled_why end,
    failing_since = case when ?7 and not enabled then null else failing_since end,
    not_before = case when ?7 and not enabled then 0 else not_before end,
    updated_at = ?8, revision = revision + 1
where number = ?1 and (?9 is null or revision = ?9)
-- name: remove
delete from webhooks where number = ?
-- name: disable
update webhooks set enabled = 0, disabled_why = ?2, updated_at = ?3, revision = revision + 1
where number = ?1 and enabled
-- name: well
update webhooks set failing_since = null, not_before = 0
where number = ?1 and (failing_since is not null or not_before > 0)
-- name: failing
update webhooks set failing_since = coalesce(failing_since, ?2), not_before = max(not_before, ?3) where number = ?1
-- name: messages_since
select count(distinct attempts.delivery) from deliveries join attempts on attempts.delivery = deliveries.number
where deliveries.webhook = ?1 and attempts.at >= ?2 and deliveries.type <> ?3
-- name: forget_mark
delete from marks where reader = ? and not exists (select 1 from webhooks)
-- name: add_delivery
insert into deliveries (id, webhook, event, type, payload, state, next_at, created_at)
values (?1, ?2, ?3, ?4, ?5, 'waiting', ?6, ?6)
-- name: delivery
select d.number, d.id, d.webhook, webhooks.id, d.event, d.type, d.payload, d.state, d.attempts, d.tries, d.next_at,
    d.last_status, d.last_error, d.created_at, d.ended_at
from deliveries d join webhooks on webhooks.number = d.webhook
where d.id = ?
-- name: deliveries
select d.number, d.id, d.webhook, webhooks.id, d.event, d.type, d.payload, d.state, d.attempts, d.tries, d.next_at,
    d.last_status, d.last_error, d.created_at, d.ended_at
from deliveries d join webhooks on webhooks.number = d.webhook
where (?1 is null or d.state = ?1) and (?2 is null or d.number < ?2)
order by d.number desc limit ?3
-- name: deliveries_of
select d.number, d.id, d.webhook, webhooks.id, d.event, d.type, d.payload, d.state, d.attempts, d.tries, d.next_at,
    d.last_status, d.last_error, d.created_at, d.ended_at
from deliveries d join webhooks on webhooks.number = d.webhook
where d.webhook = ?4 and (?1 is null or d.state = ?1) and (?2 is null or d.number < ?2)
order by d.number desc limit ?3
-- name: heads
select w.number, w.id, w.url, w.description, w.types, w.connectors, w.sealed, w.enabled, w.failing_since,
    w.disabled_why, w.not_before, w.revision, w.created_at, w.updated_at,
    d.number, d.id, d.webhook, w.id, d.event, d.type, d.payload, d.state, d.attempts, d.tries, d.next_at,
    d.last_status, d.last_error, d.created_at, d.ended_at
from webhooks w join deliveries d on d.number = (
    select number from deliveries where webhook = w.number and state = 'waiting' order by next_at, number limit 1
)
where w.enabled
-- name: tried
update deliveries set state = ?2, attempts = attempts + 1, tries = tries + 1, next_at = ?3, ended_at = ?4,
    last_status = ?5, last_error = ?6
where number = ?1 returning attempts
-- name: add_attempt
insert into attempts (delivery, attempt, at, status, error, took_s) values (?, ?, ?, ?, ?, ?)
-- name: attempts
select attempt, at, status, error, took_s from attempts where delivery = ? order by attempt
-- name: fail_waiting
update deliveries set state = 'failed', next_at = null, ended_at = ?2, last_error = ?3
where webhook = ?1 and state = 'waiting'
-- name: replay
update deliveries set state = 'waiting', tries = 0, next_at = ?2, ended_at = null where number = ?1
-- name: replay_failed
update deliveries set state = 'waiting', tries = 0, next_at = ?3, ended_at = null
where webhook = ?1 and state = 'failed' and created_at >= ?2 and type <> ?4 and (?5 is null or created_at <= ?5)
-- name: forget
delete from deliveries where number in (select number from deliveries where ended_at < ? limit ?)
