"""The rights that a domain needs in a database, and those of them that the gateway's role lacks.

What is read must be readable to the last column: a domain can leave out what it may not show. Of a
write the columns count that it always names; of the others one is enough, as rights by column are
a way to refuse some of them to clients.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql.visitors import iterate

from gateway.schema.insertable import required, writable
from gateway.schema.mutations import Delete, Insert, Update, WriteBinding
from gateway.schema.rules import condition
from gateway.sources.postgres.statements import DIALECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gateway.schema.catalog import Catalog, EntityInfo, Relation
    from gateway.sources.postgres.agreement import LiveTable

_QUOTING = DIALECT.identifier_preparer


@dataclass(slots=True)
class Needs:
    """What is needed of a table, and by whom: rights with the columns that they must be for."""

    table: sa.Table
    who: str
    rights: dict[str, set[str]] = field(default_factory=dict)


def needs_of(catalog: Catalog, source: str) -> list[Needs]:
    """What the entities of a source, and the writes bound to them, need of each table."""
    found: dict[str, Needs] = {}
    for who, table, right, columns in _each(catalog, source):
        needs = found.setdefault(table.fullname, Needs(table, who))
        needs.rights.setdefault(right, set()).update(columns)
    return [*found.values()]


def lacking(needs: Needs, live: LiveTable) -> str | None:
    """What the role lacks of it, in a line with the GRANTs that would mend it; None: nothing."""
    table = _QUOTING.format_table(needs.table)
    wanted = (
        [] if live.usage is None else [(f"USAGE ON SCHEMA {live.usage}", "USAGE of its schema")]
    )
    rights = [*_lacking(needs.rights, live)]
    if rights:
        wanted.append((f"{', '.join(rights)} ON {table}", ", ".join(rights)))
    if "INSERT" in needs.rights:
        wanted += [(f"USAGE ON SEQUENCE {one}", f"USAGE of {one}") for one in live.sequences]
    if not wanted:
        return None
    told = ", ".join(right for _, right in wanted)
    grants = " ".join(f"GRANT {grant} TO {live.role};" for grant, _ in wanted)
    return f"{needs.who}: role {live.role} lacks {told} on table {table}; run: {grants}"


def _lacking(rights: Mapping[str, set[str]], live: LiveTable) -> Iterator[str]:
    for right, columns in rights.items():
        barred = {name for name, column in live.columns.items() if right not in column.rights}
        if len(barred) == len(live.columns):
            yield right
        elif one := sorted(columns & barred):
            yield f"{right} ({', '.join(map(_QUOTING.quote, one))})"


def _each(catalog: Catalog, source: str) -> Iterator[tuple[str, sa.Table, str, Iterable[str]]]:
    """Who needs which right for which columns of which table."""
    entities = [one for one in catalog.entities.values() if one.source == source]
    for entity in entities:
        yield from ((entity.name, column.table, "SELECT", [column.name]) for column in _own(entity))
    for entity in entities:
        for who, column in _further(catalog, entity):
            yield who, column.table, "SELECT", [column.name]
    for info in catalog.fields.values():
        binding = info.binding
        if isinstance(binding, WriteBinding):
            entity = catalog.entities[info.type_name]
            if entity.source == source:
                for right, columns in _written(binding, entity):
                    yield entity.name, entity.table, right, columns


def _own(entity: EntityInfo) -> Iterator[sa.Column[Any]]:
    """The columns that its fields and lists show."""
    yield from (one.column for one in (*entity.attributes.values(), *entity.columns.values()))
    yield from (one.column for one in entity.key)
    yield from (one.column for key in entity.other_keys for one in key)
    if entity.text is not None:  # headlines and ranks are made of whole rows
        yield from entity.table.c


def _further(catalog: Catalog, entity: EntityInfo) -> Iterator[tuple[str, sa.Column[Any]]]:
    """The columns, of whichever table, that its rule and its relations read."""
    if entity.rule is not None:
        for one in iterate(condition(entity.rule, entity.table.c)):
            if isinstance(one, sa.Column):
                table = one.table.element if isinstance(one.table, sa.Alias) else one.table
                if isinstance(table, sa.Table):
                    yield entity.name, table.c[one.key]
    for relation in entity.relations.values():
        who = f"{entity.name}.{relation.name}"
        target = catalog.entities[relation.target].table
        yield from ((who, column) for column in _joining(relation, entity.table, target))


def _joining(relation: Relation, near: sa.Table, far: sa.Table) -> Iterator[sa.Column[Any]]:
    """The columns that a relation compares."""
    for local, remote in relation.pairs:
        yield from (near.c[local], far.c[remote])
    if relation.through is not None:
        between = relation.through.table
        for sides, table in ((relation.through.near, near), (relation.through.far, far)):
            for own, column in sides:
                yield from (between.c[own], table.c[column])


def _written(binding: WriteBinding, entity: EntityInfo) -> Iterator[tuple[str, Iterable[str]]]:
    """Rights that a write needs; to update and to delete rows it locks them, which is an UPDATE."""
    match binding:
        case Insert():
            always = [one.column.name for one in writable(entity).values() if required(one.column)]
            yield "INSERT", always
            yield "SELECT", binding.conflict
            if binding.conflict and not binding.ignore:
                yield "UPDATE", ()
        case Update():
            yield "UPDATE", () if binding.version is None else (binding.version,)
            yield "SELECT", [column.name for column in entity.table.c]
        case Delete():
            yield "UPDATE", ()
            yield "DELETE", ()
