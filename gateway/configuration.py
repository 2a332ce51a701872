"""How declared settings are read: names, conversion, and errors that never repeat a value.

A setting is a field of a msgspec struct, its bounds a `Meta`, its meaning the string below it.
This module knows nothing of which settings there are; `gateway.settings` declares them.
"""

from __future__ import annotations

import ast
import difflib
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from inspect import getsource
from itertools import pairwise
from typing import TYPE_CHECKING, Any, get_type_hints
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import inspect

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


class Secret:
    """A string that does not show itself: not in `repr`, not in `str`, not in a log line.

    False when empty. `reveal()` gives the text to the one library that needs it.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str = "") -> None:
        self.__text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self.__text

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.__text == other.reveal()

    def __hash__(self) -> int:
        return hash((Secret, self.__text))

    def __repr__(self) -> str:
        return "Secret(…)" if self.__text else "Secret()"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere")


@dataclass(frozen=True, slots=True)
class Setting:
    """One declared setting.

    `path`: its name in the file (`serve.port`). `variable`: its name in the environment. `of`: the
    struct it is a field of. `expected`: what is right, in words. `default`: as Python holds it.
    """

    path: str
    variable: str
    of: type[msgspec.Struct]
    annotation: Any
    expected: str
    default: Any
    schemes: tuple[str, ...]

    @property
    def meaning(self) -> str:
        """One line for people."""
        return _meanings(self.of)[self.path.rpartition(".")[2]]

    def problem(self, what: str) -> str:
        """A line that names the setting by both of its names."""
        return f"{self.path} ({self.variable}): {what}"

    def convert(self, given: object, *, text: bool) -> Any:
        """The value as its type; `text` when it comes from the environment.

        Raises `ConfigurationError`, which says what was expected and not what was found.
        """
        try:
            value = msgspec.convert(given, self.annotation, strict=not text, dec_hook=_secret)
        except msgspec.ValidationError:
            raise ConfigurationError(self.problem(f"expected {self.expected}")) from None
        if self.schemes and value and not is_url(value, self.schemes):
            raise ConfigurationError(self.problem(f"expected {self.expected}"))
        return value


def declared(
    kind: type[msgspec.Struct], path: str, prefix: str, renamed: Mapping[str, str]
) -> dict[str, Setting]:
    """The settings that `kind` declares, by field name.

    `path` and `prefix` begin their names in the file (`serve.`) and in the environment
    (`PLAIT_SERVE_`); `renamed` gives the variables that are not just the field in capitals.
    """
    hints = get_type_hints(kind, include_extras=True)
    info = inspect.type_info(kind)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{kind.__name__} declares no settings")
    found = {}
    for field in info.fields:
        own: inspect.Type = field.type
        extra = None
        if isinstance(own, inspect.Metadata):
            extra, own = own.extra, own.type
        if isinstance(own, inspect.StructType | inspect.DictType):
            continue  # a table
        schemes = tuple((extra or {}).get("schemes", ()))
        found[field.name] = Setting(
            path=path + field.name,
            variable=prefix + renamed.get(field.name, field.name.upper()),
            of=kind,
            annotation=hints[field.name],
            expected=_expected(own, schemes),
            default=field.default,
            schemes=schemes,
        )
    return found


@cache
def _meanings(kind: type[msgspec.Struct]) -> Mapping[str, str]:
    """What stands below each field of `kind`, which Python itself does not keep."""
    (tree,) = ast.parse(getsource(kind)).body
    found = {}
    for declaration, below in pairwise(getattr(tree, "body", ())):
        match declaration, below:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                found[name] = " ".join(text.split())
    return found


class Reading:
    """One pass over a file's tables and an environment, gathering all that is wrong.

    `prefixes`: variables that begin with one of these and `_` belong to us, so an unknown one is
    an error. Empty variables count as not set, and those that Kubernetes and the image of
    PostgreSQL put there for others are left alone.
    """

    def __init__(self, environ: Mapping[str, str], prefixes: tuple[str, ...]) -> None:
        begins = tuple(f"{prefix}_" for prefix in prefixes)
        self._given = {
            name: text
            for name, text in environ.items()
            if text and name.startswith(begins) and not _foreign(name, text)
        }
        self._known: set[str] = set()
        self._problems: dict[str, None] = {}
        self._failed: set[str] = set()

    def wrong(self, problem: str) -> None:
        """Note a problem for `finish`."""
        self._problems[problem] = None

    def failed(self, *names: str, of: Mapping[str, Setting]) -> bool:
        """Whether one of these settings was given but wrong."""
        return any(of[name].path in self._failed for name in names if name in of)

    def variable(self, name: str) -> str | None:
        """A variable of ours, or None."""
        self._known.add(name)
        return self._given.get(name)

    def know(self, variables: Iterable[str]) -> None:
        """Variables that may be given, for the hint to a misspelt one."""
        self._known.update(variables)

    def table(self, tables: Mapping[str, Any], name: str) -> dict[str, Any]:
        """The table of that name, empty when there is none."""
        return dict(tables.get(name, {})) if self.is_table(tables, name) else {}

    def is_table(self, tables: Mapping[str, Any], name: str, family: str = "") -> bool:
        """Whether a table, or nothing, stands under that name; if not, that is a problem."""
        if isinstance(tables.get(name, {}), dict):
            return True
        path = f"{family}.{name}" if family else name
        hint = f"; settings of an unnamed source belong in [{family}.default]" if family else ""
        self.wrong(f"{path}: expected a table{hint}")
        return False

    def names(self, prefix: str, suffixes: Iterable[str], default: str) -> list[str]:
        """The sources that the environment speaks of: `<prefix>_<NAME>_<SUFFIX>`, lower case.

        `<prefix>_<SUFFIX>` speaks of the one called `default`. The longest suffix counts.
        """
        longest_first = sorted(suffixes, key=len, reverse=True)
        found = []
        for variable in sorted(self._given):
            rest = variable.removeprefix(f"{prefix}_")
            if rest == variable:
                continue
            if rest in longest_first:
                found.append(default)
                continue
            ends = (rest[: -len(end) - 1] for end in longest_first if rest.endswith(f"_{end}"))
            found += [name.lower() for name in ends if name][:1]
        return found

    def is_name(self, name: str, family: str) -> bool:
        """Whether a source may be called so; if not, that is a problem."""
        if re.fullmatch(r"[a-z][a-z0-9_]*", name):
            return True
        self.wrong(f"{family}: a name consists of a-z, 0-9 and _, and begins with a letter")
        return False

    def values(
        self,
        settings: Mapping[str, Setting],
        table: Mapping[str, Any],
        also: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """What is given and right, by field name; the environment wins over `table`.

        `also`: other names that belong into that table, for the hint to a misspelt one.
        """
        for name in sorted(table.keys() - settings.keys()):
            parent = next(iter(settings.values())).path.rpartition(".")[0]
            shown = name if re.fullmatch(r"\w{1,40}", name) else "…"
            hint = nearest(name, [*settings, *also])
            self.wrong(f"{parent}.{shown}".lstrip(".") + ": no such setting" + hint)
        found = {}
        for name, setting in settings.items():
            text = self.variable(setting.variable)
            given = table.get(name, "") if text is None else text
            if given == "":
                continue
            try:
                found[name] = setting.convert(given, text=text is not None)
            except ConfigurationError as error:
                self._failed.add(setting.path)
                self.wrong(error.message)
        return found

    def finish(self) -> None:
        """Raise `ConfigurationError` with a line for each problem, unless there is none."""
        for name in sorted(self._given.keys() - self._known):
            self.wrong(f"{name}: no such variable" + nearest(name, self._known))
        if self._problems:
            raise ConfigurationError("\n".join(self._problems))


def _foreign(name: str, text: str) -> bool:
    """Whether Kubernetes (service links) or the PostgreSQL image wrote this variable."""
    if name in ("POSTGRES_HOST_AUTH_METHOD", "POSTGRES_INITDB_ARGS", "POSTGRES_INITDB_WALDIR"):
        return True
    if name.endswith("_PORT") and text.startswith(("tcp://", "udp://")):
        return True
    return bool(_SERVICE_LINK.search(name))


_SERVICE_LINK = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)$")


def parse(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises `ConfigurationError` that quotes nothing of it."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"no settings file at {path}") from None
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {type(error).__name__}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at (line \d+, column \d+|end of document)", str(error))
        where = f" {place[0]}" if place else ""
        raise ConfigurationError(f"{path} is not valid TOML{where}") from None


def nearest(name: str, names: Iterable[str]) -> str:
    """`; did you mean X?`, or nothing when no name is near."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _secret(kind: type, value: object) -> Secret:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError


