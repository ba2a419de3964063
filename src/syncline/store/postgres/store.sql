-- name: with_truth
select name from indexes where has_truth order by name
-- name: number
select number from indexes where name = ? and has_truth
-- name: of_name
select number from indexes where name = ?
-- name: has_truth
update indexes set has_truth = true where number = ?
-- name: size
select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c
where c.relnamespace = to_regnamespace(?)::oid and c.relkind = 'r'
-- name: reserve
update jobs set reserved_by = ?2, reserved_until = extract(epoch from clock_timestamp()) + ?3
where number = ?1 and state in ('pending', 'running', 'suspended')
    and (reserved_until < extract(epoch from clock_timestamp()) or reserved_by = ?2)
