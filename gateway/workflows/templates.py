"""`${…}` in keys and inputs: a small grammar of names, parsed when a workflow is loaded.

    key patterns   ${request.id}  ${stepName}  ${workflow.name}  ${workflow.version}
    inputs         ${ctx.request.id}  ${ctx.vars.name.member}  ${ctx.datasource('name', 'key')}

Nothing is evaluated: what is not one of these names is refused, with those that there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from gateway.context.keys import check_key
from gateway.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

KEY_NAMES = ("request.id", "stepName", "workflow.name", "workflow.version")
RUN = "${request.id}"
"""Where the run's id stands in a key pattern."""
_INPUT_NAMES = "ctx.request.id, ctx.vars.<name>, ctx.datasource('<name>', '<key>')"
_HOLE = re.compile(r"\$\{([^{}]*)\}")
_VARIABLE = re.compile(r"ctx\.vars\.([A-Za-z_]\w*(?:\.\w+)*)")
_DATASOURCE = re.compile(r"ctx\.datasource\(\s*(['\"])([^'\"]*)\1\s*,\s*(['\"])([^'\"]*)\3\s*\)")
_MOST = 10_000
"""Characters of a text with holes."""
_DEEPEST = 64
"""Levels of inputs within inputs."""


@dataclass(frozen=True, slots=True)
class RequestId:
    """The run's id."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the run, or a member of one."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a datasource keeps under a key."""

    datasource: str
    key: str


Hole: TypeAlias = RequestId | Variable | Kept


@dataclass(frozen=True, slots=True)
class Text:
    """A text with holes: literal and hole by turns. A text that is one hole keeps its type."""

    parts: tuple[str | Hole, ...]


def key_pattern(text: str, where: str) -> str:
    """A checked key pattern, as `fill_key` takes it. Raises ConfigurationError that lists names."""
    for name in _holes(text, where):
        if name not in KEY_NAMES:
            raise ConfigurationError(
                f"{where}: there is no ${{{name}}} in keys; there is {', '.join(KEY_NAMES)}."
            )
    text = _HOLE.sub(lambda found: f"${{{found[1].strip()}}}", text)
    if RUN not in text:
        raise ConfigurationError(
            f"{where}: a key must hold ${{request.id}}, so that no two runs share it."
        )
    try:
        check_key(_HOLE.sub("x", text))
    except InputError as error:
        raise ConfigurationError(f"{where}: {error.message}") from None
    return text


def fill(pattern: str, values: Mapping[str, str]) -> str:
    """A key pattern, or a part of one, with its names filled in."""
    return _HOLE.sub(lambda found: values[found[1]], pattern)


def fill_key(pattern: str, values: Mapping[str, str]) -> str:
    """The key. Raises InputError where it is none, as a very long id makes it."""
    return check_key(fill(pattern, values))


def parse_inputs(given: Any, datasources: Collection[str], where: str, depth: int = 0) -> Any:
    """Inputs with their texts parsed. Raises ConfigurationError for an unknown name."""
    if isinstance(given, str):
        return _parse(given, datasources, where)
    if not isinstance(given, Mapping | list | tuple):
        return given
    if depth == _DEEPEST:
        raise ConfigurationError(f"{where[:100]}…: inputs have at most {_DEEPEST} levels.")
    if isinstance(given, Mapping):
        return {
            name: parse_inputs(one, datasources, f"{where}.{name}", depth + 1)
            for name, one in given.items()
        }
    return [
        parse_inputs(one, datasources, f"{where}[{n}]", depth + 1) for n, one in enumerate(given)
    ]


def _parse(text: str, datasources: Collection[str], where: str) -> str | Text:
    names = _holes(text, where)
    pieces = _HOLE.split(text)
    if len(pieces) == 1:
        return text
    parts: list[str | Hole] = [pieces[0]]
    for name, literal in zip(names, pieces[2::2], strict=True):
        parts += [_hole(name, datasources, where), literal]
    return Text(tuple(part for part in parts if part != ""))


def _holes(text: str, where: str) -> list[str]:
    """What stands in the holes of a text."""
    if len(text) > _MOST:
        raise ConfigurationError(f"{where}: a text has at most {_MOST} characters.")
    if "${" in _HOLE.sub("", text):
        raise ConfigurationError(f"{where}: a ${{ is not closed, or holds braces.")
    return [found.strip() for found in _HOLE.findall(text)]


def _hole(name: str, datasources: Collection[str], where: str) -> Hole:
    if name == "ctx.request.id":
        return RequestId()
    if found := _VARIABLE.fullmatch(name):
        return Variable(tuple(found[1].split(".")))
    if found := _DATASOURCE.fullmatch(name):
        if found[2] not in datasources:
            listed = ", ".join(sorted(datasources)) or "none"
            raise ConfigurationError(
                f"{where}: the workflow lists no datasource {found[2]!r}; it lists {listed}."
            )
        try:
            return Kept(found[2], check_key(found[4]))
        except InputError as error:
            raise ConfigurationError(f"{where}: {error.message}") from None
    raise ConfigurationError(f"{where}: there is no ${{{name}}}; there is {_INPUT_NAMES}.")


async def fill_inputs(
    parsed: Any,
    request_id: str,
    variables: Mapping[str, Any],
    load: Callable[[str, str], Awaitable[Any]],
) -> Any:
    """Inputs with every hole filled. Raises InputError for a variable that is not there."""
    if isinstance(parsed, Text):
        values = [
            part if isinstance(part, str) else await _value(part, request_id, variables, load)
            for part in parsed.parts
        ]
        return values[0] if len(values) == 1 else "".join(map(_as_text, values))
    if isinstance(parsed, dict):
        return {
            name: await fill_inputs(one, request_id, variables, load)
            for name, one in parsed.items()
        }
    if isinstance(parsed, list):
        return [await fill_inputs(one, request_id, variables, load) for one in parsed]
    return parsed


async def _value(
    hole: Hole,
    request_id: str,
    variables: Mapping[str, Any],
    load: Callable[[str, str], Awaitable[Any]],
) -> Any:
    if isinstance(hole, RequestId):
        return request_id
    if isinstance(hole, Kept):
        return await load(hole.datasource, hole.key)
    value: Any = variables
    for name in hole.path:
        if not isinstance(value, Mapping) or name not in value:
            listed = ", ".join(sorted(value)) if isinstance(value, Mapping) else ""
            raise InputError(
                f"There is no ${{ctx.vars.{'.'.join(hole.path)}}}: before `{name}` "
                f"there is {listed or 'nothing'}."
            )
        value = value[name]
    return value


def _as_text(value: Any) -> str:
    """A value between others: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
