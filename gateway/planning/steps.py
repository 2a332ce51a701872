"""The plan's parts: steps before the arguments are known, fetches after.

A `Step` says what one source is asked and which argument readers take part. Once their shapes are
known it becomes a `Fetch`, whose `Prepared` is executed request after request. The holes of an
answer are filled by the fetches in `holes`, in slot order: that is the next wave.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.schema import asks
from gateway.schema.access.rules import CONSTANT_SPEC
from gateway.schema.items.asks import ItemAsk, ItemWrite
from gateway.schema.subscriptions import ChangeEvents, MessageEvents
from gateway.schema.upstreams.remote import RemoteFields, RemoteObjects
from gateway.schema.vectors.writes import VectorAct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.caching.policy import Policy
    from gateway.planning.cacheability import Caching
    from gateway.planning.narrowing import Ranked
    from gateway.schema.access.demands import Demand
    from gateway.schema.bindings import Vectors
    from gateway.schema.selection import Field
    from gateway.schema.vectors.reading import Reading
    from gateway.sources.contract import Prepared

Ask: TypeAlias = (
    asks.Row
    | asks.Connection
    | asks.Related
    | asks.VectorRead
    | asks.State
    | asks.Named
    | asks.StateRead
    | asks.StateChange
    | VectorAct
    | ChangeEvents
    | MessageEvents
    | RemoteFields
    | RemoteObjects
    | ItemAsk
    | ItemWrite
)


class Verb(StrEnum):
    """What is asked of a source, but for the `Reading`s of vector collections."""

    ROWS = "rows by key"
    PAGE = "page"
    RELATED = "pages by key"
    STATE = "state"
    NAMESPACE = "namespace"
    CHANGE = "change"
    NAMED = "named SQL"
    VECTOR_ACT = "vector operation"
    EVENTS = "events"
    ITEM_WRITE = "item write"
    REMOTE_FIELDS = "upstream fields"
    REMOTE_OBJECTS = "upstream objects"
    ITEMS = "items"
    ITEMS_BY_KEY = "items by key"
    SINGLE_ITEM = "single item"
    ITEM_GROUPS = "item groups"


ITEM_READS = frozenset({Verb.ITEMS, Verb.ITEMS_BY_KEY, Verb.SINGLE_ITEM, Verb.ITEM_GROUPS})
"""Reads of items."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One request to one source, arguments still open; `specs` are the readers it takes part of."""

    verb: Verb | Reading
    source: str
    ask: Ask
    specs: tuple[int, ...]
    holes: tuple[Step, ...]
    field: Field
    ranking: asks.Ranking | None = None
    foreign: bool = False
    """Whether the keys come from outside, so that some may be none."""
    near: Vectors | None = None
    policy: Policy | None = None
    """How long its answers may be kept, where the ask does not show what is in them."""


@dataclass(frozen=True, slots=True, eq=False)
class Fetch:
    """One prepared request.

    `slots` say which reader's which value is its n-th argument, or which of the `constants` that
    row rules hold.

    `convert` makes bind values of the JSON scalars a hole's key carries; None where they serve as
    they are. `entity` is the type of the rows it fetches, where it fetches rows. `ranked` holds the
    branches of a vector search that rows take part in. `guard` refuses, by raising, viewers who may
    not have it; it takes the viewer's values (`gateway.schema.access.rules.viewer_values`).
    """

    verb: Verb | Reading
    source: str
    prepared: Prepared
    slots: tuple[tuple[int, int], ...]
    holes: tuple[Fetch, ...]
    field: Field
    constants: tuple[Any, ...] = ()
    convert: tuple[Callable[[Any, str], Any], ...] | None = None
    entity: str | None = None
    ranked: Ranked | None = None
    guard: Callable[[tuple[Any, ...]], None] | None = None
    caching: Caching | None = None
    """That its answers may be kept; None where they may not."""

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


@dataclass(frozen=True, slots=True, eq=False)
class Root:
    """A root field of a plan: constant bytes, or a fetch.

    `key_spec` is the reader whose values are the key of a fetch by key. Of a write, `write_spec` is
    the reader that gives it, `many` says that its rows form a list, and the fetch reads them.
    `part` is the number of a root field that shares its fetch with the others among `parts`.
    `entities` are the fetches of `_entities`, by type and key; where it `believes`, what
    representations say goes to the resolvers below.
    """

    field: Field
    prefix: bytes
    nullable: bool
    constant: bytes | None = None
    fetch: Fetch | None = None
    key_spec: int | None = None
    write_spec: int | None = None
    many: bool = False
    part: int | None = None
    parts: int = 0
    entities: Mapping[str, Fetch] | None = None
    believes: bool = False

    @property
    def fetches(self) -> tuple[Fetch, ...]:
        """What it asks first: of entities, one fetch a type."""
        if self.entities is not None:
            return tuple(self.entities.values())
        return () if self.fetch is None else (self.fetch,)

    @property
    def asks(self) -> bool:
        """Whether a source is asked for it."""
        return self.fetch is not None or self.entities is not None


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """An operation ready to run, given its readers' values: all planned root fields, in order.

    `demands` are what the arguments ask of the viewer, by their shapes. `policy`: how long the
    whole response may be kept; None where it may not.
    """

    roots: tuple[Root, ...]
    demands: tuple[Demand, ...] = ()
    policy: Policy | None = None
