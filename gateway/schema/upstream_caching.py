"""How long what an upstream gives may be kept: as its SDL says, and as the domain does.

Hints are those of Apollo (https://www.apollographql.com/docs/apollo-server/performance/caching):
`@cacheControl(maxAge:, scope:, inheritMaxAge:)` on object types, interfaces, unions and fields.
What the domain declares of a type or a field comes before its hint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import get_named_type, is_leaf_type, value_from_ast_untyped

from gateway.errors import ConfigurationError
from gateway.schema.caching import CACHE, MAX_SECONDS, Cache

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

HINT = "cacheControl"
INHERITS = "plait-cache-inherits"
"""Marks, in its extensions, what is kept as long as the object it is in."""


def settle(where: str, types: Mapping[str, Any], declared: Mapping[str, Cache]) -> None:
    """Note with types and their fields how long they may be kept.

    `types` are by their names at the upstream, its root types among them; `declared` by type, or
    by `Type.field`. Raises ConfigurationError, beginning with `where`, for names that it has not.
    """
    elements: dict[str, tuple[Any, bool]] = {}
    for name, type_ in types.items():
        if name.startswith("__") or is_leaf_type(type_):
            continue
        elements[name] = type_, False
        for field, definition in getattr(type_, "fields", {}).items():
            if hasattr(definition, "args"):
                elements[f"{name}.{field}"] = (
                    definition,
                    is_leaf_type(get_named_type(definition.type)),
                )
    unknown = ", ".join(sorted(declared.keys() - elements))
    if unknown:
        raise ConfigurationError(f"{where}: `caches` names what the SDL has not: {unknown}.")
    for name, (element, leaf) in elements.items():
        extensions = {}
        for hint in _hints(element):
            extensions = _extensions(hint, leaf=leaf)
        if name in declared:
            extensions = {CACHE: declared[name]}
        element.extensions = {**(element.extensions or {}), **extensions}


def inherits(element: Any) -> bool:
    """Whether a field or a type is kept as long as the object it is in."""
    return INHERITS in (getattr(element, "extensions", None) or {})


def _hints(element: Any) -> Iterator[dict[str, Any]]:
    """The arguments of its hints, those of extensions last."""
    nodes: Iterable[Any] = (
        element.ast_node,
        *(getattr(element, "extension_ast_nodes", None) or ()),
    )
    for node in nodes:
        for directive in getattr(node, "directives", None) or ():
            if directive.name.value == HINT:
                yield {
                    one.name.value: value_from_ast_untyped(one.value) for one in directive.arguments
                }


def _extensions(hint: Mapping[str, Any], *, leaf: bool) -> dict[str, Any]:
    """What a hint comes to. Without a time of its own a scalar has its object's, an object none."""
    age, private = hint.get("maxAge"), hint.get("scope") == "PRIVATE"
    if age is None and hint.get("inheritMaxAge") is True and not private:
        return {INHERITS: True}
    given = age if isinstance(age, int) else MAX_SECONDS if leaf else 0
    seconds = min(max(given, 0), MAX_SECONDS)
    return {CACHE: Cache(seconds, "private" if private else "public")}
