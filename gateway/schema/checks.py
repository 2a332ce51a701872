"""What start-up refuses about the classes of a domain, before a schema is made of them."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from gateway.errors import ConfigurationError
from gateway.schema import bindings as b
from gateway.schema.connection import Connection, Hits
from gateway.schema.definitions import fields_of
from gateway.schema.entity import EntityOptions
from gateway.schema.items.bindings import ItemWriteField
from gateway.schema.mutations import Delete, Update, WriteBinding
from gateway.schema.state_fields import KEPT, StateRoot, StateValue, StateWrite
from gateway.schema.subscriptions import Change, Changes, EventBinding, Messages
from gateway.schema.vector_reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ON_ENTITIES = (
    b.ColumnBinding,
    b.BelongsTo,
    b.HasOne,
    b.HasMany,
    b.ManyThrough,
    StateValue,
)
_ON_ROOTS = (
    *(b.ByKey, b.Listing, StateRoot, StateWrite, WriteBinding, EventBinding),
    ItemWriteField,
)


def check_classes(
    entities: Sequence[type],
    queries: Sequence[type],
    mutations: Sequence[type],
    subscriptions: Sequence[type] = (),
) -> None:
    """Refuse classes without their decorator, and two root fields of one name.

    Raises ConfigurationError naming the class.
    """
    for cls in entities:
        if not isinstance(vars(cls).get("__plait_entity__"), EntityOptions):
            raise ConfigurationError(
                f"{cls.__name__} is listed as an entity; decorate it with @entity(table)."
            )
    for classes, decorator in (
        (queries, "@queries"),
        (mutations, "@mutations"),
        (subscriptions, "@subscriptions"),
    ):
        owner: dict[str, type] = {}
        for cls in classes:
            if "__strawberry_definition__" not in vars(cls):
                raise ConfigurationError(
                    f"{cls.__name__} is listed as a root class; decorate it with {decorator}."
                )
            for name in [field.python_name for field in fields_of(cls)]:
                first = owner.setdefault(name, cls)
                if first is not cls:
                    raise ConfigurationError(
                        f"{cls.__name__}.{name}: {first.__name__} has a root field of this name "
                        "too; rename one."
                    )


def check_field(where: str, binding: b.Binding, inner: Any, *, nullable: bool, root: bool) -> None:
    """Refuse a binding where it has no meaning, and an annotation that is not what it gives.

    `inner` is the annotation without `| None`. Raises ConfigurationError naming the field and
    what would be right.
    """
    misplaced = isinstance(binding, _ON_ENTITIES if root else _ON_ROOTS)
    if isinstance(binding, b.Vectors):
        misplaced = root is (binding.reading is Reading.NEAREST)
    if misplaced:
        place, other = ("a root class", "an entity") if root else ("an entity", "a root class")
        raise ConfigurationError(
            f"{where}: {_function(binding)} has no meaning on {place}; it belongs on {other}."
        )
    wanted = _wanted(binding)
    if wanted is not None and not _fits(binding, inner):
        raise ConfigurationError(f"{where}: {_function(binding)} gives {wanted}; annotate it so.")
    if _may_be_missing(binding) and not nullable:
        raise ConfigurationError(f"{where}: there may be no such row, so it must be `… | None`.")


def check_target(where: str, target: type, entities: Iterable[type]) -> None:
    """Refuse a relation to an entity that the domain does not list."""
    if target not in entities:
        raise ConfigurationError(
            f"{where}: {target.__name__} is not among the domain's entities; add it there."
        )


def _wanted(binding: b.Binding) -> str | None:
    """What a field with this binding is to be annotated as, in words."""
    if isinstance(binding, StateValue):
        return KEPT[binding.kind][1]
    if isinstance(binding, WriteBinding) and binding.many:
        return "rows, `list[Entity] | None`"
    if isinstance(binding, b.Vectors):
        return "hits, `Hits[Entity] | None`" if _gives_hits(binding) else None
    return next((says for kind, says in _GIVES.items() if isinstance(binding, kind)), None)


_GIVES: dict[type[b.Binding] | tuple[type[b.Binding], ...], str] = {
    (b.ByKey, WriteBinding): "one row, `Entity | None`",
    b.Listing: "a list, `Connection[Entity] | None`",
    Changes: "changes, `Change[Entity] | None`",
}


def _gives_hits(binding: b.Vectors) -> bool:
    """Whether it must be annotated as hits; how others are is checked with their types."""
    return binding.collection is not None and binding.reading in {Reading.SEARCH, Reading.NEAREST}


def _fits(binding: b.Binding, inner: Any) -> bool:
    origin = typing.get_origin(inner)
    if isinstance(binding, b.Listing | Changes):
        return origin is (Change if isinstance(binding, Changes) else Connection)
    if isinstance(binding, b.Vectors):
        return origin is Hits
    if isinstance(binding, StateValue):
        return bool(inner == KEPT[binding.kind][0])
    if isinstance(binding, WriteBinding) and binding.many:
        return origin is list
    return origin is None


def _may_be_missing(binding: b.Binding) -> bool:
    one = isinstance(binding, Update | Delete) and not binding.many
    return one or isinstance(binding, b.ByKey | Changes)


_NAMES: dict[type[b.Binding], str] = {
    b.ColumnBinding: "a column",
    b.BelongsTo: "belongs_to()",
    b.HasOne: "has_one()",
    b.HasMany: "has_many()",
    b.ManyThrough: "many_through()",
    StateRoot: "a field of StateQueries",
    StateWrite: "a field of StateMutations",
    ItemWriteField: "a field that writes items",
    Changes: "changes()",
    Messages: "a field of StateSubscriptions",
    b.ByKey: "by_key()",
    b.Listing: "listing()",
}


def _function(binding: b.Binding) -> str:
    """The function that the domain wrote."""
    if isinstance(binding, WriteBinding):
        many = "_many" if binding.many else ""
        return f"{type(binding).__name__.lower()}{many}()"
    if isinstance(binding, StateValue):
        return f"state_{binding.kind}()"
    if isinstance(binding, b.Vectors):
        one = {Reading.SEARCH: "search()", Reading.NEAREST: "nearest()"}
        return one.get(binding.reading, "a reading of a vector collection")
    return next(_NAMES[kind] for kind in type(binding).__mro__ if kind in _NAMES)
