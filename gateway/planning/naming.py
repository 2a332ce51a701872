"""The reader of a named statement's arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.planning.arguments import Arguments

if TYPE_CHECKING:
    from collections.abc import Hashable

    from gateway.planning.variables import Variables
    from gateway.schema.named.statement import NamedStatement
    from gateway.schema.selection import Field


class NamedSpec:
    """The parameters of one statement that are arguments, in their order."""

    def __init__(self, field: Field, statement: NamedStatement) -> None:
        self._arguments = Arguments(field)
        self._parameters = statement.asked

    def read(self, variables: Variables) -> tuple[Hashable, tuple[Any, ...]]:
        """No shape; the values to bind, None for null. Raises InputError."""
        values = self._arguments.read(variables)
        return (), tuple([one.read(values) for one in self._parameters])
