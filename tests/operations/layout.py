"""Plans and answers as text that people compare: SQL broken into lines by its clauses."""

from __future__ import annotations

import json
import re
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH = 100

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|\(|\)|\w+|\s+|.""", re.DOTALL)
_CLAUSES = frozenset({"FROM", "JOIN", "WHERE", "ORDER", "LIMIT", "GROUP"})


def plan_text(
    plan: Mapping[str, Any], made: Mapping[str, int], taken: Sequence[Mapping[str, Any]] = ()
) -> str:
    """What `Engine.explain` gives, and how many requests each source was really sent.

    `taken` is the trace of a run: which way each narrowed search went, and why. Where several go
    at once, it is a matter of moments which of their requests meet and are sent as one.
    """
    lines: list[str] = []
    for number, wave in enumerate(plan["waves"], 1):
        lines.append(f"wave {number}")
        for fetch in wave:
            lines.append(f"  {fetch['source']}: {fetch['kind']} for {', '.join(fetch['paths'])}")
            for name, value in fetch["request"].items():
                lines += _member(name, value)
            for way, request in fetch.get("branches", {}).items():
                lines.append(f"    {way}: {request['source']}")
                for name, value in request.items():
                    if name != "source":
                        lines += [f"  {line}" for line in _member(name, value)]
    lines += sorted(f"took {_taken(line)}" for line in taken)
    calls = ", ".join(f"{source} {count}" for source, count in sorted(made.items()) if count)
    if taken and len(plan["waves"][0]) > 1:
        calls = "as many as do not meet"
    return "\n".join([*lines, f"sent: {calls or 'nothing'}", ""])


def _taken(line: Mapping[str, Any]) -> str:
    """One line of a trace."""
    figures = ", ".join(f"{name} {value}" for name, value in line.items() if name != "path")
    return f"{line['path']}: {figures}"


def json_text(value: Any, indent: str = "") -> str:
    """JSON for reading: a member a line, but a list of plain values on one."""
    deeper = f"{indent}  "
    if isinstance(value, dict) and value:
        members = [f"{json.dumps(key)}: {json_text(value[key], deeper)}" for key in value]
        opening, closing = "{}"
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        members = [json_text(one, deeper) for one in value]
        opening, closing = "[]"
    else:
        return json.dumps(value, ensure_ascii=False)
    inner = f",\n{deeper}".join(members)
    return f"{opening}\n{deeper}{inner}\n{indent}{closing}"


def _member(name: str, value: Any) -> list[str]:
    if name == "sql":
        return [f"    {line}" for line in sql_lines(value)]
    return [f"    {name}: {value}"]


def sql_lines(text: str) -> list[str]:
    """SQL with a line for each clause, subselects indented, and long lines wrapped."""
    lines = [""]
    depth = 0
    subselects: list[bool] = []
    for token in _TOKEN.findall(" ".join(text.split("\n"))):
        clause = token in _CLAUSES and (not subselects or subselects[-1])
        if token == "SELECT" and subselects:
            subselects[-1] = True
            depth += 1
        if clause or (token == "SELECT" and subselects):
            lines.append("  " * depth)
        if token == "(":
            subselects.append(False)
        elif token == ")" and subselects.pop():
            depth -= 1
        blank = token.isspace()
        if not (blank and (not lines[-1].strip() or lines[-1].endswith(" "))):
            lines[-1] += " " if blank else token
    return [part for line in lines for part in _wrapped(line.rstrip())]


def _wrapped(line: str) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(
        line,
        WIDTH,
        subsequent_indent=indent,
        drop_whitespace=True,
        break_long_words=False,
        break_on_hyphens=False,
    )
