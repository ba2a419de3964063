-- Where the documents of an index land: a kind of destination, and its settings with secrets sealed.

alter table indexes add column destination text not null default 'embedded';
alter table indexes add column settings text not null default '{}';