def is_url(value: Secret | str, schemes: tuple[str, ...]) -> bool:
    """Whether it is a URL with one of these schemes and something behind it."""
    text = value.reveal() if isinstance(value, Secret) else value
    try:
        if "+" in text.partition("://")[0]:
            parts, _, servers = split_servers(text)
        else:
            parts = urlsplit(text)
            servers = [parts]
        named = [server.port or server.netloc for server in servers]
        return parts.scheme in schemes and bool(any(named) or parts.path)
    except ValueError:
        return False


def split_servers(url: str) -> tuple[SplitResult, str, list[SplitResult]]:
    """A URL without its servers, who logs in to them, and each of them.

    It reads `scheme://login@host:port,host:port/path`. Python takes no brackets beside other hosts.
    Raises ValueError, also for a server without a name.
    """
    authority = _AUTHORITY.search(url)
    login, _, hosts = (authority[0] if authority else "").rpartition("@")
    servers = [urlsplit(f"//{host}") for host in hosts.split(",")]
    if not all(server.hostname for server in servers):
        raise ValueError(hosts)
    return urlsplit(_AUTHORITY.sub("", url, count=1)), login, servers


_AUTHORITY = re.compile(r"(?<=://)[^/?#]*")
_BOUNDS = (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than"))
_NOUNS: dict[type, str] = {
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.CustomType: "a text",
}


def _expected(kind: inspect.Type, schemes: tuple[str, ...]) -> str:
    """What a right value looks like, in words."""
    if schemes:
        begins = " or ".join(f"{scheme}://" for scheme in schemes)
        return f"a URL that begins with {begins}, special characters in it percent-encoded"
    if isinstance(kind, inspect.LiteralType):
        return "one of " + ", ".join(str(value) for value in kind.values)
    if isinstance(kind, inspect.StrType):
        return f"a text that matches {kind.pattern}" if kind.pattern else "a text that is not empty"
    bounds = [
        f"{words} {getattr(kind, name)}"
        for name, words in _BOUNDS
        if getattr(kind, name, None) is not None
    ]
    return " ".join([_NOUNS[type(kind)], " and ".join(bounds)]).strip()
