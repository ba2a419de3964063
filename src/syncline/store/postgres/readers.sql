-- name: confirmed
select confirmed from readers where reader = ?
-- name: seen
update readers set seen_at = case
    when seen_at < extract(epoch from clock_timestamp()) - ?2 then extract(epoch from clock_timestamp()) else seen_at end
where reader = ?1 returning confirmed
-- name: register
insert into readers (reader, confirmed, swept, seen_at)
select ?, 0, coalesce(max(r), 0), extract(epoch from clock_timestamp()) from removed
-- name: confirm
update readers set confirmed = ?2, seen_at = extract(epoch from clock_timestamp()),
    swept = greatest(swept, coalesce((select max(r) from removed where n = any (?3::bigint[])), 0))
where reader = ?1
-- name: strike_off
delete from readers where seen_at < extract(epoch from clock_timestamp()) - ?1
    and swept < (select coalesce(max(r), 0) from removed)
-- name: sweep
delete from removed where r <= (select min(swept) from readers)
