"""Classes whose fields become the root fields of the schema, and who may use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, Unpack, overload

import strawberry

from gateway.schema.access.requirements import Access, directives_of
from gateway.schema.definitions import fields_of

T = TypeVar("T")


@overload
def queries(cls: type[T], /) -> type[T]: ...
@overload
def queries(**access: Unpack[Access]) -> Callable[[type[T]], type[T]]: ...
def queries(cls: type[T] | None = None, /, **access: Unpack[Access]) -> Any:
    """A class whose fields become root fields of Query.

    `@queries(roles=["editor"])` says who may use its fields; one that says the like itself keeps
    its own.
    """

    def decorate(one: type[T]) -> type[T]:
        directives = directives_of(access, one)
        made = strawberry.type(one)
        for field in fields_of(made):
            own = {type(directive) for directive in field.directives}
            added = [directive for directive in directives if type(directive) not in own]
            field.directives = [*field.directives, *added]
        return made

    return decorate if cls is None else decorate(cls)


mutations = queries
"""The same, of root fields of Mutation."""
subscriptions = queries
"""The same, of root fields of Subscription."""
