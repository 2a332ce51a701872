"""The arguments a binding gives its field, in GraphQL terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.unset import UNSET

from gateway.schema import bindings as b
from gateway.schema import mutations as m
from gateway.schema.vectors import VectorFilter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.schema.catalog import EntityInfo


def argument(name: str, annotation: Any, says: str, default: Any = UNSET) -> StrawberryArgument:
    """An argument by its GraphQL name; without a default it is required unless it may be null."""
    return StrawberryArgument(
        python_name=name,
        graphql_name=name,
        type_annotation=StrawberryAnnotation(annotation),
        description=says,
        default=default,
    )


def arguments_for(  # noqa: PLR0911 - one return per sort of binding
    binding: b.Binding,
    entity: EntityInfo | None,
    inputs: Mapping[str, tuple[type, type]],
    writes: Mapping[str, tuple[type, type]],
) -> list[StrawberryArgument]:
    """The arguments of a field with this binding; `entity` is what it returns, if any."""
    if isinstance(binding, b.ByNodeId):
        return [argument("nodeId", strawberry.ID, "A global id, as `nodeId` of any row gives it.")]
    if entity is None:
        return []
    if isinstance(binding, b.ByKey):
        return _key(entity)
    if isinstance(binding, b.Listing | b.HasMany | b.ManyThrough):
        return [*_page(*inputs[entity.name]), *([_SEARCH] if entity.text else [])]
    if isinstance(binding, m.WriteBinding):
        return _write(binding, entity, inputs[entity.name], writes[entity.name])
    if isinstance(binding, b.Search):
        return _search()
    if isinstance(binding, b.Nearest):
        return [
            argument("first", int, "How many hits at most.", 10),
            argument("scoreThreshold", float | None, "Leave out hits scored below this."),
            argument("filter", VectorFilter | None, "Only points like this."),
        ]
    return []


def payload_arguments() -> list[StrawberryArgument]:
    """The arguments of a hit's `payload`."""
    return [argument("fields", list[str] | None, "Only these fields of it.")]


_SEARCH = argument(
    "search",
    str | None,
    "Only rows with these words, best first unless ordered otherwise: `a b` both, `a or b` either, "
    '`"a b"` in this order, `-a` without.',
)


def _key(entity: EntityInfo) -> list[StrawberryArgument]:
    return [
        argument(info.name, info.kind.annotation, f"The row's `{info.name}`.")
        for info in entity.key
    ]


def _write(
    binding: m.WriteBinding,
    entity: EntityInfo,
    inputs: tuple[type, type],
    writes: tuple[type, type],
) -> list[StrawberryArgument]:
    new, patch = writes
    if isinstance(binding, m.Insert):
        if binding.many:
            return [argument("inputs", list[new], "The new rows.")]  # type: ignore[valid-type]  # made at run time
        return [argument("input", new, "The new row.")]
    changes = [argument("set", patch, "The new values.")] if isinstance(binding, m.Update) else []
    if binding.many:
        return [
            argument("where", inputs[0], "Which rows."),
            *changes,
            argument("all", bool, "Confirms that an empty `where` means all rows.", default=False),
        ]
    lock = []
    if isinstance(binding, m.Update) and binding.version:
        says = "The version that was read; another one by now is a conflict."
        lock = [argument("version", int | None, says)]
    return [*_key(entity), *changes, *lock]


def _page(where: type, order: type) -> list[StrawberryArgument]:
    return [
        argument("first", int | None, "At most this many rows, from the beginning."),
        argument("after", str | None, "Only rows after this cursor."),
        argument("last", int | None, "At most this many rows, from the end."),
        argument("before", str | None, "Only rows before this cursor."),
        argument("where", where | None, "Only rows like this."),
        argument(
            "orderBy",
            list[order] | None,  # type: ignore[valid-type]  # made at run time
            "The order; the key is always its last part, so that it is total.",
        ),
    ]


def _search() -> list[StrawberryArgument]:
    return [
        argument("text", str | None, "Find what means something like this."),
        argument("vector", list[float] | None, "Find what is near this vector."),
        argument("id", strawberry.ID | None, "Find what is near this stored point."),
        argument("limit", int, "How many hits at most.", 10),
        argument("offset", int, "How many hits to leave out at the beginning.", 0),
        argument("scoreThreshold", float | None, "Leave out hits scored below this."),
        argument("filter", VectorFilter | None, "Only points like this."),
    ]
