"""How long what an upstream gives may be kept: as its SDL says, and as the domain does.

Hints are those of Apollo (https://www.apollographql.com/docs/apollo-server/performance/caching):
`@cacheControl(maxAge:, scope:, inheritMaxAge:)` on object types, interfaces, unions and fields.
What the domain declares of a type or a field comes before its hint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import get_named_type, is_leaf_type

from gateway.errors import ConfigurationError
from gateway.schema.caching import CACHE, MAX_SECONDS, Cache
from gateway.schema.definitions import note, noted
from gateway.schema.upstreams.links import written_directives

if TYPE_CHECKING:
    from collections.abc import Mapping

HINT = "cacheControl"
INHERITS = "plait-cache-inherits"
"""Marks, in its extensions, what is kept as long as the object it is in."""


def settle(where: str, types: Mapping[str, Any], declared: Mapping[str, Cache]) -> None:
    """Note with types and their fields how long they may be kept.

    `types` are by their names at the upstream, its root types among them; `declared` by type, or
    by `Type.field`. Raises ConfigurationError, beginning with `where`, for names that it has not.
    """
    elements: dict[str, Any] = {}
    for name, type_ in types.items():
        if name.startswith("__") or is_leaf_type(type_):
            continue
        elements[name] = type_
        for field, definition in getattr(type_, "fields", {}).items():
            if hasattr(definition, "args"):
                elements[f"{name}.{field}"] = definition
    unknown = ", ".join(sorted(declared.keys() - elements))
    if unknown:
        raise ConfigurationError(f"{where}: `caches` names what the SDL has not: {unknown}.")
    for name, element in elements.items():
        hints = [said for directive, said in written_directives(element) if directive == HINT]
        if name in declared:
            note(element, CACHE, declared[name])
        elif hints:
            leaf = hasattr(element, "args") and is_leaf_type(get_named_type(element.type))
            note(element, *_hinted(hints[-1], leaf=leaf))


def inherits(element: Any) -> bool:
    """Whether a field or a type is kept as long as the object it is in."""
    return noted(element, INHERITS) is not None


def _hinted(hint: Mapping[str, Any], *, leaf: bool) -> tuple[str, Any]:
    """What a hint comes to. Without a time of its own a scalar has its object's, an object none."""
    age, private = hint.get("maxAge"), hint.get("scope") == "PRIVATE"
    if age is None and hint.get("inheritMaxAge") is True and not private:
        return INHERITS, True
    given = age if isinstance(age, int) else MAX_SECONDS if leaf else 0
    seconds = min(max(given, 0), MAX_SECONDS)
    return CACHE, Cache(seconds, "private" if private else "public")
