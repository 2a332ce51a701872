"""Keys that are written in one way only, so that a row has a name: for tags of cached answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.schema.catalog import EntityInfo, Relation

_FAMILIES = {
    **dict.fromkeys(("Integer", "INTEGER", "BigInteger", "BIGINT"), "integer"),
    **dict.fromkeys(("SmallInteger", "SMALLINT"), "integer"),
    **dict.fromkeys(("Uuid", "UUID"), "uuid"),
    **dict.fromkeys(("Boolean", "BOOLEAN"), "boolean"),
    **dict.fromkeys(("Date", "DATE"), "date"),
    **dict.fromkeys(("Text", "TEXT", "String", "VARCHAR", "Unicode", "UnicodeText"), "text"),
}
"""Column types of which equal values are written equally: not CHAR, CITEXT, NUMERIC or floats."""


def family(type_: Any) -> str | None:
    """What values of a column type are written as; None where equal ones may differ."""
    if getattr(type_, "collation", None) is not None:
        return None
    return _FAMILIES.get(type(type_).__name__)


def has_plain_key(entity: EntityInfo) -> bool:
    """Whether a row of the entity has one name: its key is written in one way only."""
    return all(family(info.column.type) is not None for info in entity.key)


def is_marked_by_key(entity: EntityInfo) -> bool:
    """Whether a row of the entity has one name, and its key the same form in JSON.

    The client has no name for the dates at both ends, which JSON calls infinite.
    """
    return all(family(info.column.type) not in {None, "date"} for info in entity.key)


def key_columns(near: EntityInfo, relation: Relation, target: EntityInfo) -> list[str] | None:
    """The columns of `near` that hold the related row's key, in its order, written as it is.

    None where the relation goes by anything else, or the key has no one form in JSON.
    """
    by_remote = {remote: local for local, remote in relation.pairs}
    names = [info.column.name for info in target.key]
    if relation.many or relation.through is not None or set(by_remote) != set(names):
        return None
    found = [by_remote[name] for name in names]
    same = all(
        family(near.table.c[local].type) == family(info.column.type)
        for local, info in zip(found, target.key, strict=True)
    )
    return found if same and is_marked_by_key(target) else None
