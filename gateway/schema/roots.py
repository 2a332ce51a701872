"""Classes whose fields become the root fields of the schema, and who may use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, Unpack, overload

import strawberry

from gateway.schema.access import Access, directives_of

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
    return _root_class(cls, access)


@overload
def mutations(cls: type[T], /) -> type[T]: ...
@overload
def mutations(**access: Unpack[Access]) -> Callable[[type[T]], type[T]]: ...
def mutations(cls: type[T] | None = None, /, **access: Unpack[Access]) -> Any:
    """A class whose fields become root fields of Mutation; `access` as for `queries`."""
    return _root_class(cls, access)


@overload
def subscriptions(cls: type[T], /) -> type[T]: ...
@overload
def subscriptions(**access: Unpack[Access]) -> Callable[[type[T]], type[T]]: ...
def subscriptions(cls: type[T] | None = None, /, **access: Unpack[Access]) -> Any:
    """A class whose fields become root fields of Subscription; `access` as for `queries`."""
    return _root_class(cls, access)


def _root_class(cls: type[T] | None, access: Access) -> Any:
    directives = directives_of(access)

    def decorate(one: type[T]) -> type[T]:
        made = strawberry.type(one)
        for field in made.__strawberry_definition__.fields:  # type: ignore[attr-defined]  # just made
            own = {type(directive) for directive in field.directives}
            added = [directive for directive in directives if type(directive) not in own]
            field.directives = [*field.directives, *added]
        return made

    return decorate if cls is None else decorate(cls)
