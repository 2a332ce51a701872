"""Defaults of arguments and inputs that an SDL wrote, as the printer knows them."""

from __future__ import annotations

from typing import Any

from graphql import (
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    coerce_input_literal,
    is_list_type,
    is_non_null_type,
)


def tell_defaults(member: Any) -> None:
    """Give a field's arguments, or an input's member, their defaults in the older form too.

    graphql-core goes by the newer one, the printer knows no other.
    """
    for one in getattr(member, "args", {"": member}).values():
        default = getattr(one, "default", None)
        if default is not None and default.literal is not None:
            one.default_value = _default(default.literal, one.type)


def _default(literal: Any, type_: Any) -> Any:
    """The value of a literal, in which only what is written stands: no defaults within it."""
    if is_non_null_type(type_):
        return _default(literal, type_.of_type)
    if isinstance(literal, NullValueNode):
        return None
    if is_list_type(type_):
        items = literal.values if isinstance(literal, ListValueNode) else [literal]
        return [_default(item, type_.of_type) for item in items]
    if isinstance(literal, ObjectValueNode):
        fields = type_.fields
        return {
            one.name.value: _default(one.value, fields[one.name.value].type)
            for one in literal.fields
        }
    return coerce_input_literal(literal, type_)
