-- name: save
insert or replace into outcomes (job, id, kind, stage, code, message, remedy) values (?, ?, ?, ?, ?, ?, ?)
-- name: extend
update insertions set last_seq = ?4
where first_seq = (select max(before.first_seq) from insertions as before where before.first_seq < ?3)
  and last_seq + 1 = ?3 and job = ?1 and connector = ?2
-- name: insert
insert into insertions (job, connector, first_seq, last_seq) values (?, ?, ?, ?)
-- name: write_down
insert or ignore into outcomes (job, id, kind, stage, code, message, remedy)
select insertions.job, ledger.id, 'inserted', 'index', '', '', '' from json_each(?2) cross join ledger
on ledger.seq = json_each.value and ledger.connector = ?1 cross join insertions
on insertions.first_seq = (select max(before.first_seq) from insertions as before where before.first_seq <= ledger.seq)
  and insertions.last_seq >= ledger.seq
order by 1, 2
-- name: forget
delete from outcomes where job = ?
-- name: forget_runs
delete from insertions where job = ?
-- name: drop_runs
delete from insertions where connector = ?
-- name: page
select id, kind, stage, code, message, remedy from outcomes
where job = ?1 and id > ?2
  and (?3 is null or kind in (select value from json_each(?3))) and (?4 is null or code = ?4)
  and (?5 is null or kind = 'failed' or (code <> '' and kind in ('inserted', 'updated')))
order by id limit ?6
-- name: others
select outcomes.id from json_each(?2) cross join outcomes on outcomes.job = ?1 and outcomes.id = json_each.value
where not ((?3 is null or kind in (select value from json_each(?3))) and (?4 is null or code = ?4))
-- name: extent
select connector, cast(sum(last_seq - first_seq + 1) as bigint), min(first_seq), max(last_seq) from insertions
where job = ? group by connector
-- name: walk
select page.id from (select id, seq from ledger where connector = ?2 and id > ?3 order by id limit ?4) as page
where page.seq between ?5 and ?6
  and (?4 > ?6 - ?5 or ?1 = (select case when last_seq >= page.seq then job end from insertions
      where first_seq <= page.seq order by first_seq desc limit 1))
order by page.id limit ?7
-- name: beyond
select 1 from ledger where connector = ?1 and id > ?2 order by id limit 1 offset ?3
-- name: gather
select ledger.id from insertions cross join ledger
on ledger.seq between insertions.first_seq and insertions.last_seq and ledger.id > ?3
where insertions.job = ?1 and insertions.connector = ?2
order by ledger.id limit ?4
-- name: of
select outcomes.id, kind, stage, code, message, remedy
from json_each(?2) cross join outcomes on outcomes.job = ?1 and outcomes.id = json_each.value
-- name: told_of
select ledger.id from (select distinct connector from insertions where job = ?1) as run cross join json_each(?2)
cross join ledger on ledger.connector = run.connector and ledger.id = json_each.value
where ?1 = (select case when last_seq >= ledger.seq then job end from insertions where first_seq <= ledger.seq
    order by first_seq desc limit 1)
-- name: kinds
select outcomes.id, outcomes.job, 0, outcomes.kind from json_each(?1) cross join outcomes
on outcomes.job = json_each.value
union all
select ledger.id, insertions.job, 1, 'inserted' from json_each(?1) cross join insertions
on insertions.job = json_each.value cross join ledger
on ledger.seq between insertions.first_seq and insertions.last_seq
order by 1, 2, 3
-- name: history
select outcomes.job, 0, kind, stage, code, message, remedy from json_each(?2) cross join outcomes
on outcomes.job = json_each.value and outcomes.id = ?1
union all
select insertions.job, 1, 'inserted', 'index', '', '', '' from state cross join ledger
on ledger.connector = state.connector and ledger.id = ?1 cross join insertions
on insertions.first_seq = (select max(before.first_seq) from insertions as before where before.first_seq <= ledger.seq)
  and insertions.last_seq >= ledger.seq
where insertions.job in (select value from json_each(?2))
order by 1, 2
