-- name: enabled
select number, id, connector, kind, settings, enabled, last_at, last_job, revision, created_at, updated_at from triggers
where kind = ? and enabled = 1 order by number
