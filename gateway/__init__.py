"""Plait: one GraphQL API braided from many sources.

What a resolvers package imports; everything else is the engine's own business. Names are loaded
when they are first used, so that `import gateway` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.errors import Code, InputError, PlaitError
    from gateway.execution.context import RequestContext, reference
    from gateway.schema.bindings import (
        belongs_to,
        by_key,
        column,
        entity,
        field,
        has_many,
        has_one,
        listing,
        many_through,
        nearest,
        queries,
        search,
        state_counter,
    )
    from gateway.schema.build import Domain
    from gateway.schema.connection import Connection, Hits
    from gateway.schema.mutations import (
        delete,
        delete_many,
        insert,
        insert_many,
        mutations,
        update,
        update_many,
        upsert,
        upsert_many,
    )
    from gateway.schema.named.binding import Row, Rows, named_sql
    from gateway.schema.rules import Rule, ViewerColumns
    from gateway.schema.scalars import BigInt, Bytes, Duration
    from gateway.viewer import Viewer

_HOMES = {
    "gateway.errors": ("Code", "InputError", "PlaitError"),
    "gateway.execution.context": ("RequestContext", "reference"),
    "gateway.schema.bindings": (
        "belongs_to",
        "by_key",
        "column",
        "entity",
        "field",
        "has_many",
        "has_one",
        "listing",
        "many_through",
        "nearest",
        "queries",
        "search",
        "state_counter",
    ),
    "gateway.schema.build": ("Domain",),
    "gateway.schema.connection": ("Connection", "Hits"),
    "gateway.schema.mutations": (
        "delete",
        "delete_many",
        "insert",
        "insert_many",
        "mutations",
        "update",
        "update_many",
        "upsert",
        "upsert_many",
    ),
    "gateway.schema.named.binding": ("Row", "Rows", "named_sql"),
    "gateway.schema.rules": ("Rule", "ViewerColumns"),
    "gateway.schema.scalars": ("BigInt", "Bytes", "Duration"),
    "gateway.viewer": ("Viewer",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "BigInt",
    "Bytes",
    "Code",
    "Connection",
    "Domain",
    "Duration",
    "Hits",
    "InputError",
    "PlaitError",
    "RequestContext",
    "Row",
    "Rows",
    "Rule",
    "Viewer",
    "ViewerColumns",
    "belongs_to",
    "by_key",
    "column",
    "delete",
    "delete_many",
    "entity",
    "field",
    "has_many",
    "has_one",
    "insert",
    "insert_many",
    "listing",
    "many_through",
    "mutations",
    "named_sql",
    "nearest",
    "queries",
    "reference",
    "search",
    "state_counter",
    "update",
    "update_many",
    "upsert",
    "upsert_many",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'gateway' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value
