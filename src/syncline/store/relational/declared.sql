-- name: all
select id from declared
-- name: mark
insert into declared (id) values (?) on conflict (id) do nothing
-- name: sweep
delete from declared where id = ?
