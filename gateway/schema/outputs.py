"""The generated object types of a list: `TrendConnection`, `TrendEdge`, and how such are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import strawberry

from gateway.schema.connection import PageInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.catalog import EntityInfo


class Member(NamedTuple):
    """A field of a generated type; its value stands in the planned answer."""

    annotation: Any
    says: str = ""
    arguments: Sequence[StrawberryArgument] = ()


def make_type(name: str, members: Mapping[str, Member], says: str) -> type:
    """An object type with these fields, by their GraphQL names."""
    body: dict[str, Any] = {"__annotations__": {}, "__module__": __name__}
    for member, (annotation, description, arguments) in members.items():
        attribute = f"{member}_"  # no member can thus be a Python keyword
        field = strawberry.field(name=member, description=description or None)
        field.arguments = list(arguments)
        body["__annotations__"][attribute] = annotation
        body[attribute] = field
    return strawberry.type(type(name, (), body), name=name, description=says)


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
