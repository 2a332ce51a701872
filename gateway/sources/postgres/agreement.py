"""Whether the live tables are what the entities say, and the role may do what the domain offers.

Columns must be there, and never be null where promised: splicing relies on it, as inside a finished
answer a null can no longer travel upwards.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from gateway.sources.postgres.rights import lacking, needs_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.catalog import Catalog, ColumnInfo, EntityInfo
    from gateway.sources.postgres.replica import Reads
    from gateway.sources.postgres.rights import Needs
    from gateway.sources.postgres.slots import Slots

_TABLES = """
select json_object_agg(w.n, json_build_object(
    'role', quote_ident(current_user),
    'usage', case when not has_schema_privilege(t.relnamespace, 'USAGE')
        then quote_ident(t.nspname) end,
    'sequences', array(
        select s.oid::regclass::text from pg_attrdef f
            join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid
                and d.refclassid = 'pg_class'::regclass
            join pg_class s on s.oid = d.refobjid
        where f.adrelid = t.oid
            and case s.relkind when 'S' then not has_sequence_privilege(s.oid, 'USAGE, UPDATE') end
    ),
    'columns', (
        select json_object_agg(a.attname, json_build_object(
            'not_null', a.attnotnull or t.relkind in ('v', 'm'),
            'rights', array(
                select r from unnest('{SELECT,INSERT,UPDATE}'::text[]) as r
                where has_column_privilege(t.oid, a.attnum, r)
                union all select 'DELETE' where has_table_privilege(t.oid, 'DELETE')
            ),
            'labels', array(
                select e.enumlabel from pg_enum e
                where e.enumtypid in (y.oid, y.typelem) order by e.enumsortorder
            )
        ))
        from pg_attribute a join pg_type y on y.oid = a.atttypid
        where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
    )
))::text
from unnest($1::text[], $2::text[]) with ordinality as w (schema, name, n), lateral (
    select c.oid, c.relkind, c.relnamespace, m.nspname
    from pg_class c join pg_namespace m on m.oid = c.relnamespace
    where c.relname = w.name and c.relkind in ('r', 'p', 'v', 'm', 'f')
        and case when w.schema is not null then m.nspname = w.schema
            else m.nspname = 'public' or pg_table_is_visible(c.oid) end
    order by pg_table_is_visible(c.oid) desc limit 1
) t
"""
"""What there is of tables with the schemas $1, or null, and the names $2: by place, from 1 on."""
ENGINE = "plait_engine"
"""The schema of the gateway's own tables, which are no part of a domain's migrations."""


class LiveColumn(msgspec.Struct, frozen=True):
    """A column as it is: the role's rights to it, DELETE on the whole table among them.

    `not_null`: whether it is never null, as far as that can be known. `labels`: those of its enum.
    """

    not_null: bool
    rights: frozenset[str]
    labels: tuple[str, ...]


class LiveTable(msgspec.Struct, frozen=True):
    """A table as it is. `usage`: its schema where the role may not use it.

    `sequences`: those of its defaults that the role may not use. All names are quoted for SQL.
    """

    role: str
    usage: str | None
    sequences: tuple[str, ...]
    columns: dict[str, LiveColumn]


async def disagreements(
    slots: Slots, catalog: Catalog, source: str, deadline: float, replica: Reads | None = None
) -> tuple[list[str], list[str]]:
    """A line for every table, column, null, label or right that contradicts what `source` binds.

    Then one for labels that the database has and the entity lacks: only rows with one suffer.

    What a view returns cannot be known; its columns are only looked for. The role of a replica
    must be able to read what is read. Raises `SourceError`.
    """
    needs = needs_of(catalog, source)
    live = await _live(slots, needs, deadline)
    found = [_absent(one) for one in needs if one.table.fullname not in live]
    further: list[str] = []
    for entity in catalog.entities.values():
        if entity.source == source and entity.table.fullname in live:
            missing, unknown = _compare(entity, live[entity.table.fullname])
            found += missing
            further += unknown
    found += _lines(needs, live)
    if replica is not None:
        read = [replace(one, rights={"SELECT": one.rights["SELECT"]}) for one in needs]
        theirs = await _live(replica, needs, deadline)
        found += _lines(read, {t: one for t, one in theirs.items() if one.role != live[t].role})
    return found, further


async def _live(
    slots: Slots | Reads, needs: Sequence[Needs], deadline: float
) -> dict[str, LiveTable]:
    """What there is of these tables, by their full names."""
    if not needs:
        return {}
    tables = [one.table for one in needs]
    names = [table.schema for table in tables], [table.name for table in tables]
    text = await slots.run_value(_TABLES, names, deadline)
    found = msgspec.json.decode(text, type=dict[int, LiveTable]) if text is not None else {}
    return {tables[place - 1].fullname: one for place, one in found.items()}


def _absent(needs: Needs) -> str:
    command = "sql` prints what makes" if needs.table.schema == ENGINE else "up` makes"
    return f"{needs.who}: table {needs.table.fullname} does not exist; `plait migrate {command} it."


def _lines(needs: Sequence[Needs], live: Mapping[str, LiveTable]) -> list[str]:
    """What the role lacks of the tables that are there."""
    there = [(one, live[one.table.fullname]) for one in needs if one.table.fullname in live]
    return [line for one in there if (line := lacking(*one)) is not None]


def _compare(entity: EntityInfo, live: LiveTable) -> tuple[list[str], list[str]]:
    """Lines about what the database lacks or has otherwise, and about labels that the API lacks."""
    table = entity.table.fullname
    lines, further = [], []
    for info in entity.columns.values():
        name, who = info.column.name, f"{entity.name}.{info.name}"
        column = live.columns.get(name)
        if column is None:
            lines.append(f"{who}: table {table} has no column {name}.")
            continue
        if not info.nullable and not column.not_null:
            lines.append(
                f"{who}: column {table}.{name} may be null; "
                "annotate the field with `| None`, or make the column NOT NULL."
            )
        known, enum = _labels(info), f"{who}: the enum of column {table}.{name}"
        if not known or not column.labels:
            continue
        if lacks := sorted(set(known) - set(column.labels)):
            lines.append(f"{enum} lacks {', '.join(lacks)}; `plait migrate up` may add it.")
        if more := [label for label in column.labels if label not in known]:
            told = "null" if info.nullable else "an error"
            further.append(
                f"{enum} has {', '.join(more)}, which the API lacks: rows with it give {told}"
            )
    return lines, further


def _labels(info: ColumnInfo) -> list[str]:
    """The labels that the column's kind speaks of, which an enum of the database must have."""
    kind = info.kind.item or info.kind
    return [label for label, _ in kind.labels]
