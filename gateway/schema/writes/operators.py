"""What an update does to columns besides setting them: the database joins it to what is there.

So nothing is lost between a reading and a writing, however many write at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.dialects.postgresql import JSONB

from gateway.schema.columns.kinds import DOCUMENT_KIND, NUMERIC
from gateway.schema.lists.documents import path_steps

if TYPE_CHECKING:
    from gateway.schema.catalog import ColumnInfo


class Operator(NamedTuple):
    """One operator: how its argument is described, and the columns that it has a meaning for."""

    says: str
    fits: Callable[[ColumnInfo], bool]


def _number(info: ColumnInfo) -> bool:
    return info.kind.name in NUMERIC


def _document(info: ColumnInfo) -> bool:
    return isinstance(info.column.type, JSONB)


def _joined(info: ColumnInfo) -> bool:
    return info.kind.item is not None or _document(info)


DELETE_AT = "deleteAt"
OPERATORS: Mapping[str, Operator] = {
    "inc": Operator("What is added to numbers; negative to count down.", _number),
    "append": Operator(
        "What follows the items of lists; of JSON, what overrides the members of an object.",
        _joined,
    ),
    "prepend": Operator(
        "What precedes the items of lists; of JSON, members that an object gets if it lacks them.",
        _joined,
    ),
    DELETE_AT: Operator(
        "Where something is deleted from JSON: names of members, and positions in arrays.",
        _document,
    ),
}
"""By the names of their arguments."""


def operands(operator: str, columns: Mapping[str, ColumnInfo]) -> dict[str, ColumnInfo]:
    """Those of the columns, by GraphQL name, that the operator is for: none that refers to rows."""
    fits = OPERATORS[operator].fits
    return {
        name: info
        for name, info in columns.items()
        if fits(info) and not info.column.primary_key and not info.column.foreign_keys
    }


def operand_type(operator: str, info: ColumnInfo) -> Any:
    """The annotation of what is given to an operator for a column."""
    return list[str] if operator == DELETE_AT else info.kind.annotation


def bind_operand(operator: str, info: ColumnInfo, value: Any, where: str) -> Any:
    """What was given, as it is bound: a path is a JSON array. Raises InputError."""
    if operator == DELETE_AT:
        return DOCUMENT_KIND.bind(path_steps(value, where), where)
    return info.kind.bind(value, where)
