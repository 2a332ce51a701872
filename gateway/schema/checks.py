"""What start-up refuses about bound fields: where they stand, and how they are annotated."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from strawberry.utils.str_converters import to_snake_case

from gateway.schema import bindings as b
from gateway.schema.items.bindings import ITEM_FIELDS, ITEM_ROOTS, ItemField, ItemWriteField
from gateway.schema.lists.connection import Connection, Facets, HitGroups, Hits
from gateway.schema.named.binding import NamedSql
from gateway.schema.places import Place, Placed
from gateway.schema.state.fields import KEPT, StateRoot, StateValue, StateWrite
from gateway.schema.subscriptions import Change, Changes, EventBinding, Messages
from gateway.schema.vectors.reading import Reading
from gateway.schema.vectors.writes import READS, VectorChange
from gateway.schema.writes.mutations import Delete, Update, WriteBinding

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROOTS = (Place.QUERIES, Place.MUTATIONS)
_READ = (b.ByKey, b.ByNodeId, b.Listing, b.Vectors, StateRoot, NamedSql, *ITEM_ROOTS)
_WRITE = (WriteBinding, StateWrite, ItemWriteField)
_MISSING = (b.ByKey, Changes, NamedSql, *ITEM_ROOTS, ItemWriteField)
"""Of what is asked for at the root: what may not be there, or may fail by what it says."""

_HITS = "hits, `Hits[Entity] | None`"
_READINGS: Mapping[Reading, tuple[str, Any, str]] = {
    Reading.SEARCH: ("search()", Hits, _HITS),
    Reading.NEAREST: ("nearest()", Hits, _HITS),
    Reading.RECOMMEND: ("recommend()", Hits, _HITS),
    Reading.BATCH: ("search_batch()", list, "lists of hits, `list[Hits[Entity]] | None`"),
    Reading.GROUPS: ("search_groups()", HitGroups, "groups of hits, `HitGroups[Entity] | None`"),
    Reading.FACET: ("facets()", Facets, "counted values, `Facets[Entity] | None`"),
}
"""The function that the domain wrote, what a field with it is annotated as, the same in words."""

_NAMES: Mapping[type[b.Binding], str] = {
    b.ColumnBinding: "a column",
    StateRoot: "a field of StateQueries",
    StateWrite: "a field of StateMutations",
    ItemWriteField: "a field that writes items",
    VectorChange: "a field of a vector engine",
    Messages: "a field of StateSubscriptions",
}


def check_field(placed: Placed) -> None:
    """Refuse a binding where it has no meaning, and an annotation that is not what it gives.

    Raises ConfigurationError naming the field and what would be right.
    """
    binding, right = placed.binding, _belongs(placed.binding)
    if placed.place not in right:
        raise placed.wrong(
            f"{_function(binding)} has no meaning on {placed.place}; it belongs on "
            f"{' or '.join(right)}."
        )
    gives = _gives(binding)
    if gives is not None and gives[0] not in (placed.inner, typing.get_origin(placed.inner)):
        raise placed.wrong(f"{_function(binding)} gives {gives[1]}; annotate it so.")
    if _may_be_null(placed) and not placed.nullable:
        raise placed.wrong(
            "annotate it `… | None`, as there may be nothing, or its source may fail."
        )


def _belongs(binding: b.Binding) -> tuple[Place, ...]:
    """The sorts of class that such a field belongs on."""
    match binding:
        case b.Vectors(reading=Reading.NEAREST):
            return (Place.ENTITY,)
        case VectorChange(operation=operation):
            return (Place.QUERIES if operation in READS else Place.MUTATIONS,)
        case EventBinding():
            return (Place.SUBSCRIPTIONS,)
    if isinstance(binding, _READ):
        return _ROOTS
    if isinstance(binding, _WRITE):
        return (Place.MUTATIONS,)
    return (Place.COLLECTION if isinstance(binding, ITEM_FIELDS) else Place.ENTITY,)


def _gives(binding: b.Binding) -> tuple[Any, str] | None:
    """What a field with this binding is annotated as, or what of, and the same in words.

    None where that is checked with its types.
    """
    found: tuple[Any, str]
    match binding:
        case StateValue():
            return KEPT[binding.kind]
        case WriteBinding(many=True):
            found = list, "rows, `list[Entity] | None`"
        case WriteBinding() | b.ByKey():
            found = None, "one row, `Entity | None`"
        case b.Listing():
            found = Connection, "a list, `Connection[Entity] | None`"
        case Changes():
            found = Change, "changes, `Change[Entity] | None`"
        case b.Vectors() if binding.collection is not None:
            found = _READINGS[binding.reading][1:]
        case _:
            return None
    return found


def _may_be_null(placed: Placed) -> bool:
    binding = placed.binding
    if placed.place is Place.ENTITY:
        return not isinstance(binding, b.ColumnBinding | b.ByColumns | b.ManyThrough)
    if placed.place is Place.COLLECTION:
        return not isinstance(binding, ItemField)
    one = isinstance(binding, Update | Delete) and not binding.many
    return one or isinstance(binding, _MISSING)


def _function(binding: b.Binding) -> str:
    """The function that the domain wrote."""
    kind, many = type(binding), ""
    if isinstance(binding, WriteBinding):
        each = isinstance(binding, Update) and binding.each
        many = "_each" if each else "_many" if binding.many else ""
    if isinstance(binding, StateValue):
        return f"state_{binding.kind}()"
    if isinstance(binding, b.Vectors) and binding.collection is not None:
        return _READINGS[binding.reading][0]
    return _NAMES.get(kind) or f"{to_snake_case(kind.__name__)}{many}()"
