"""The arguments a binding gives its field, in GraphQL terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry

from gateway.schema import bindings as b
from gateway.schema.lists.inputs import LOCK
from gateway.schema.members import argument
from gateway.schema.vectors.hybrid import (
    FusionWeights,
    NearInput,
    SearchMode,
    check_narrowing,
    may_be_narrowed,
)
from gateway.schema.vectors.reading import Reading
from gateway.schema.writes import mutations as m
from gateway.schema.writes.operators import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strawberry.types.arguments import StrawberryArgument

    from gateway.schema.catalog import EntityInfo
    from gateway.schema.lists.inputs import ListInputs, WriteInputs


TOTAL_ORDER = "The order; the key is always its last part, so that it is total."


def arguments_for(  # noqa: PLR0911 - one return per sort of binding
    binding: b.Binding,
    entity: EntityInfo | None,
    inputs: Mapping[str, ListInputs],
    writes: Mapping[str, WriteInputs],
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
        return [*_page(inputs[entity.name]), *([_SEARCH] if entity.text else []), *narrowed]
    if isinstance(binding, m.WriteBinding):
        return _write(binding, entity, inputs[entity.name], writes[entity.name])
    if isinstance(binding, b.Vectors) and binding.reading.is_ranking:
        fused = binding.reading is Reading.SEARCH
        return narrowing_arguments(entity, inputs[entity.name].where, fused=fused)
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
    inputs: ListInputs,
    writes: WriteInputs,
) -> list[StrawberryArgument]:
    if isinstance(binding, m.Insert):
        met = []
        if binding.conflict and not binding.ignore:
            says = "A row that is there changes only where it is like this; else it is left out."
            met = [argument("where", inputs.where | None, says)]
            if writes.numbers is not None:
                says = "Columns in which a row that is there adds the new value to its own."
                met.append(argument("inc", list[writes.numbers] | None, says))  # type: ignore[name-defined]  # made at run time
        if binding.many:
            return [argument("inputs", list[writes.new], "The new rows."), *met]  # type: ignore[name-defined]  # likewise
        return [argument("input", writes.new, "The new row."), *met]
    if isinstance(binding, m.Update) and binding.each:
        one = writes.update if binding.version is None else writes.versioned
        return [argument("updates", list[one], "The changes, each to another row.")]  # type: ignore[valid-type]  # likewise
    changes = _changes(writes) if isinstance(binding, m.Update) else []
    if binding.many:
        return [
            argument("where", inputs.where, "Which rows."),
            *changes,
            argument("all", bool, "Confirms that an empty `where` means all rows.", default=False),
        ]
    lock = []
    if isinstance(binding, m.Update) and binding.version:
        lock = [argument("version", int | None, LOCK)]
    return [*_key(entity), *changes, *lock]


def _changes(writes: WriteInputs) -> list[StrawberryArgument]:
    given = writes.patch | None if writes.operated else writes.patch
    return [
        argument("set", given, "The new values."),
        *(argument(one, of | None, OPERATORS[one].says) for one, of in writes.operated.items()),
    ]


def _page(inputs: ListInputs) -> list[StrawberryArgument]:
    where, order, columns = inputs
    says = "Of the rows with the same values in these columns only the first in the order."
    distinct = [] if columns is None else [argument("distinctOn", list[columns] | None, says)]  # type: ignore[valid-type]  # made at run time
    return [
        argument("first", int | None, "At most this many rows, from the beginning."),
        argument("after", str | None, "Only rows after this cursor."),
        argument("last", int | None, "At most this many rows, from the end."),
        argument("before", str | None, "Only rows before this cursor."),
        argument("where", where | None, "Only rows like this."),
        argument("orderBy", list[order] | None, TOTAL_ORDER),  # type: ignore[valid-type]  # made at run time
        *distinct,
    ]
