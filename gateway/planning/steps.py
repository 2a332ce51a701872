"""The plan's parts: steps before the arguments are known, fetches after.

A `Step` says what one source is asked and which argument readers take part. Once their shapes are
known it becomes a `Fetch`, whose `Prepared` is executed request after request. The holes of an
answer are filled by the fetches in `holes`, in slot order: that is the next wave.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from gateway.schema import asks
from gateway.schema.rules import CONSTANT_SPEC

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from gateway.schema.bindings import Nearest, Search
    from gateway.schema.selection import Field
    from gateway.sources.contract import Prepared

Ask: TypeAlias = asks.Row | asks.Connection | asks.Hits | asks.State | asks.Named


class Verb(StrEnum):
    """What is asked of a source."""

    ROWS = "rows by key"
    PAGE = "page"
    SEARCH = "search"
    NEAREST = "nearest"
    STATE = "state"
    NAMED = "named SQL"


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One request to one source, arguments still open; `specs` are the readers it takes part of."""

    verb: Verb
    source: str
    ask: Ask
    specs: tuple[int, ...]
    holes: tuple[Step, ...]
    field: Field


@dataclass(frozen=True, slots=True, eq=False)
class Fetch:
    """One prepared request.

    `slots` say which reader's which value is its n-th argument, or which of the `constants` that
    row rules hold.

    `convert` makes bind values of the JSON scalars a hole's key carries; None where they serve as
    they are. `entity` is the type of the rows it fetches, where it fetches rows.
    """

    verb: Verb
    source: str
    prepared: Prepared
    slots: tuple[tuple[int, int], ...]
    holes: tuple[Fetch, ...]
    field: Field
    constants: tuple[Any, ...] = ()
    convert: tuple[Callable[[Any, str], Any], ...] | None = None
    entity: str | None = None

    def arguments(self, values: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
        """The bind values, of what the readers gave; the viewer's stand behind those."""
        if not self.constants:
            return tuple([values[spec][index] for spec, index in self.slots])
        return tuple(
            [
                self.constants[index] if spec == CONSTANT_SPEC else values[spec][index]
                for spec, index in self.slots
            ]
        )


class Preparer(Protocol):
    """The sources as the planner sees them: each compiles its part, once, without I/O."""

    def prepare(
        self, verb: Verb, source: str, ask: Ask, shapes: Mapping[int, Hashable]
    ) -> tuple[Prepared, tuple[tuple[int, int], ...]]:
        """The native request, and where its arguments come from."""

    def arguments(self, binding: Search | Nearest, values: Mapping[str, Any]) -> Hashable:
        """The arguments of a search or of nearest as the source's one value; raises InputError."""


@dataclass(frozen=True, slots=True, eq=False)
class Root:
    """A root field of a plan: constant bytes, or a fetch.

    `key_spec` is the reader whose values are the key of a fetch by key. Of a write, `write_spec` is
    the reader that gives it, `many` says that its rows form a list, and the fetch reads them.
    """

    field: Field
    prefix: bytes
    nullable: bool
    constant: bytes | None = None
    fetch: Fetch | None = None
    key_spec: int | None = None
    write_spec: int | None = None
    many: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """An operation ready to run, given its readers' values: all planned root fields, in order."""

    roots: tuple[Root, ...]
