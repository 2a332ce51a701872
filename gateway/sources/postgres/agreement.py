"""Whether the live tables are what the entities say, and the role may do what the domain offers.

Columns must be there, and never be null where promised: splicing relies on it, as inside a finished
answer a null can no longer travel upwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from gateway.sources.postgres.rights import lacking, needs_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.catalog import Catalog, ColumnInfo, EntityInfo
    from gateway.sources.postgres.connections.replica import Reads
    from gateway.sources.postgres.connections.slots import Slots
    from gateway.sources.postgres.rights import Lack, Needs

_TABLES = """
select json_agg(json_build_object(
    'place', w.n,
    'name', t.oid::regclass::text,
    'role', quote_ident(current_user),
    'below', t.oid <> o.oid,
    'used', i.used,
    'invoked', i.invoked,
    'sole', i.sole,
    'usage', case when not has_schema_privilege(t.relnamespace, 'USAGE')
        then t.relnamespace::regnamespace::text end,
    'sequences', array(
        select d.refobjid::regclass::text
        from pg_attrdef f join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid
            and d.refclassid = 'pg_class'::regclass
        join pg_class s on s.oid = d.refobjid
        where f.adrelid = t.oid
            and case s.relkind when 'S' then not has_sequence_privilege(s.oid, 'USAGE, UPDATE') end
    ),
    'functions', array(
        select distinct d.refobjid::regprocedure::text
        from pg_attrdef f join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid
            and d.refclassid = 'pg_proc'::regclass
        where f.adrelid = t.oid and not has_function_privilege(d.refobjid, 'EXECUTE')
    ),
    'columns', (
        select json_object_agg(a.attname, json_build_object(
            'not_null', a.attnotnull or t.relkind in ('v', 'm'),
            'rights', array(
                select r from unnest('{SELECT,INSERT,UPDATE}'::text[]) as r
                where has_column_privilege(t.oid, a.attnum, r)
                union all select 'DELETE' where has_table_privilege(t.oid, 'DELETE')
            ),
            'schema', case when not has_schema_privilege(y.typnamespace, 'USAGE')
                then y.typnamespace::regnamespace::text end,
            'labels', array(
                select e.enumlabel from pg_enum e
                where e.enumtypid in (y.oid, y.typelem) order by e.enumsortorder
            )
        ))
        from pg_attribute a join pg_type y on y.oid = a.atttypid
        where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
    )
) order by w.n, t.oid <> o.oid, t.oid)::text
from unnest($1::text[], $2::text[]) with ordinality as w (schema, name, n), lateral (
    select c.oid, c.relkind
    from pg_class c join pg_namespace m on m.oid = c.relnamespace
    where c.relname = w.name and c.relkind in ('r', 'p', 'v', 'm', 'f')
        and case when w.schema is not null then m.nspname = w.schema
            else m.nspname = 'public' or pg_table_is_visible(c.oid) end
    order by pg_table_is_visible(c.oid) desc limit 1
) o, lateral (
    select o.oid as oid, '{}'::text[] as used, true as invoked, true as sole
    union all (
        with recursive part (oid, attnum, invoked, sole) as (
            select o.oid, 0, false, true where o.relkind = 'v'
            union
            select d.refobjid, d.refobjsubid, coalesce(x.option_value::bool, false),
                p.sole and d.alone and not v.relhastriggers
            from part p join pg_class v on v.oid = p.oid and v.relkind = 'v'
            left join lateral pg_options_to_table(v.reloptions) x
                on x.option_name = 'security_invoker'
            cross join lateral (
                select d.refobjid, d.refobjsubid,
                    min(d.refobjid) over () = max(d.refobjid) over () as alone
                from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass
                    and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
                where r.ev_class = v.oid and r.ev_type = '1' and d.deptype = 'n'
            ) d
        )
        select p.oid,
            coalesce(array_agg(distinct a.attname::text) filter (where a.attnum > 0), '{}'),
            bool_or(p.invoked), bool_or(p.sole)
        from part p left join pg_attribute a
            on a.attrelid = p.oid and a.attnum = p.attnum and p.invoked
        where p.oid <> o.oid
        group by p.oid
    )
) i join pg_class t on t.oid = i.oid
"""
"""What there is of tables with the schemas $1, or null, and the names $2: by place, from 1 on.

