"""A `.sql` file: what its header declares, and the statement below it.

The header is the comment lines at the top. First prose, which describes the field; then one
declaration a line, each of which may end in a comment of its own, its description:

    -- Items collected a day, by source.
    -- mode: fetch
    -- param since: timestamptz -- Only items collected from here on.
    -- param source: item_source?
    -- returns: ItemsOfDay
    -- column day: date
    -- column total: int4 -- How many.
    select collected_at::date as day, count(*)::int4 as total from … where collected_at >= :since …

`docs/named-sql.md` has the whole grammar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.errors import ConfigurationError
from gateway.schema.named.tokens import Kind, Token, UnfinishedError, tokens

if TYPE_CHECKING:
    from collections.abc import Callable

MODES = ("fetch", "fetchrow", "fetchval", "execute")
DEFAULT_LIMIT = 1_000
MAX_LIMIT = 10_000

_KEYS = ("mode", "returns", "limit", "read_only", "transaction")
_ANY_KEY = re.compile(r"(\w+)\s*:\s*(.*)")
_MEMBER = re.compile(r"(param|column)\s+([a-z_][a-z0-9_]*)\s*:\s*(.*)")
_LIKE_MEMBER = re.compile(r"(param|column)\b.*:")
_TYPE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(\?)?(\[\]))?(\s+as\s+ID)?(\?)?\s*(?:=\s*(.+))?")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_BRACKETS = {")": "(", "]": "["}


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as it is written: `text[]?`, `text?[]` of a list with nulls in it, `int8 as ID`."""

    word: str
    array: bool = False
    as_id: bool = False
    nullable: bool = False
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """A declared parameter or column; `default` is SQL text."""

    name: str
    type: TypeName
    line: int
    says: str = ""
    default: str | None = None


@dataclass(slots=True)
class SqlFile:
    """A file as it was read. `name` is how messages call it, `body` where its statement begins."""

    name: str
    text: str
    body: int = 0
    description: str = ""
    mode: str = ""
    returns: TypeName | None = None
    returns_says: str = ""
    limit: int = DEFAULT_LIMIT
    read_only: bool = True
    transaction: bool = True
    params: list[Member] = field(default_factory=list)
    columns: list[Member] = field(default_factory=list)

    def wrong(self, line: int, says: str) -> ConfigurationError:
        """An error that names this file and a line of it."""
        return ConfigurationError(f"{self.name}:{line}: {says}")

    def line_of(self, place: int) -> int:
        """The line, from 1, of a place in the text."""
        return self.text.count("\n", 0, place) + 1

    def tokens(self) -> list[Token]:
        """The statement's tokens, placed in the whole text, without the semicolon at its end.

        Raises ConfigurationError where it is not one whole statement.
        """
        try:
            found = [
                Token(token.kind, token.text, token.start + self.body)
                for token in tokens(self.text[self.body :])
            ]
        except UnfinishedError as error:
            raise self.wrong(self.line_of(self.body + error.start), f"{error}.") from None
        ends = [place for place, token in enumerate(found) if token.text == ";"]
        end = ends[0] if ends else len(found)
        for token in found[end + 1 :]:
            if token.kind not in {Kind.SPACE, Kind.COMMENT}:
                raise self.wrong(self.line_of(token.start), "a file holds one statement only.")
        statement = found[:end]
        if all(token.kind in {Kind.SPACE, Kind.COMMENT} for token in statement):
            raise self.wrong(self.line_of(self.body), "there is no statement below the header.")
        return statement


def read(name: str, text: str) -> SqlFile:
    """Read a file's text. Raises ConfigurationError naming file and line."""
    file = SqlFile(name, text)
    if "\x00" in text:
        raise file.wrong(file.line_of(text.index("\x00")), "the NUL character is not SQL.")
    prose: list[str] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(_LINE.findall(text), 1):
        if not line.startswith("--"):
            break
        file.body += len(line)
        content = line.removeprefix("--").strip()
        if not content:
            continue
        if not _declared(file, content, number, seen):
            if seen:
                raise file.wrong(number, "this is no declaration; prose stands above the first.")
            prose.append(content)
    file.description = " ".join(prose)
    _check(file, seen)
    return file


def _declared(file: SqlFile, content: str, line: int, seen: dict[str, int]) -> bool:
    """Take over a declaration; False where the line is prose."""
    if _LIKE_MEMBER.match(content):
        member = _MEMBER.fullmatch(content)
        if member is None:
            raise file.wrong(
                line, f"write `{content.split(maxsplit=1)[0]} name: type`, in lower case."
            )
        _member(file, member, line, seen)
        return True
    found = _ANY_KEY.fullmatch(content)
    if found is None:
        return False
    key, rest = found.groups()
    if key not in _KEYS:
        known = ", ".join(_KEYS)
        raise file.wrong(line, f"`{key}:` is not known; there are {known}, param and column.")
    if key in seen:
        raise file.wrong(line, f"`{key}:` stands in line {seen[key]} already.")
    seen[key] = line
    value, says = _commented(file, rest, line)
    if key == "returns":
        file.returns, default = _type(file, value, line)
        file.returns_says = says
        if default is not None:
            raise file.wrong(line, "what is returned has no default.")
    else:
        setattr(file, key, _OPTIONS[key](file, value, line))
    return True


