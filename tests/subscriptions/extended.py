"""The newsroom, with a schema extension that sees every operation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strawberry.extensions import SchemaExtension
from subscriptions import newsroom

if TYPE_CHECKING:
    from collections.abc import Iterator

SEEN: list[str] = []


class Witness(SchemaExtension):
    """Notes operations and fields."""

    def on_execute(self) -> Iterator[None]:
        SEEN.append("execute")
        yield

    def resolve(self, next_: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        SEEN.append(info.field_name)
        return next_(root, info, *args, **kwargs)


domain = replace(newsroom.domain, extensions=[Witness])
