"""Members of declared types and inputs, each with what it means in one line."""

from __future__ import annotations

import dataclasses
from typing import Any

import strawberry


def member(says: str, default: Any = dataclasses.MISSING) -> Any:
    """A member that must be given, unless it has a default."""
    return strawberry.field(description=says, default=default)


def optional_member(says: str, name: str | None = None) -> Any:
    """A member of an input that may be left out; `name` is its own where Python cannot have it."""
    return strawberry.field(description=says, default=strawberry.UNSET, name=name)
