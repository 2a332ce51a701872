"""Python source as `ruff format` would leave it, at 100 columns, without asking it.

An expression stands on one line where it fits; else each of its arguments stands on a line of its
own, with a trailing comma, which the formatter then keeps.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from collections.abc import Set as AbstractSet

WIDTH = 100
INDENT = 4


@dataclass(frozen=True, slots=True)
class Literal:
    """A string."""

    text: str


@dataclass(frozen=True, slots=True)
class Group:
    """Parts in brackets: a call (`head` is what is called), a list or a tuple.

    A part with a name is a keyword argument.
    """

    head: str
    parts: tuple[tuple[str, Node], ...]
    brackets: str = "()"


Node: TypeAlias = "str | Literal | Group"


def call(head: str, *parts: Node, **named: Node | None) -> Group:
    """A call; keyword arguments that are None are left out."""
    given = [(f"{name}=", part) for name, part in named.items() if part is not None]
    return Group(head, (*(("", part) for part in parts), *given))


def listed(*parts: Node) -> Group:
    """A list."""
    return Group("", tuple(("", part) for part in parts), "[]")


def strings(texts: tuple[str, ...]) -> Node:
    """A string, or a tuple of several."""
    if len(texts) == 1:
        return Literal(texts[0])
    return Group("", tuple(("", Literal(text)) for text in texts))


def render(node: Node, used: int = 0, indent: int = 0, after: int = 0) -> str:
    """The source of an expression.

    `used`: columns taken before it on its line; `indent`: of that line; `after`: columns that
    must be left behind it.
    """
    flat = _flat(node)
    if used + len(flat) + after <= WIDTH:
        return flat
    if isinstance(node, Literal):
        return f"\n{' ' * indent}".join(_pieces(node.text, indent, used, after))
    if isinstance(node, str) or not node.parts:
        return flat
    inner = indent + INDENT
    lines = [
        f"{' ' * inner}{name}{render(part, inner + len(name), inner, 1)},"
        for name, part in node.parts
    ]
    return "\n".join(
        [f"{node.head}{node.brackets[0]}", *lines, f"{' ' * indent}{node.brackets[1]}"]
    )


def assignment(target: str, node: Node, indent: int = 0) -> str:
    """`target = …`, indented."""
    begins = f"{' ' * indent}{target} = "
    whole = begins + render(node, len(begins), indent)
    fits = len(whole.partition("\n")[0]) <= WIDTH or len(begins) >= WIDTH
    if fits or not isinstance(node, Group):
        return whole
    inner = indent + INDENT
    return f"{begins}(\n{' ' * inner}{render(node, inner, inner)}\n{' ' * indent})"


def decorator(node: Node) -> str:
    """`@…` above a class."""
    return "@" + assignment("@", node).removeprefix("@ = ")


def string(text: str) -> str:
    """A string literal, in the quotes that need fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(_escaped(letter, quote) for letter in text) + quote


def _escaped(letter: str, quote: str) -> str:
    if letter in "'\"":
        return f"\\{letter}" if letter == quote else letter
    return repr(letter)[1:-1]


def docstring(text: str, indent: int = 0) -> str | None:
    """A docstring on one line; None where the text does not suit one."""
    plain = " ".join(text.split())
    if not plain or not plain.isprintable() or "\\" in plain or '"' in plain:
        return None
    plain = plain[0].upper() + plain[1:]
    if plain[-1] not in ".?!":
        plain += "."
    fits = indent + len(plain) + 2 * len('"""') <= WIDTH
    return f'{" " * indent}"""{plain}"""' if fits else None


def comment(text: str, indent: int = 0) -> list[str]:
    """A comment, wrapped; what cannot be printed is a space in it."""
    begins = f"{' ' * indent}# "
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return textwrap.wrap(
        plain, WIDTH, initial_indent=begins, subsequent_indent=begins, break_on_hyphens=False
    )


def imports(module: str, names: list[str], indent: int = 0) -> str:
    """`from module import …`, the names in isort's order."""
    ordered = sorted(set(names), key=_import_rank)
    begins = f"{' ' * indent}from {module} import "
    line = begins + ", ".join(ordered)
    if len(line) <= WIDTH:
        return line
    inside = "".join(f"{' ' * (indent + INDENT)}{name},\n" for name in ordered)
    return f"{begins}(\n{inside}{' ' * indent})"


def head(
    title: str,
    words: AbstractSet[str],
    ours: AbstractSet[str],
    own: Sequence[str],
    others: Mapping[str, Collection[str]],
) -> str:
    """The top of a module of classes: its docstring, and imports of what annotations mention.

    `words` are those of the annotations, `ours` names of the gateway, `own` lines that import from
    the package, `others` names that only annotations mention, by module of the package.
    """
    standard = ["import datetime as dt"] if "dt" in words else []
    standard += ["from decimal import Decimal"] if "Decimal" in words else []
    standard += ["from typing import TYPE_CHECKING"] if others else []
    standard += ["from uuid import UUID"] if "UUID" in words else []
    third = [imports("gateway", [*ours, *(words & {"BigInt", "Bytes", "Duration"})])]
    third += ["from strawberry import ID"] if "ID" in words else []
    third += ["from strawberry.scalars import JSON"] if "JSON" in words else []
    inside = [imports(f".{module}", [*names], 4) for module, names in sorted(others.items())]
    checked = ["if TYPE_CHECKING:", *inside] if inside else []
    sections = [section for section in (standard, third, own, checked) if section]
    return "\n\n".join([title, *("\n".join(section) for section in sections)])


def words_of(annotation: str) -> set[str]:
    """The names in an annotation."""
    return set(re.findall(r"\w+", annotation))


def _import_rank(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest."""
    bare = name.split(" as ", maxsplit=1)[0]
    if bare.isupper() and len(bare) > 1:
        return 0, bare
    return (1 if bare[:1].isupper() else 2), bare


def _flat(node: Node) -> str:
    if isinstance(node, str):
        return node
    if isinstance(node, Literal):
        return string(node.text)
    inside = ", ".join(name + _flat(part) for name, part in node.parts)
    if not node.head and node.brackets == "()" and len(node.parts) == 1:
        inside += ","
    return f"{node.head}{node.brackets[0]}{inside}{node.brackets[1]}"


_WORD = rf"[^ ]{{1,{WIDTH // 4}}} ?| "
"""A word with the space behind it; one too long for a line, in parts."""


def _pieces(text: str, indent: int, used: int, after: int) -> list[str]:
    """A long text as adjacent literals, each on a line of its own."""
    pieces: list[str] = []
    piece = ""
    for word in re.findall(_WORD, text):
        room = WIDTH - after - (indent if pieces else max(used, indent))
        if piece and len(string(piece + word)) > room:
            pieces.append(piece)
            piece = ""
        piece += word
    return [string(one) for one in [*pieces, piece]]
