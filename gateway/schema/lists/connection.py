"""The structural types between entities: connections, edges, page information, search hits.

Relay Cursor Connections Specification; `nodes` is the usual shortcut past the edges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import strawberry
from strawberry.types.field import StrawberryField

from gateway.schema.members import Member, make_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.schema.catalog import EntityInfo

T = TypeVar("T")


class FieldFromAnswer(StrawberryField):
    """A field whose value stands in the planned answer, under its response key."""

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:  # noqa: ARG002 - Strawberry's signature
        """Called by Strawberry where permissions or extensions wrap the field."""
        raw = info._raw_info  # noqa: SLF001 - Strawberry's info hides the response key
        return raw.context.walk.resolve(source, raw)


@strawberry.type(description="Where a page of a connection lies.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool = strawberry.field(description="Whether rows follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether rows precede this page.")
    start_cursor: str | None = strawberry.field(description="The first row's cursor.")
    end_cursor: str | None = strawberry.field(description="The last row's cursor.")


class Connection(Generic[T]):
    """The annotation of a list: a page of rows, and what the whole list amounts to.

    `Connection[Trend]` becomes `TrendConnection` in the schema (`list_types`), with
    `edges`, `nodes`, `pageInfo`, `totalCount`, `aggregate` and `groups`.
    """


class Hits(Generic[T]):
    """The annotation of a vector search: a list of hits, each with its entity.

    `Hits[Trend]` becomes `[TrendHit!]` in the schema, where `TrendHit` has `id`, `score`,
    `payload`, `vector` and the entity under its own name, `trend`.
    """


class HitGroups(Generic[T]):
    """The annotation of a vector search whose hits are grouped by a payload field.

    `HitGroups[Trend]` becomes `[TrendHitGroup!]`, where a group has `key` and `hits`.
    """


class Facets(Generic[T]):
    """The annotation of the counted values of a payload field: `[VectorFacet!]`.

    The entity is the one whose rows the points stand for.
    """


@strawberry.interface(description="Anything with a global id.")
class Node:
    """The interface behind `node(nodeId:)`; every entity implements it."""

    node_id: strawberry.ID = strawberry.field(
        description="An id that is unique over all types; hand it to `node(nodeId:)`."
    )


def list_types(entity: EntityInfo, whole: Mapping[str, Member]) -> tuple[type, type]:
    """`<Entity>Connection` and `<Entity>Edge`; `whole` are the members about the whole list."""
    members = {
        "cursor": Member(str, "Pass as `after` or `before` to go on from here."),
        "node": Member(entity.cls, "The row itself."),
    }
    if entity.text is not None:
        members["rank"] = Member(
            float | None, "How well the row fits the `search`; larger is better. Null without one."
        )
        members["headline"] = Member(
            str | None,
            "Where the words of the `search` stand in the row's text, as HTML: they are in "
            "`<mark>`, everything else is escaped. Null without a `search`.",
        )
    edge = make_type(f"{entity.name}Edge", members, "A row of a connection and its place in it.")
    return make_type(
        f"{entity.name}Connection",
        {
            "edges": Member(list[edge], "The rows with their cursors."),  # type: ignore[valid-type]  # made at run time
            "nodes": Member(list[entity.cls], "The rows alone."),  # type: ignore[name-defined]  # likewise
            "pageInfo": Member(PageInfo, "Where this page lies."),
            "totalCount": Member(
                int, "How many rows the whole list has; counted only when asked for."
            ),
            **whole,
        },
        "A page of rows, with cursors to go on from.",
    ), edge
