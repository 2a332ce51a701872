r"""What a source is to the engine: prepare once, execute in batches, never outlive the deadline.

Every source answers in *response shape*: JSON bytes that go into the response as they are. Where
an answer needs a value of another source it leaves a **hole**, which the engine fills before the
bytes leave (`gateway.execution.holes`):

    TAB [slot,key1,key2,…] TAB        e.g.  {"title":"x","views":\t[0,12]\t}

`slot` is the index of the dependent fetch, the rest is its key as JSON scalars. A raw tab cannot
occur anywhere else: JSON writers escape it inside strings, and a source must not use it as white
space between tokens.

Where it is asked to, a source of rows **marks** the rows that an answer shows by reference: behind
a member of an object stands `,"~n":key` with n the place of the row's type in the request's `marks`
and the key as JSON, null for no row. Whoever asked takes them out (`execution.cache.marks`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from gateway.errors import PlaitError

Key: TypeAlias = tuple[Any, ...]
"""The values of an entity's key columns, in the order the entity declares them."""


class Pieces(tuple["bytes | PlaitError", ...]):
    """JSON in which places failed: bytes and, where a value should stand, its error."""

    __slots__ = ()


Value: TypeAlias = "bytes | Pieces | PlaitError | None"
"""What a source gives for one key (or for a plan without keys): JSON, absent, or failed."""

Slots: TypeAlias = tuple[tuple[int, int], ...]
"""Where arguments come from: readers of the plan, and which of each one's values."""

HOLE = b"\t"


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """One native request, compiled once and executed many times. Compared by identity.

    `by_key`: the batch's `keys` are looked up, and the values come back in their order; otherwise
    there are no keys and exactly one value. Each source extends this with what it needs.
    """

    source: str
    by_key: bool

    @property
    def collections(self) -> tuple[str, ...]:
        """The collections of points that it reads; "" for one that an argument names."""
        return ()

    def together(self, arguments: tuple[Any, ...]) -> Hashable:
        """What executions have in common that may be made as one `Together`; None: nothing."""
        del arguments
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Bound(Prepared):
    """A request that says where its arguments come from.

    `constants` are a rule's own, `tables` those it reads, each as often as it stands in it.
    """

    slots: Slots = field(default=(), kw_only=True)
    constants: tuple[Any, ...] = field(default=(), kw_only=True)
    tables: tuple[str, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True, eq=False)
class MatchingRows:
    """The rows that a `where` and the entity's rule let through, asked for in several ways.

    `keys`: the first of their keys in order, at most `portion`; `further`: as many behind the key
    given last; `which`: those among the keys given. All are JSON arrays of keys. `estimate`: how
    many there are; `whole`: how many rows the table has. The values of `where` are reader 1.
    """

    portion: int
    keys: Bound
    further: Bound
    which: Bound
    estimate: Bound
    whole: Bound


@dataclass(frozen=True, slots=True)
class Together(Prepared):
    """Several requests of one operation that the source answers with one native request.

    `batch.arguments` has `(keys, arguments)` for each part. The one value is a list with the values
    of every part, as an execution of its own would have given them; a part that failed by itself
    has its error in all its places. Equal parts make equal requests.
    """

    parts: tuple[Prepared, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one execution of a `Prepared` asks for.

    `keys`: the keys to look up, each once (empty unless `by_key`). `arguments`: bind values,
    already coerced to what the source's client takes, so that equal ones are equal in type too.
    What a plan reads of the viewer is among them, so batches of different viewers never mix.
    """

    keys: Sequence[Key] = ()
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """What an execution may use: `deadline` is absolute, in the event loop's clock, seconds."""

    deadline: float


@dataclass(frozen=True, slots=True)
class Health:
    """The result of a readiness check; `detail` is fit for an operator, without secrets.

    `required`: whether the gateway is not ready without it; what is not, is merely missed.
    """

    ready: bool
    detail: str
    figures: Mapping[str, float] | None = None
    required: bool = True


class Source(Protocol):
    """An adapter to one data source; one instance per configured name.

    `concurrency`: how many executions may be under way at once; the engine never starts more.
    """

    name: str
    concurrency: int

    @property
    def place(self) -> Mapping[str, str | int]:
        """Where it is, in the attributes that OpenTelemetry's conventions have for spans."""

    async def open(self) -> None:
        """Connect. Raises `SourceUnavailable` or `ConfigurationError`."""

    async def close(self) -> None:
        """Release everything; idempotent, bounded in time."""

    async def check(self, budget: Budget) -> Health:
        """Ask the source for a sign of life; never raises."""

    async def execute(self, prepared: Any, batch: Batch, budget: Budget) -> Sequence[Value]:
        """Run once: as many values as keys, in their order; one value for a plan without keys.

        A failure of single keys is returned in their places; a failure of the whole is raised as
        `SourceError`. Returns or raises before `budget.deadline` plus a small grace.
        """

    def describe(self, prepared: Any) -> Mapping[str, Any]:
        """The native request, for `explain` and the golden plans."""
