-- name: connectors
select id, id, config from connectors where instr(config, '"$sealed"')
-- name: reseal connectors
update connectors set config = ?2, revision = revision + 1 where id = ?1
-- name: keys
select id, 'key:' || id, sealed from keys where instr(sealed, '"$sealed"')
-- name: reseal keys
update keys set sealed = ?2 where id = ?1
-- name: triggers
select id, id, settings from triggers where instr(settings, '"$sealed"')
-- name: reseal triggers
update triggers set settings = ?2, revision = revision + 1 where id = ?1
-- name: webhooks
select id, id, sealed from webhooks where instr(sealed, '"$sealed"')
-- name: reseal webhooks
update webhooks set sealed = ?2, revision = revision + 1 where id = ?1
-- name: answers
select json_array(key_id, token), 'answer:' || key_id || ':' || token, cast(body as text) from answers
where instr(body, cast('"$sealed"' as blob))
-- name: reseal answers
update answers set body = cast(?2 as blob) where key_id = json_extract(?1, '$[0]') and token = json_extract(?1, '$[1]')
-- name: forget answers
delete from answers where key_id = json_extract(?1, '$[0]') and token = json_extract(?1, '$[1]')
-- name: indexes
select id, id, settings from indexes where instr(settings, '"$sealed"')
-- name: reseal indexes
update indexes set settings = ?2, revision = revision + 1 where id = ?1
-- name: records
select json_array(dialect, kind, id), dialect || ':' || kind || ':' || id, body from records
where dialect = 'elastic' and instr(body, '"$sealed"') -- the others keep what clients send, and seal nothing in it
-- name: reseal records
update records set body = ?2, revision = revision + 1 where dialect = json_extract(?1, '$[0]')
    and kind = json_extract(?1, '$[1]') and id = json_extract(?1, '$[2]')
