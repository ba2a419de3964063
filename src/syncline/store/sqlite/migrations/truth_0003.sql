-- Entities of a digital twin are looked up by what is above them and by what they are. No other document is in these.
create index twins_by_parent on documents (connector, json_extract(metadata, '$.parent'), id)
where media_type = 'application/vnd.syncline.twin';
create index twins_by_type on documents (connector, json_extract(metadata, '$.component_type'), id)
where media_type = 'application/vnd.syncline.twin';
