-- name: save
-- rows
insert into outcomes (job, id, kind, stage, code, message, remedy)
select distinct on (job, id) job, id, kind, stage, code, message, remedy
from unnest(?1::bigint[], ?2::text[], ?3::text[], ?4::text[], ?5::text[], ?6::text[], ?7::text[])
    with ordinality as t (job, id, kind, stage, code, message, remedy, at)
order by job, id, at desc
on conflict (job, id) do update set kind = excluded.kind, stage = excluded.stage, code = excluded.code,
    message = excluded.message, remedy = excluded.remedy
-- name: write_down
insert into outcomes (job, id, kind, stage, code, message, remedy)
select run.job, ledger.id, 'inserted', 'index', '', '', ''
from ledger cross join lateral (
    select job, last_seq from insertions where first_seq <= ledger.seq order by first_seq desc limit 1
) as run
where ledger.connector = ?1 and ledger.seq = any (array(select json_array_elements_text(?2::json)::bigint))
  and run.last_seq >= ledger.seq
order by 1, 2
on conflict (job, id) do nothing
-- name: forget
-- rows
delete from outcomes where job = any (?1::bigint[])
-- name: forget_runs
-- rows
delete from insertions where job = any (?1::bigint[])
-- name: page
select id, kind, stage, code, message, remedy from outcomes
where job = ?1 and id > ?2
  and (?3::text is null or kind in (select json_array_elements_text(?3::json))) and (?4::text is null or code = ?4)
  and (?5::bigint is null or kind = 'failed' or (code <> '' and kind in ('inserted', 'updated')))
order by id limit ?6
-- name: others
select id from outcomes where job = ?1 and id = any (array(select json_array_elements_text(?2::json)))
  and not (
    (?3::text is null or kind in (select json_array_elements_text(?3::json))) and (?4::text is null or code = ?4)
  )
-- name: gather
select found.id from insertions cross join lateral (
    select id from ledger where seq between insertions.first_seq and insertions.last_seq and id > ?3 offset 0
) as found
where insertions.job = ?1 and insertions.connector = ?2
order by found.id limit ?4
-- name: of
select id, kind, stage, code, message, remedy from outcomes
where job = ?1 and id = any (array(select json_array_elements_text(?2::json)))
-- name: told_of
select id from ledger
where connector = any (array(select distinct connector from insertions where job = ?1))
  and id = any (array(select json_array_elements_text(?2::json)))
  and ?1 = (select case when last_seq >= ledger.seq then job end from insertions where first_seq <= ledger.seq
      order by first_seq desc limit 1)
-- name: kinds
select id, job, 0, kind from outcomes where job = any (array(select json_array_elements_text(?1::json)::bigint))
union all
select found.id, insertions.job, 1, 'inserted' from insertions cross join lateral (
    select id from ledger where seq between insertions.first_seq and insertions.last_seq offset 0
) as found
where insertions.job = any (array(select json_array_elements_text(?1::json)::bigint))
order by 1, 2, 3
-- name: history
select job, 0, kind, stage, code, message, remedy from outcomes
where id = ?1 and job = any (array(select json_array_elements_text(?2::json)::bigint))
union all
select run.job, 1, 'inserted', 'index', '', '', '' from ledger cross join lateral (
    select job, last_seq from insertions where first_seq <= ledger.seq order by first_seq desc limit 1
) as run
where ledger.connector = any (array(select connector from state)) and ledger.id = ?1 and run.last_seq >= ledger.seq
  and run.job = any (array(select json_array_elements_text(?2::json)::bigint))
order by 1, 2
