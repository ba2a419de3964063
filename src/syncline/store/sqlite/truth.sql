-- name: stand_in
create temp table insertions (first_seq integer primary key, last_seq integer, connector integer, job integer)
