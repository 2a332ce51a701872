r"""SQL cut into tokens, just as far as it takes to tell a parameter from what only looks like one.

A parameter is `:name` or `$1`. Neither is one inside a string (`'…'`, `E'…\'…'`, `$$…$$`,
`$tag$…$tag$`), a quoted name (`"a:b"`), a comment (`-- …`, `/* … /* … */ … */`), a cast (`a::int`)
or a named argument (`f(a := 1)`); nor is a `:name` that follows a name, a number, a quote or a
closing bracket without a space, which is how array slices are written (`a[low:high]`).
PostgreSQL's manual, section 4.1, says what is what. The time taken grows linearly with the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Kind(Enum):
    """What a token is; everything that cannot hide a parameter is `OTHER`."""

    NAMED = "a parameter by name"
    NUMBERED = "a parameter by number"
    COMMENT = "a comment"
    QUOTED = "a string or a quoted name"
    WORD = "a name or a number"
    SPACE = "white space"
    OTHER = "an operator or a bracket"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL: `start` is its place in the text, in characters."""

    kind: Kind
    text: str
    start: int


class UnfinishedError(ValueError):
    """A string, quoted name or comment has no end; `start` is where it begins."""

    def __init__(self, what: str, start: int) -> None:
        super().__init__(f"{what} that begins here has no end")
        self.start = start


_LETTER = r"A-Za-z_\x80-\U0010ffff"
_GAP = r"[ \t\f\v]*+(?:--[^\r\n]*+)?+[\r\n](?:[ \t\f\v\r\n]++|--[^\r\n]*+[\r\n])*+"
"""White space with a line break, over which a string goes on."""
_PLAIN = r"'(?:[^']++|'')*+'"
_ESCAPED = r"'(?:[^'\\]++|''|\\.)*+'"

# A token's first characters say which it is; quantifiers are possessive, so nothing is read twice.
_TOKEN = re.compile(
    rf"""
    (?P<SPACE>     [ \t\f\v\r\n]++ )
  | (?P<COMMENT>   --[^\r\n]*+ )
  | (?P<BLOCK>     /\* )
  | (?P<STRING>    (?:[eE]{_ESCAPED}(?:{_GAP}{_ESCAPED})*+) | {_PLAIN} | "(?:[^"]++|"")*+" )
  | (?P<OPEN>      [eE]?' | " )
  | (?P<WORD>      [{_LETTER}][{_LETTER}0-9$]*+ | [0-9][{_LETTER}0-9.]*+ )
  | (?P<DOLLAR>    \$(?:[{_LETTER}][{_LETTER}0-9]*+)?+\$ )
  | (?P<NUMBERED>  \$[0-9]++ )
  | (?P<CAST>      :: | := )
  | (?P<NAMED>     (?<![{_LETTER}0-9$\])'"]):[A-Za-z_][A-Za-z0-9_]*+ )
  | (?P<OTHER>     . )
    """,
    re.VERBOSE | re.DOTALL,
)
_EDGE = re.compile(r"/\*|\*/")
_KINDS = {
    "SPACE": Kind.SPACE,
    "COMMENT": Kind.COMMENT,
    "STRING": Kind.QUOTED,
    "WORD": Kind.WORD,
    "NUMBERED": Kind.NUMBERED,
    "CAST": Kind.OTHER,
    "NAMED": Kind.NAMED,
    "OTHER": Kind.OTHER,
}


def tokens(text: str) -> Iterator[Token]:
    """The tokens of `text`, which together are `text`. Raises UnfinishedError."""
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            raise UnfinishedError("something", place)  # cannot be: the last pattern takes anything
        end = found.end()
        kind = _KINDS.get(found.lastgroup, Kind.QUOTED)
        if found.lastgroup == "BLOCK":
            kind, end = Kind.COMMENT, _block_end(text, place)
        elif found.lastgroup == "DOLLAR":
            end = text.find(found[0], end) + len(found[0])
            if end < found.end():
                raise UnfinishedError("the string", place)
        elif found.lastgroup == "OPEN":
            raise UnfinishedError("the name" if found[0] == '"' else "the string", place)
        yield Token(kind, text[place:end], place)
        place = end


def _block_end(text: str, start: int) -> int:
    """Where a block comment ends that begins at `start`; they nest."""
    depth = 0
    for edge in _EDGE.finditer(text, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    raise UnfinishedError("the comment", start)
