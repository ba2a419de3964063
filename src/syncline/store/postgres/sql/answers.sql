-- name: abandon
delete from answers where status is null and created_at < extract(epoch from clock_timestamp()) - 600
