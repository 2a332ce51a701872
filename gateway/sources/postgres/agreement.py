"""Whether the live tables are what the entities say: columns there, and never null where promised.

Splicing relies on it: inside a finished answer a null can no longer travel upwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from sqlalchemy.dialects.postgresql import dialect

if TYPE_CHECKING:
    from gateway.schema.catalog import Catalog, ColumnInfo, EntityInfo
    from gateway.sources.postgres.slots import Slots

_COLUMNS = """
select coalesce(json_object_agg(a.attname, a.attnotnull or c.relkind in ('v', 'm')), '{}')::text
from pg_attribute a join pg_class c on c.oid = a.attrelid
where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
"""
_LABELS = """
select coalesce(json_object_agg(a.attname, e.labels), '{}')::text
from pg_attribute a join pg_type t on t.oid = a.atttypid join lateral (
    select json_agg(enumlabel) as labels from pg_enum where enumtypid in (t.oid, t.typelem)
) e on e.labels is not null
where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
"""
ENGINE = "plait_engine"
"""The schema of the gateway's own tables, which are no part of a domain's migrations."""
_QUOTING = dialect().identifier_preparer  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


async def disagreements(
    slots: Slots, catalog: Catalog, source: str, deadline: float
) -> tuple[list[str], list[str]]:
    """A line for every table, column, null or label that contradicts an entity of `source`.

    Then one for labels that the database has and the entity lacks: only rows with one suffer.

    What a view returns cannot be known; its columns are only looked for. Raises `SourceError`.
    """
    found: list[str] = []
    further: list[str] = []
    for entity in catalog.entities.values():
        if entity.source == source:
            quoted = _QUOTING.format_table(entity.table)
            text = await slots.run_value(_COLUMNS, (quoted,), deadline)
            found += _compare(entity, entity.table.fullname, orjson.loads(text))
            if any(_labels(info) for info in entity.columns.values()):
                text = await slots.run_value(_LABELS, (quoted,), deadline)
                missing, unknown = _compare_labels(entity, orjson.loads(text))
                found += missing
                further += unknown
    return found, further


def _compare(entity: EntityInfo, table: str, not_null: dict[str, bool]) -> list[str]:
    if not not_null:
        command = "sql` prints what makes" if entity.table.schema == ENGINE else "up` makes"
        return [f"{entity.name}: table {table} does not exist; `plait migrate {command} it."]
    lines = []
    for info in entity.columns.values():
        column = info.column.name
        if column not in not_null:
            lines.append(f"{entity.name}.{info.name}: table {table} has no column {column}.")
        elif not info.nullable and not not_null[column]:
            lines.append(
                f"{entity.name}.{info.name}: column {table}.{column} may be null; "
                "annotate the field with `| None`, or make the column NOT NULL."
            )
    return lines


def _labels(info: ColumnInfo) -> list[str]:
    """The labels that the column's kind speaks of, which an enum of the database must have."""
    kind = info.kind.item or info.kind
    return [label for label, _ in kind.labels]


def _compare_labels(entity: EntityInfo, there: dict[str, list[str]]) -> tuple[list[str], list[str]]:
    """Lines about labels that an enum of the database lacks, and about those that the API lacks."""
    missing, further = [], []
    for info in entity.columns.values():
        known, name = _labels(info), info.column.name
        if not known or name not in there:
            continue
        enum = f"{entity.name}.{info.name}: the enum of column {entity.table.fullname}.{name}"
        if lacks := sorted(set(known) - set(there[name])):
            missing.append(f"{enum} lacks {', '.join(lacks)}; `plait migrate up` may add it.")
        if more := [label for label in there[name] if label not in known]:
            told = "null" if info.nullable else "an error"
            further.append(
                f"{enum} has {', '.join(more)}, which the API lacks: rows with it give {told}"
            )
    return missing, further