def _member(file: SqlFile, found: re.Match[str], line: int, seen: dict[str, int]) -> None:
    sort, name, rest = found.groups()
    if f"{sort} {name}" in seen:
        raise file.wrong(line, f"{sort} {name} stands in line {seen[f'{sort} {name}']} already.")
    seen[f"{sort} {name}"] = line
    value, says = _commented(file, rest, line)
    type_, default = _type(file, value, line)
    if sort == "column" and default is not None:
        raise file.wrong(line, "a column has no default; write `coalesce` in the statement.")
    if default is not None and type_.nullable:
        raise file.wrong(line, "give a default or `?`, not both: null stands for the default.")
    members = file.params if sort == "param" else file.columns
    members.append(Member(name, type_, line, says, default))


def _commented(file: SqlFile, rest: str, line: int) -> tuple[str, str]:
    """A declaration's value, and the comment behind it."""
    try:
        for token in tokens(rest):
            if token.kind is Kind.COMMENT and token.text.startswith("--"):
                return rest[: token.start].strip(), token.text.lstrip("-").strip()
    except UnfinishedError as error:
        raise file.wrong(line, f"{error}.") from None
    return rest.strip(), ""


def _type(file: SqlFile, text: str, line: int) -> tuple[TypeName, str | None]:
    found = _TYPE.fullmatch(text)
    if found is None:
        raise file.wrong(
            line, f"`{text}` is no type; write one such as int4, text[], `int8 as ID` or date?."
        )
    word, sparse, array, as_id, nullable, default = found.groups()
    if default is not None:
        _check_default(file, default, line)
    return TypeName(word, bool(array), bool(as_id), bool(nullable), bool(sparse)), default


def _check_default(file: SqlFile, text: str, line: int) -> None:
    """A default stands within a statement, so it must be an expression that is whole by itself."""
    opened: list[str] = []
    for token in tokens(text):
        if token.kind in {Kind.NAMED, Kind.NUMBERED}:
            raise file.wrong(line, "a default cannot use a parameter.")
        if token.text in {"(", "["}:
            opened.append(token.text)
        elif token.text in _BRACKETS and (not opened or opened.pop() != _BRACKETS[token.text]):
            raise file.wrong(line, f"`{token.text}` in the default closes nothing.")
        elif token.text == ";" or (token.text == "," and not opened):
            raise file.wrong(line, f"`{token.text}` cannot stand in a default.")
    if opened:
        raise file.wrong(line, f"`{opened[-1]}` in the default is not closed.")


def _mode(file: SqlFile, value: str, line: int) -> str:
    if value not in MODES:
        raise file.wrong(line, f"the mode is one of {', '.join(MODES)}, not `{value}`.")
    return value


def _limit(file: SqlFile, value: str, line: int) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 1 <= int(value) <= MAX_LIMIT:
        raise file.wrong(line, f"the limit is a number from 1 to {MAX_LIMIT}.")
    return int(value)


def _truth(file: SqlFile, value: str, line: int) -> bool:
    if value not in {"true", "false"}:
        raise file.wrong(line, f"write true or false, not `{value}`.")
    return value == "true"


_OPTIONS: dict[str, Callable[[SqlFile, str, int], Any]] = {
    "mode": _mode,
    "limit": _limit,
    "read_only": _truth,
    "transaction": _truth,
}


def _check(file: SqlFile, seen: dict[str, int]) -> None:
    """What holds between declarations."""
    if not file.mode:
        raise file.wrong(1, f"the header lacks `mode:`, one of {', '.join(MODES)}.")
    if file.mode == "execute":
        file.read_only = False
        for key in ("returns", "limit", "read_only"):
            if key in seen:
                raise file.wrong(
                    seen[key], f"`{key}:` has no place here: execute gives the affected count."
                )
    elif file.returns is None:
        raise file.wrong(seen["mode"], f"the header lacks `returns:`, what {file.mode} gives.")
    elif file.returns.nullable:
        raise file.wrong(seen["returns"], "`?` says nothing here: the field may always be null.")
    if file.columns and file.mode not in {"fetch", "fetchrow"}:
        raise file.wrong(file.columns[0].line, f"{file.mode} gives no columns.")
    if file.mode != "fetch" and "limit" in seen:
        raise file.wrong(seen["limit"], f"{file.mode} gives one row at most.")
    if file.read_only and not file.transaction:
        raise file.wrong(seen["transaction"], "only what writes needs a transaction.")
