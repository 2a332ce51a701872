"""The rights that a domain needs in a database, and those of them that the gateway's role lacks.

What is read must be readable to the last column: a domain can leave out what it may not show. What
is written may be refused by the database, field by field, so that a role that only reads can serve
a domain that also writes; what such writes lack is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.sql.visitors import iterate

from gateway.schema.access.rules import condition
from gateway.schema.writes.insertable import insertable, writable
from gateway.schema.writes.mutations import Delete, Insert, Update, WriteBinding
from gateway.sources.postgres.reads.statements import DIALECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from gateway.schema.catalog import Catalog, EntityInfo, Relation
    from gateway.sources.postgres.agreement import LiveTable

    Need: TypeAlias = tuple[str, sa.Table, str, Iterable[str]]
    """Who needs which right for which columns of which table; for none: for one at least."""

_QUOTING = DIALECT.identifier_preparer


@dataclass(slots=True)
class Needs:
    """What is needed of a table, and by whom: rights with the columns that they must be for.

    `writes`: writes alone need it.
    """

    table: sa.Table
    who: str
    writes: bool
    rights: dict[str, set[str]] = field(default_factory=dict)


class Lack(NamedTuple):
    """What the role lacks: who needs it, in words, and in a line with the GRANTs that mend it."""

    who: str
    what: str
    line: str


def needs_of(catalog: Catalog, source: str) -> list[Needs]:
    """What the entities of a source, and then the writes bound to them, need of each table."""
    entities = [one for one in catalog.entities.values() if one.source == source]
    found: dict[tuple[str, bool], Needs] = {}
    for writes, all_ in ((False, _read(catalog, entities)), (True, _written(catalog, source))):
        for who, table, right, columns in all_:
            needs = found.setdefault((table.fullname, writes), Needs(table, who, writes))
            needs.rights.setdefault(right, set()).update(columns)
    return [*found.values()]


def lacking(needs: Needs, live: Sequence[LiveTable]) -> Lack | None:
    """What the role lacks of it; None: nothing. `live`: the table, then those below a view."""
    own, table = live[0], _QUOTING.format_table(needs.table)
    wanted = [(f"USAGE ON SCHEMA {one}", f"USAGE of schema {one}") for one in _schemas(needs, own)]
    for part in live:
        if rights := [*_lacking(_needed(needs, part), part)]:
            below = f" of {part.name} below it" if part.below else ""
            name = part.name if part.below else table
            wanted.append((f"{', '.join(rights)} ON {name}", ", ".join(rights) + below))
        if "INSERT" in needs.rights and part.sole:
            wanted += [(f"USAGE ON SEQUENCE {one}", f"USAGE of {one}") for one in part.sequences]
            wanted += [
                (f"EXECUTE ON FUNCTION {one}", f"EXECUTE of {one}") for one in part.functions
            ]
    if not wanted:
        return None
    what = ", ".join(told for _, told in wanted)
    grants = " ".join(f"GRANT {grant} TO {own.role};" for grant, _ in wanted)
    effect = "; writes that need it are FORBIDDEN" if needs.writes else ""
    line = f"{needs.who}: role {own.role} lacks {what} on table {table}{effect}; run: {grants}"
    return Lack(needs.who, what, line)


def _schemas(needs: Needs, live: LiveTable) -> list[str]:
    """The schemas that the role may not use: the table's, and those of its enums."""
    columns = set[str]().union(*needs.rights.values())
    enums = [one.name for one in needs.table.c if isinstance(_item(one.type), sa.Enum)]
    found = [live.columns[name].schema for name in enums if name in columns & live.columns.keys()]
    return [*dict.fromkeys(one for one in (live.usage, *found) if one is not None)]


def _item(type_: Any) -> Any:
    return type_.item_type if isinstance(type_, sa.ARRAY) else type_


def _needed(needs: Needs, part: LiveTable) -> Mapping[str, Iterable[str]]:
    """The rights to the table, or to one below it.

    A view with `security_invoker` asks them of who uses it: to read all that it is made of, and to
    write where it has one table alone.
    """
    if not part.below:
        return needs.rights
    if not part.invoked:
        return {}
    reads = {"SELECT": part.used} if "SELECT" in needs.rights else {}
    writes = needs.rights.keys() & {"INSERT", "UPDATE", "DELETE"} if part.sole else ()
    return {**reads, **dict.fromkeys(sorted(writes), ())}


def _lacking(rights: Mapping[str, Iterable[str]], live: LiveTable) -> Iterator[str]:
    for right, columns in rights.items():
        barred = {name for name, column in live.columns.items() if right not in column.rights}
        if len(barred) == len(live.columns):
            yield right
        elif one := sorted(barred.intersection(columns)):
            yield f"{right} ({', '.join(map(_QUOTING.quote, one))})"


def _read(catalog: Catalog, entities: Iterable[EntityInfo]) -> Iterator[Need]:
    for entity in entities:
        yield from ((entity.name, column.table, "SELECT", [column.name]) for column in _own(entity))
    for entity in entities:
        for who, column in _further(catalog, entity):
            yield who, column.table, "SELECT", [column.name]


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


def _written(catalog: Catalog, source: str) -> Iterator[Need]:
    """What writes need; then what the rows need that are inserted with others.

    To update and to delete rows they are locked, which is an UPDATE.
    """
    bound = [(one.binding, catalog.entities.get(one.type_name)) for one in catalog.fields.values()]
    inserted = []
    for binding, entity in bound:
        if isinstance(binding, WriteBinding) and entity is not None and entity.source == source:
            for right, columns in _of_write(binding, entity):
                yield entity.name, entity.table, right, columns
            if isinstance(binding, Insert):
                inserted.append(entity)
    nested: set[str] = set()
    for entity in inserted:
        yield from _nested(catalog, entity, nested)


def _of_write(binding: WriteBinding, entity: EntityInfo) -> Iterator[tuple[str, Iterable[str]]]:
    columns = {one.column.name for one in writable(entity).values()}
    match binding:
        case Insert():
            yield "INSERT", columns
            yield "SELECT", binding.conflict
            if binding.conflict and not binding.ignore:
                yield "UPDATE", columns.difference(binding.conflict)
        case Update():
            yield "UPDATE", columns if binding.version is None else {*columns, binding.version}
            yield "SELECT", [column.name for column in entity.table.c]
        case Delete():
            yield "UPDATE", ()
            yield "DELETE", ()


def _nested(catalog: Catalog, entity: EntityInfo, known: set[str]) -> Iterator[Need]:
    """What the rows need that can be inserted with those of an entity, level by level."""
    if entity.name in known:
        return
    known.add(entity.name)
    offered = insertable(entity, catalog.entities, catalog.inserts)
    for relation in offered.children.values():
        target, who = catalog.entities[relation.target], f"{entity.name}.{relation.name}"
        yield who, target.table, "INSERT", [one.column.name for one in writable(target).values()]
        if relation.through is not None:
            sides = (*relation.through.near, *relation.through.far)
            yield who, relation.through.table, "INSERT", [own for own, _ in sides]
        yield from _nested(catalog, target, known)