Behind a view stand the tables and views that it is made of, at any depth.
"""
ENGINE = "plait_engine"
"""The schema of the gateway's own tables, which are no part of a domain's migrations."""


class LiveColumn(msgspec.Struct, frozen=True):
    """A column as it is: the role's rights to it, DELETE on the whole table among them.

    `not_null`: whether it is never null, as far as that can be known. `schema`: that of its type
    where the role may not use it. `labels`: those of its enum.
    """

    not_null: bool
    rights: frozenset[str]
    schema: str | None
    labels: tuple[str, ...]


class LiveTable(msgspec.Struct, frozen=True):
    """A table as it is. `usage`: its schema where the role may not use it.

    `sequences` and `functions`: those of its defaults that the role may not use. All names but
    those of columns are quoted for SQL.

    `below`: it is what the view at `place` is made of, of which that uses the columns `used`;
    `invoked`: with the rights of who uses the view; `sole`: of nothing beside it.
    """

    place: int
    name: str
    role: str
    below: bool
    used: tuple[str, ...]
    invoked: bool
    sole: bool
    usage: str | None
    sequences: tuple[str, ...]
    functions: tuple[str, ...]
    columns: dict[str, LiveColumn]


class Disagreements(NamedTuple):
    """What live tables are not that entities say: lines of what nothing works without.

    Then of enums that have labels which the entity lacks: only rows with one suffer. Then what
    writes lack: only they suffer.
    """

    lines: list[str]
    labels: list[str]
    writes: list[Lack]


async def disagreements(
    slots: Slots, catalog: Catalog, source: str, deadline: float, replica: Reads | None = None
) -> Disagreements:
    """What contradicts the entities that `source` binds: tables, columns, nulls, labels, rights.

    What a view returns cannot be known; its columns are only looked for. The role of a replica
    must be able to read what is read. Raises `SourceError`.
    """
    needs = needs_of(catalog, source)
    reads = [one for one in needs if not one.writes]
    live = await _live(slots, reads, deadline)
    found = Disagreements([_absent(one) for one in reads if one.table.fullname not in live], [], [])
    for entity in catalog.entities.values():
        if entity.source == source and entity.table.fullname in live:
            missing, unknown = _compare(entity, live[entity.table.fullname][0])
            found.lines.extend(missing)
            found.labels.extend(unknown)
    found.lines.extend(one.line for one in _lacks(reads, live))
    found.writes.extend(_lacks([one for one in needs if one.writes], live))
    if replica is not None:
        theirs = await _live(replica, reads, deadline)
        others = {t: one for t, one in theirs.items() if one[0].role != live[t][0].role}
        found.lines.extend(one.line for one in _lacks(reads, others))
    return found


async def _live(
    slots: Slots | Reads, needs: Sequence[Needs], deadline: float
) -> dict[str, list[LiveTable]]:
    """What there is of these tables, by their full names: each before what is below it."""
    tables = [one.table for one in needs]
    names = [table.schema for table in tables], [table.name for table in tables]
    text = await slots.run_value(_TABLES, names, deadline) if tables else None
    found: dict[str, list[LiveTable]] = {}
    for one in msgspec.json.decode(text, type=list[LiveTable]) if text is not None else ():
        found.setdefault(tables[one.place - 1].fullname, []).append(one)
    return found


def _absent(needs: Needs) -> str:
    command = "sql` prints what makes" if needs.table.schema == ENGINE else "up` makes"
    return f"{needs.who}: table {needs.table.fullname} does not exist; `plait migrate {command} it."


def _lacks(needs: Sequence[Needs], live: Mapping[str, Sequence[LiveTable]]) -> list[Lack]:
    """What the role lacks of the tables that are there."""
    there = [(one, live[one.table.fullname]) for one in needs if one.table.fullname in live]
    return [lack for one in there if (lack := lacking(*one)) is not None]


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
