"""What start-up refuses about the classes of a domain, before a schema is made of them."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from strawberry.utils.str_converters import to_snake_case

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
                        f"{cls.__name__}.{name}: {first.__module__}.{first.__name__} has a root "
                        "field of this name too; rename one."
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
    gives = _gives(binding)
    if gives is not None and gives[0] not in (inner, typing.get_origin(inner)):
        raise ConfigurationError(f"{where}: {_function(binding)} gives {gives[1]}; annotate it so.")
    if _may_be_missing(binding) and not nullable:
        raise ConfigurationError(f"{where}: there may be no such row, so it must be `… | None`.")


def check_target(where: str, target: type, entities: Iterable[type]) -> None:
    """Refuse a relation to an entity that the domain does not list."""
    if target not in entities:
        raise ConfigurationError(
            f"{where}: {target.__name__} is not among the domain's entities; add it there."
        )


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
        case b.Vectors(reading=Reading.SEARCH | Reading.NEAREST) if binding.collection is not None:
            found = Hits, "hits, `Hits[Entity] | None`"
        case _:
            return None
    return found


def _may_be_missing(binding: b.Binding) -> bool:
    one = isinstance(binding, Update | Delete) and not binding.many
    return one or isinstance(binding, b.ByKey | Changes)


_NAMES: dict[type[b.Binding], str] = {
    b.ColumnBinding: "a column",
    StateRoot: "a field of StateQueries",
    StateWrite: "a field of StateMutations",
    ItemWriteField: "a field that writes items",
    Messages: "a field of StateSubscriptions",
}


def _function(binding: b.Binding) -> str:
    """The function that the domain wrote."""
    kind, many = type(binding), ""
    if isinstance(binding, WriteBinding):
        each = isinstance(binding, Update) and binding.each
        many = "_each" if each else "_many" if binding.many else ""
    if isinstance(binding, StateValue):
        return f"state_{binding.kind}()"
    if isinstance(binding, b.Vectors):
        one = {Reading.SEARCH: "search()", Reading.NEAREST: "nearest()"}
        return one.get(binding.reading, "a reading of a vector collection")
    return _NAMES.get(kind) or f"{to_snake_case(kind.__name__)}{many}()"
