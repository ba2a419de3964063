"""What PostgreSQL's catalogues say of a relation, in questions that need no privilege but to connect."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from syncline.sources.tables.shape import Kind

# The name as given, else taken apart at its first dot and quoted.
RESOLVE: Final = """
select quote_ident(n.nspname) || '.' || quote_ident(c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid = coalesce(
    case when $1 ~ '^([a-z_][a-z0-9_$]*|"[^"]+")([.]([a-z_][a-z0-9_$]*|"[^"]+"))?$' then to_regclass($1) end,
    to_regclass(quote_ident($1)),
    to_regclass(quote_ident(split_part($1, '.', 1)) || '.' || quote_ident(substr($1, strpos($1, '.') + 1)))
)
"""

PLACE: Final = """
select json_build_object(
    'database', (select oid::text from pg_database where datname = current_database()),
    'started', extract(epoch from pg_postmaster_start_time())::text,
    'version', current_setting('server_version_num'),
    'postgresql', version() like 'PostgreSQL %',
    'xmin', pg_snapshot_xmin(pg_current_snapshot())::text,
    'xmax', pg_snapshot_xmax(pg_current_snapshot())::text
)::text
"""

SYSTEM: Final = """
select (select system_identifier from pg_control_system())::text
    || '/' || (select timeline_id from pg_control_checkpoint())::text
"""

RELATION: Final = """
with recursive tree (oid) as (
    select $1::regclass::oid
    union select i.inhrelid from pg_inherits i join tree on tree.oid = i.inhparent
),
parts as (
    select c.oid, c.relkind, pg_relation_filenode(c.oid) as file, coalesce(am.amname, '') as method
    from tree join pg_class c on c.oid = tree.oid left join pg_am am on am.oid = c.relam
)
select json_build_object(
    'kind', c.relkind,
    'secured', row_security_active(c.oid),
    'parts', (select json_agg(json_build_array(oid, file) order by oid) from parts),
    'heap', (select bool_and(relkind in ('r', 'm') and method = 'heap' or relkind = 'p') from parts),
    'columns', (
        select json_agg(json_build_object(
            'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'at', a.attnum, 'notnull', a.attnotnull,
            'generated', a.attgenerated::text || coalesce(pg_get_expr(d.adbin, d.adrelid), ''),
            'shape', t.typtype, 'category', t.typcategory, 'base', coalesce(b.typname, t.typname),
            'alias', coalesce(b.typcategory, t.typcategory) = 'N' and coalesce(b.typname, t.typname) like 'reg%',
            'element', e.typtype,
            'labels', (
                select md5(string_agg(l.enumlabel, E'\\x01' order by l.enumsortorder))
                from pg_enum l where l.enumtypid in (t.oid, t.typelem, t.typbasetype)
            )
        ) order by a.attnum)
        from pg_attribute a join pg_type t on t.oid = a.atttypid
        left join pg_type b on b.oid = t.typbasetype and t.typtype = 'd'
        left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum and a.attgenerated::text <> ''
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ),
    'indexes', (
        select json_agg(json_build_object(
            'primary', i.indisprimary,
            'columns', (
                select json_agg(a.attname order by k.n)
                from unnest(i.indkey[0:i.indnkeyatts - 1]) with ordinality k (at, n)
                join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.at
            ),
            'nullable', (
                select coalesce(bool_or(not a.attnotnull), true)
                from unnest(i.indkey[0:i.indnkeyatts - 1]) with ordinality k (at, n)
                join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.at
            )
        ) order by i.indisprimary desc, i.indnkeyatts, i.indexrelid)
        from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
        where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null
            and i.indexprs is null and m.amname = 'btree'
    )
)::text
from pg_class c where c.oid = $1::regclass
"""

_BY_NAME: Final = {
    "bytea": Kind.BINARY,
    "json": Kind.JSON,
    "jsonb": Kind.JSON,
    "xml": Kind.TEXT,
    "int2": Kind.INTEGER,
    "int4": Kind.INTEGER,
    "int8": Kind.INTEGER,
    "numeric": Kind.DECIMAL,
    "float4": Kind.FLOAT,
    "float8": Kind.FLOAT,
    "bool": Kind.BOOLEAN,
    "timestamp": Kind.TIME,
    "timestamptz": Kind.TIME,
    "text": Kind.TEXT,
    "varchar": Kind.TEXT,
    "bpchar": Kind.TEXT,
    "citext": Kind.TEXT,
}


def kind_of(base: str, category: str) -> Kind:
    """The kind of a type by its name in the catalogue and its category."""
    return Kind.ARRAY if category == "A" else _BY_NAME.get(base, Kind.OTHER)


@dataclass(frozen=True, slots=True)
class Described:
    """What RELATION answers."""

    told: Mapping[str, Any]

    @classmethod
    def of(cls, answer: str) -> Described:
        """From its JSON."""
        return cls(json.loads(answer))

    @property
    def columns(self) -> Sequence[Mapping[str, Any]]:
        """The columns in their order."""
        return self.told["columns"] or ()

    def key(self) -> tuple[str, ...]:
        """The primary key, else the first unique index without NULL; empty when there is none."""
        for index in self.told["indexes"] or ():
            if index["primary"] or not index["nullable"]:
                return tuple(index["columns"])
        return ()

    def has_index(self, key: Sequence[str]) -> bool:
        """Whether a unique index holds exactly this key, in this order."""
        return any(index["columns"] == list(key) and not index["nullable"] for index in self.told["indexes"] or ())

    def stores_rows(self) -> bool:
        """Whether a row that was not written reads as it did: an ordinary table, whose values depend on no catalogue
        but those that `identity` looks at."""
        if not self.told["heap"]:
            return False
        return all(
            column["shape"] in "bedr" and not column["alias"] and (column["element"] or "b") in "be"
            for column in self.columns
        )

    def identity(self) -> str:
        """Files, columns, labels of enums, expressions: what changes when rows read differently without being
        written."""
        columns = [[c["at"], c["name"], c["type"], c["generated"], c["labels"]] for c in self.columns]
        return json.dumps([self.told["parts"], columns])


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string constant; the server has standard_conforming_strings on."""
    return "'" + text.replace("'", "''") + "'"
