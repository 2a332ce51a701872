"""The reader of `_entities(representations:)`: each is a type's name, a key, and what is believed.

Of a representation nothing is taken but the key, and fields that resolvers of the type declare as
required; whatever else it says is fetched anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from graphql import (
    Undefined,
    coerce_input_value,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from gateway.errors import InputError
from gateway.planning.arguments import ArgumentsSpec
from gateway.schema.access.demands import demanded_by_key, demanded_by_node

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from gateway.schema.access.demands import Demand
    from gateway.schema.catalog import Catalog, ColumnInfo, EntityInfo, Fields
    from gateway.schema.selection import Field
    from gateway.sources.contract import Key

MOST = 1_000
"""Representations of one request; routers batch a few hundred at most."""


class Representation(NamedTuple):
    """One of them: its entity and key, or what is wrong with it; `believed` is by attribute.

    `label` says which of the entity's keys it is.
    """

    entity: str | None
    key: Key
    believed: Mapping[str, Any]
    wrong: InputError | None = None
    label: str | None = None


def keys_of(entity: EntityInfo) -> dict[str, tuple[ColumnInfo, ...]]:
    """An entity's keys by a label each; the first, whose label is its name, is left empty."""
    others = {
        f"{entity.name} by {' '.join(info.name for info in key)}": key for key in entity.other_keys
    }
    return {entity.name: (), **others}


class RepresentationsSpec(ArgumentsSpec):
    """The types that occur, and the keys of theirs, are the shape."""

    def __init__(self, field: Field, catalog: Catalog, possible: frozenset[str]) -> None:
        super().__init__(field)
        self._catalog = catalog
        self._possible = possible
        self._types: Mapping[str, Any] = catalog.schema.type_map
        self._keys = {name: keys_of(catalog.entities[name]) for name in possible}
        self._short = {
            name: catalog.entities[name].key[0]
            for name in possible
            if len(catalog.entities[name].key) == 1
            and not catalog.entities[name].other_keys
            and not catalog.entities[name].required
        }
        """Of types with one key of one field, and nothing to believe, that field."""

    def split(self, values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
        """The keys' labels, sorted; the representations, in order."""
        given = values["representations"]
        if len(given) > MOST:
            raise InputError.about(
                "representations", f"holds {len(given)}, more than the {MOST} that are allowed"
            )
        found = tuple(
            [self._known(each) or self._one(place, each) for place, each in enumerate(given)]
        )
        labels = {one.label for one in found if one.label is not None}
        return tuple(sorted(labels)), found

    def demands(self, shape: tuple[str, ...]) -> Iterator[Demand]:
        """What the types ask of the viewer, and the columns of their other keys."""
        for label in shape:
            name = label.partition(" ")[0]
            yield from demanded_by_node(self._catalog, name)
            yield from demanded_by_key(
                self._catalog, self._catalog.entities[name], self._keys[name][label]
            )

    def _known(self, given: Any) -> Representation | None:
        """The short way, which most take; None where it does not lead there."""
        try:
            name = given["__typename"]
            info = self._short[name]
            value = given[info.name]
            if type(value) is str:
                return Representation(name, (info.kind.parse(value, info.name),), {}, None, name)
        except (KeyError, TypeError, InputError):
            pass
        return None

    def _one(self, place: int, given: Any) -> Representation:
        name = given.get("__typename") if isinstance(given, dict) else None
        if not isinstance(name, str) or name not in self._possible:
            return _wrong(place, "its `__typename` is no entity of this subgraph")
        entity = self._catalog.entities[name]
        label, columns = self._which_key(entity, given)
        for info in columns:
            if info.name not in given:
                return _wrong(place, f"it lacks the key field `{info.name}`")
        try:
            key = tuple([_part(info, given[info.name]) for info in columns])
        except InputError:
            names = ", ".join(info.name for info in columns)
            return _wrong(place, f"its key ({names}) has a value of the wrong kind")
        believed = {}
        for field, (attribute, within) in entity.required.items():
            if field in given:
                type_ = self._types[name].fields[field].type
                try:
                    believed[attribute] = _told(given[field], type_, within)
                except InputError:
                    return _wrong(place, f"its `{field}` is no {type_}")
        return Representation(name, key, believed, label=label)

    def _which_key(
        self, entity: EntityInfo, given: Mapping[str, Any]
    ) -> tuple[str, tuple[ColumnInfo, ...]]:
        """The first key that is there as a whole, with its label; the first of all if none is."""
        if entity.other_keys:
            for label, columns in self._keys[entity.name].items():
                if all(info.name in given for info in columns or entity.key):
                    return label, columns or entity.key
        return entity.name, entity.key


def _part(info: Any, value: Any) -> Any:
    if value is None or isinstance(value, dict | list):
        raise InputError("a key is a scalar")
    # An ID may come as a number, and every kind of key reads its text.
    text = value if isinstance(value, str) else str(value).lower()
    return info.kind.parse(text, info.name)


def _told(value: Any, type_: Any, within: Fields) -> Any:
    """A field's value as a resolver may read it: of objects only what is required `within` them.

    Raises InputError where it cannot be the field's.
    """
    if is_non_null_type(type_):
        return _told(_must(value is not None, value), type_.of_type, within)
    if value is None:
        return None
    if is_list_type(type_):
        _must(isinstance(value, list), value)
        return [_told(one, type_.of_type, within) for one in value]
    if is_leaf_type(type_):
        return _must(coerce_input_value(value, type_) is not Undefined, value)
    _must(isinstance(value, dict), value)
    return {
        name: _told(value[name], type_.fields[name].type, below)
        for name, below in within.items()
        if name in value
    }


def _must(holds: bool, value: Any) -> Any:  # noqa: FBT001 - a condition, not a flag
    if not holds:
        raise InputError("not a value of this field")
    return value


def _wrong(place: int, why: str) -> Representation:
    return Representation(None, (), {}, InputError(f"Representation {place}: {why}."))
