"""The arguments a binding gives its field, in GraphQL terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.unset import UNSET

from gateway.schema import bindings as b
from gateway.schema import mutations as m
from gateway.schema.hybrid import (
    FusionWeights,
    NearInput,
    SearchMode,
    check_narrowing,
    may_be_narrowed,
)
from gateway.schema.vector_reading import Reading

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
        narrowed = []
        if isinstance(binding, b.Listing) and binding.near is not None:
            check_narrowing(entity, "a list with `near`")
            narrowed = [_NEAR]
        return [*_page(*inputs[entity.name]), *([_SEARCH] if entity.text else []), *narrowed]
    if isinstance(binding, m.WriteBinding):
        return _write(binding, entity, inputs[entity.name], writes[entity.name])
    if isinstance(binding, b.Vectors) and binding.reading.is_ranking:
        fused = binding.reading is Reading.SEARCH
        return narrowing_arguments(entity, inputs[entity.name][0], fused=fused)
    return []


def narrowing_arguments(
    entity: EntityInfo, where: type, *, fused: bool
) -> list[StrawberryArgument]:
    """What rows have to do with a vector search: none where a point cannot be told from a key."""
    if entity.rule is not None:
        check_narrowing(entity, "a vector search that keeps a row rule")
    if not may_be_narrowed(entity):
        return []
    narrowed = argument("where", where | None, "Only points whose rows are like this.")
    return [narrowed, *(_FUSION if fused and entity.text else [])]


_NEAR = argument("near", NearInput | None, "Only rows near to this by what they mean.")

_FUSION = [
    argument("mode", SearchMode, "What to go by; words are those of `text`.", SearchMode.VECTOR),
    argument("weights", FusionWeights | None, "Of a hybrid search."),
    argument("rrfK", int, "Of a hybrid search: the larger, the less the first ranks count.", 60),
    argument("candidates", int, "How far into either ranking a hybrid search looks.", 100),
]


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
