-- name: connectors
select id, id, config from connectors where strpos(config, '"$sealed"') > 0
-- name: keys
select id, 'key:' || id, sealed from keys where strpos(sealed, '"$sealed"') > 0
-- name: triggers
select id, id, settings from triggers where strpos(settings, '"$sealed"') > 0
-- name: webhooks
select id, id, sealed from webhooks where strpos(sealed, '"$sealed"') > 0
-- name: answers
select json_build_array(key_id, token)::text, 'answer:' || key_id || ':' || token, convert_from(body, 'UTF8') from answers
where position('"$sealed"'::bytea in body) > 0
-- name: reseal answers
update answers set body = convert_to(?2, 'UTF8')
where key_id = json_extract(?1, '$[0]') and token = json_extract(?1, '$[1]')
-- name: indexes
select id, id, settings from indexes where strpos(settings, '"$sealed"') > 0
-- name: records
select json_build_array(dialect, kind, id)::text, dialect || ':' || kind || ':' || id, body from records
where dialect = 'elastic' and strpos(body, '"$sealed"') > 0
