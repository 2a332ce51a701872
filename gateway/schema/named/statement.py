"""A named statement as the planner and the sources see it: parameters, result, and the SQL."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from strawberry.types.unset import UNSET

from gateway.errors import InputError
from gateway.schema.named.tokens import Kind as TokenKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.catalog import ColumnInfo, EntityInfo
    from gateway.schema.columns.kinds import Kind
    from gateway.schema.named.header import SqlFile
    from gateway.schema.named.tokens import Token

RESULT = "~named"
"""What a statement calls the result of the named one: a name that no table has."""
DECLARED = "plait_declared"
"""Under which a declared column's `info` keeps its type as the header calls it."""
MAX_LIST = 10_000
"""Values that a parameter of an array type may have."""
_DIGITS = 4
"""A parameter's number has fewer characters than this."""


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """One parameter: `name` is the argument's, `sql_type` and `fallback` are SQL text.

    `default` is what the schema shows. `fallback` is the SQL that stands for null. `viewer` is the
    place of the viewer's value that fills it; then there is no argument.
    """

    name: str
    kind: Kind
    sql_type: str
    nullable: bool
    says: str = ""
    default: Any = UNSET
    fallback: str | None = None
    viewer: int | None = None

    def read(self, values: Mapping[str, Any]) -> Any:
        """The value to bind, None for null. Raises InputError."""
        value = values.get(self.name)
        if value is None:
            return None
        if self.kind.item is not None and len(value) > MAX_LIST:
            raise InputError.about(self.name, f"has more than {MAX_LIST} values")
        return self.kind.bind(value, self.name)

    def sql(self, number: int) -> str:
        """The expression that stands where the parameter is used."""
        value = f"${number}::{self.sql_type}"
        return f"({value})" if self.fallback is None else f"coalesce({value}, {self.fallback})"


@dataclass(frozen=True, slots=True)
class Sql:
    """SQL to be sent, its parameters numbered as declared, and where its parts come from.

    `places` are (place in `text`, place in the file, whether what follows was taken over as it is),
    in order; `lines` are the places in the file where a line begins.
    """

    text: str
    places: tuple[tuple[int, int, bool], ...]
    lines: tuple[int, ...]

    def line_and_column(self, place: int) -> tuple[int, int]:
        """Where in the file a place of `text` comes from; both from 1."""
        start, origin, moves = self.places[bisect_right(self.places, place, key=itemgetter(0)) - 1]
        found = origin + (place - start if moves else 0)
        line = bisect_right(self.lines, found)
        return line, found - self.lines[line - 1] + 1


@dataclass(frozen=True, slots=True, eq=False)
class NamedStatement:
    """A file that is bound to a root field.

    `row` is what its rows are: an entity whose key the statement gives (`keyed`), or the generated
    type of its declared columns. `value` is the one column of `fetchval`. `limit` bounds the rows.
    """

    name: str
    source: str
    mode: str
    sql: Sql
    parameters: tuple[Parameter, ...]
    row: EntityInfo | None
    keyed: bool
    value: ColumnInfo | None
    limit: int
    read_only: bool
    transaction: bool

    @property
    def asked(self) -> tuple[Parameter, ...]:
        """The parameters that are arguments."""
        return tuple(one for one in self.parameters if one.viewer is None)

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """The columns that the statement must give."""
        if self.value is not None:
            return (self.value,)
        if self.row is None:
            return ()
        return self.row.key if self.keyed else tuple(self.row.columns.values())


def write_sql(file: SqlFile, parameters: Sequence[Parameter]) -> Sql:
    """The file's statement, parameters put in. Raises ConfigurationError naming file and line.

    Every parameter must be declared and used; they are used by name or by number, not by both.
    """
    numbers = {member.name: number for number, member in enumerate(file.params, 1)}
    parts: list[str] = []
    places: list[tuple[int, int, bool]] = []
    used: set[int] = set()
    length = 0
    kinds: set[TokenKind] = set()
    for token in file.tokens():
        is_parameter = token.kind in {TokenKind.NAMED, TokenKind.NUMBERED}
        places.append((length, token.start, not is_parameter))
        if is_parameter:
            number = _number(file, token, numbers)
            used.add(number)
            kinds.add(token.kind)
            if len(kinds) > 1:
                raise file.wrong(
                    file.line_of(token.start), "use parameters by name or by number, not by both."
                )
            parts.append(parameters[number - 1].sql(number))
        else:
            parts.append(token.text)
        length += len(parts[-1])
    for number, member in enumerate(file.params, 1):
        if number not in used:
            raise file.wrong(member.line, f"parameter {member.name} is never used.")
    lines = (0, *(found.end() for found in re.finditer("\n", file.text)))
    return Sql("".join(parts), tuple(places), lines)


def _number(file: SqlFile, token: Token, numbers: Mapping[str, int]) -> int:
    """Which of the declared parameters a token is, from 1."""
    name = token.text[1:]
    short = token.kind is TokenKind.NUMBERED and len(name) < _DIGITS
    number = int(name) if short else numbers.get(name, 0)
    if not 1 <= number <= len(numbers):
        known = ", ".join(numbers) or "none"
        raise file.wrong(
            file.line_of(token.start),
            f"parameter {token.text} is not declared; declared are {known}.",
        )
    return number
