"""What a running Directus tells of its collections, for `plait pull directus`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from gateway.errors import SourceRefused
from gateway.sources.http import Outgoing

if TYPE_CHECKING:
    from gateway.sources.directus.sending import Sending

T = TypeVar("T")


class CollectionMeta(msgspec.Struct):
    """What Directus keeps about a collection."""

    note: str | None = None
    hidden: bool = False
    singleton: bool = False


class CollectionRow(msgspec.Struct):
    """One of `/collections`; without a `schema` it is a folder of others."""

    collection: str
    meta: CollectionMeta | None = None
    schema: dict[str, Any] | None = None


class FieldMeta(msgspec.Struct):
    """What Directus keeps about a field."""

    special: list[str] | None = None
    note: str | None = None


class FieldSchema(msgspec.Struct):
    """What the database says of a field."""

    is_primary_key: bool = False


class FieldRow(msgspec.Struct):
    """One of `/fields`; of type `alias` it has no column."""

    collection: str
    field: str
    type: str = "unknown"
    meta: FieldMeta | None = None
    schema: FieldSchema | None = None


class RelationMeta(msgspec.Struct):
    """How a relation shows on the side of one."""

    one_field: str | None = None
    one_allowed_collections: list[str] | None = None
    junction_field: str | None = None


class RelationRow(msgspec.Struct):
    """One of `/relations`: `field` of the many leads to the `related_collection`, if to but one."""

    collection: str
    field: str
    related_collection: str | None = None
    meta: RelationMeta | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """All collections, fields and relations that the token may see."""

    collections: list[CollectionRow]
    fields: list[FieldRow]
    relations: list[RelationRow]


async def read_instance(sending: Sending, deadline: float) -> Instance:
    """Ask a Directus for its collections. Raises SourceError."""

    async def rows(path: str, kind: type[T]) -> list[T]:
        found = await sending.ask(Outgoing("GET", path, repeatable=True), deadline)
        try:
            return msgspec.json.decode(found.data, type=list[kind])  # type: ignore[valid-type]  # a run-time type
        except msgspec.MsgspecError:
            raise SourceRefused(
                f"{sending.name} does not tell its {path[1:]} as expected."
            ) from None

    return Instance(
        await rows("/collections", CollectionRow),
        await rows("/fields", FieldRow),
        await rows("/relations", RelationRow),
    )
