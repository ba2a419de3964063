-- Documents that were written from outside as JSON objects: the object of each, beside what is searched of it.
create table sources (
    n      integer primary key references documents (n) on delete cascade,
    field  text not null,     -- the member whose text is the beginning of the document's body; '' when there is none
    chars  integer not null,  -- of that text
    source text not null      -- the object as JSON, with null for that member
) strict;
