"""The reader of `_entities(representations:)`: each is a type's name, a key, and what is believed.

Of a representation nothing is taken but the key, and fields that resolvers of the type declare as
required; whatever else it says is fetched anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from graphql import Undefined, coerce_input_value, is_input_type

from gateway.errors import InputError
from gateway.planning.arguments import Arguments
from gateway.schema.demands import demanded_by_node

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from gateway.planning.variables import Variables
    from gateway.schema.catalog import Catalog, EntityInfo
    from gateway.schema.demands import Demand
    from gateway.schema.selection import Field
    from gateway.sources.contract import Key

MOST = 1_000
"""Representations of one request; routers batch a few hundred at most."""


class Representation(NamedTuple):
    """One of them: its entity and key, or what is wrong with it; `believed` is by attribute."""

    entity: str | None
    key: Key
    believed: Mapping[str, Any]
    wrong: InputError | None = None


class RepresentationsSpec:
    """The types that occur are the shape."""

    def __init__(self, field: Field, catalog: Catalog, possible: frozenset[str]) -> None:
        self._arguments = Arguments(field)
        self._catalog = catalog
        self._possible = possible
        self._types: Mapping[str, Any] = catalog.schema.type_map

    def read(self, variables: Variables) -> tuple[Hashable, tuple[Any, ...]]:
        """The names of the types, sorted; the representations, in order. Raises InputError."""
        given = self._arguments.read(variables)["representations"]
        if len(given) > MOST:
            raise InputError(
                f"`representations` holds {len(given)}, more than the {MOST} that are allowed.",
                extensions={"argument": "representations"},
            )
        found = tuple([self._one(place, each) for place, each in enumerate(given)])
        types = {one.entity for one in found if one.entity is not None}
        return tuple(sorted(types)), found

    def demands(self, shape: tuple[str, ...]) -> Iterator[Demand]:
        """What the types ask of the viewer."""
        for name in shape:
            yield from demanded_by_node(self._catalog, name)

    def _one(self, place: int, given: Any) -> Representation:
        name = given.get("__typename") if isinstance(given, dict) else None
        if not isinstance(name, str) or name not in self._possible:
            return _wrong(place, "its `__typename` is no entity of this subgraph")
        entity = self._catalog.entities[name]
        try:
            key = _key(entity, given)
        except KeyError as error:
            return _wrong(place, f"it lacks the key field `{error.args[0]}`")
        except InputError:
            names = ", ".join(info.name for info in entity.key)
            return _wrong(place, f"its key ({names}) has a value of the wrong kind")
        believed = {}
        for field, attribute in entity.required.items():
            if field in given:
                type_ = self._types[name].fields[field].type
                if not _fits(given[field], type_):
                    return _wrong(place, f"its `{field}` is no {type_}")
                believed[attribute] = given[field]
        return Representation(name, key, believed)


def _key(entity: EntityInfo, given: Mapping[str, Any]) -> Key:
    return tuple([_part(info, given[info.name]) for info in entity.key])


def _part(info: Any, value: Any) -> Any:
    if value is None or isinstance(value, dict | list):
        raise InputError("a key is a scalar")
    # An ID may come as a number, and every kind of key reads its text.
    text = value if isinstance(value, str) else str(value).lower()
    return info.kind.parse(text, info.name)


def _fits(value: Any, type_: Any) -> bool:
    """Whether a value may be believed to be a field's, which a resolver will read."""
    if not is_input_type(type_):
        return True  # objects of another subgraph have no form that could be checked
    return coerce_input_value(value, type_) is not Undefined


def _wrong(place: int, why: str) -> Representation:
    return Representation(None, (), {}, InputError(f"Representation {place}: {why}."))
