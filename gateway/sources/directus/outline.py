"""What an ask is about, in plain values: answers to asks with equal ones look the same. Pure."""

from __future__ import annotations

import dataclasses
from typing import Any

from gateway.schema.items.catalog import Collection, ItemColumn, ItemRelation
from gateway.schema.items.kinds import ItemKind

_ELSEWHERE = "spec"
"""A member that tells where arguments are read, which are compared by themselves."""


def outline(value: Any) -> Any:
    """An ask, or a part of one, as JSON values: response keys, what stands there, how read."""
    if isinstance(value, tuple):
        return [outline(part) for part in value]
    if isinstance(value, Collection | ItemColumn | ItemRelation | ItemKind):
        return value.name
    if dataclasses.is_dataclass(value):
        names = [one.name for one in dataclasses.fields(value) if one.name != _ELSEWHERE]
        return [type(value).__name__, *(outline(getattr(value, name)) for name in names)]
    return value
