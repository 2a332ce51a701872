"""What an update joins to the values that are stored (`gateway.schema.writes.operators`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from gateway.schema.writes.operators import DELETE_AT

if TYPE_CHECKING:
    from collections.abc import Mapping


def operand(column: Any, operators: Mapping[str, str]) -> Any:
    """What is given for a column, as a column of a recordset: its new value, or a path in it."""
    is_path = operators.get(column.name) == DELETE_AT
    return sa.column(column.name, sa.ARRAY(sa.Text)) if is_path else column


def joined(operator: str | None, stored: Any, given: Any) -> Any:
    """A column's new value: what was given, or that joined to what is stored.

    A null is nothing, on either side: joined to it the other one is what there is then.
    """
    match operator:
        case None:
            return given
        case "inc":
            value = stored + given
        case "append":
            value = stored.op("||")(given)
        case "prepend":
            value = given.op("||")(stored)
        case _:
            return stored.op("#-")(given)
    return sa.func.coalesce(value, given, stored)
