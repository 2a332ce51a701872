"""How a mutation's fields are run: order, attempts, and what `@transaction` says."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from graphql import OperationDefinitionNode, parse

from gateway.errors import Code, InputError, PlaitError, SourceConflict, SourceRefused
from gateway.execution.mutations import ATTEMPTS, Mutations, isolation_of
from gateway.execution.waves import Waves
from gateway.planning.steps import Fetch, Plan, Root, Verb
from gateway.schema.selection import Field
from gateway.schema.writes.written import NewRow, Write
from gateway.sources.contract import Prepared

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.sources.contract import Key, Value


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("mutation { a }", None),
        ("mutation @other { a @transaction }", None),
        ("mutation @transaction { a }", "read_committed"),
        ("mutation @other @transaction(isolation: SERIALIZABLE) { a }", "serializable"),
        ("mutation @transaction(isolation: REPEATABLE_READ) { a }", "repeatable_read"),
    ],
)
def test_isolation_of_an_operation(text: str, level: str | None) -> None:
    """The directive of the operation decides, not one of a field."""
    assert isolation_of(_operation(text)) == level


def test_isolation_by_a_variable() -> None:
    """It is refused: it must never be weaker than the document seems to say."""
    with pytest.raises(InputError, match="isolation"):
        isolation_of(_operation("mutation ($i: I!) @transaction(isolation: $i) { a }"))


def _operation(text: str) -> OperationDefinitionNode:
    (found,) = parse(text).definitions
    assert isinstance(found, OperationDefinitionNode)
    return found


@dataclass
class Ledger:
    """A source that writes into lists; what it raises, and when, is written down beforehand."""

    failures: list[Exception | None] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    commits: list[Exception | None] = field(default_factory=list)

    @asynccontextmanager
    async def transaction(self, deadline: float, isolation: str | None) -> AsyncIterator[Page]:
        """Begins, and commits at the end unless the script says otherwise."""
        del deadline
        self.events.append(f"begin {isolation}")
        page = Page(self)
        try:
            yield page
            if self.commits and (error := self.commits.pop(0)):
                raise error  # noqa: TRY301 - the test's own failure
        except BaseException:
            self.events.append("rollback")
            raise
        self.stored += page.written
        self.events.append("commit")

    def _commit(self) -> None:
        if self.commits and (error := self.commits.pop(0)):
            raise error


class Page:
    """One transaction on a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.written: list[str] = []
        self.changed = None

    async def apply(self, write: Write, viewer: Any) -> list[Key]:
        """Takes the rows' names as keys, or fails as scripted."""
        del viewer
        names = [str(row.values["name"]) for row in write.rows or ()]
        self.ledger.events.append("write " + " ".join(names))
        if self.ledger.failures and (error := self.ledger.failures.pop(0)):
            raise error
        self.written += names
        return [(name,) for name in names]

    async def rows(self, prepared: Prepared, keys: list[Key], arguments: Any) -> list[Value]:
        """The keys as JSON."""
        del prepared, arguments
        return [f'"{key[0]}"'.encode() for key in keys]


def plan_of(*names: str, nullable: bool = True) -> tuple[Plan, tuple[Any, ...]]:
    """A plan of one insert for each name, `__typename` for an empty one, and its values."""
    roots = []
    values: list[tuple[Any, ...]] = []
    for place, name in enumerate(names):
        shown = Field(name or "__typename", name or "__typename", None, ())
        if not name:
            roots.append(Root(shown, b"", nullable=False, constant=b'"Mutation"'))
            continue
        prepared = Prepared("ledger", by_key=True)
        fetch = Fetch(Verb.ROWS, "ledger", prepared, (), (), shown)
        roots.append(
            Root(shown, b"", nullable=nullable, fetch=fetch, write_spec=len(values), many=False)
        )
        values.append((Write(None, rows=[NewRow({"name": f"{name}{place}"})]),))  # type: ignore[arg-type]  # never read
    return Plan(tuple(roots)), (*values, ())


async def run(
    ledger: Ledger, plan: tuple[Plan, tuple[Any, ...]], isolation: str | None = None
) -> list[Value]:
    """The values of a plan's roots."""
    roots, values = plan
    waves = Waves({}, values, 0.0)
    return await Mutations({"ledger": ledger}, waves, isolation).run(roots)


def codes(values: list[Value]) -> list[Any]:
    """The codes of errors, and values as they are."""
    return [value.code if isinstance(value, PlaitError) else value for value in values]


async def test_each_field_has_a_transaction_of_its_own() -> None:
    """In order; a failed one is undone alone."""
    ledger = Ledger(failures=[None, SourceRefused("no"), None])
    values = await run(ledger, plan_of("a", "b", "", "c"))
    assert codes(values) == [b'"a0"', Code.SOURCE_ERROR, b'"Mutation"', b'"c3"']
    begin = "begin read_committed"
    assert ledger.events == [
        *(begin, "write a0", "commit"),
        *(begin, "write b1", "rollback"),
        *(begin, "write c3", "commit"),
    ]
    assert ledger.stored == ["a0", "c3"]


async def test_a_transaction_is_one() -> None:
    """One begin, one commit, all values."""
    ledger = Ledger()
    values = await run(ledger, plan_of("a", "", "b"), "serializable")
    assert values == [b'"a0"', b'"Mutation"', b'"b2"']
    assert ledger.events == ["begin serializable", "write a0", "write b2", "commit"]


async def test_a_conflict_is_tried_again_as_a_whole() -> None:
    """Every field of a transaction runs anew, however far it had come."""
    conflict = SourceConflict("again")
    ledger = Ledger(failures=[None, conflict, None, None], commits=[conflict])
    values = await run(ledger, plan_of("a", "b"), "serializable")
    assert values == [b'"a0"', b'"b1"']
    attempt = ["begin serializable", "write a0", "write b1"]
    assert ledger.events == [*attempt, "rollback", *attempt, "rollback", *attempt, "commit"]
    assert ledger.stored == ["a0", "b1"]


@pytest.mark.parametrize("isolation", [None, "serializable"])
async def test_conflicts_have_a_bound(isolation: str | None) -> None:
    """After so many attempts the conflict is the answer."""
    ledger = Ledger(failures=[SourceConflict("again")] * 100)
    (value,) = await run(ledger, plan_of("a"), isolation)
    assert isinstance(value, SourceConflict)
    assert ledger.events.count("rollback") == ATTEMPTS


async def test_nothing_but_conflicts_is_tried_again() -> None:
    """Anything else may have taken place: a second time could write twice."""
    for error in (SourceRefused("no"), PlaitError("no"), RuntimeError("postgres://root:s3cret@db")):
        ledger = Ledger(failures=[error])
        (value,) = await run(ledger, plan_of("a"))
        assert isinstance(value, PlaitError)
        assert "s3cret" not in value.message
        assert len(ledger.events) == 3


async def test_the_field_that_failed_says_why() -> None:
    """The others of its transaction were undone; a failed commit is the last field's."""
    ledger = Ledger(failures=[None, SourceRefused("no")])
    undone = Code.TRANSACTION_ROLLED_BACK
    values = await run(ledger, plan_of("", "a", "b", "c"), "read_committed")
    assert codes(values) == [b'"Mutation"', undone, Code.SOURCE_ERROR, undone]
    ledger = Ledger(commits=[SourceRefused("no")])
    assert codes(await run(ledger, plan_of("a", "b"), "read_committed")) == [
        undone,
        Code.SOURCE_ERROR,
    ]
    assert ledger.stored == []


async def test_nothing_runs_after_a_failure_that_must_not_be_null() -> None:
    """The answer is null as a whole then; what was written before stays."""
    ledger = Ledger(failures=[None, SourceRefused("no")])
    values = await run(ledger, plan_of("a", "b", "c", nullable=False))
    assert codes(values) == [b'"a0"', Code.SOURCE_ERROR, None]
    assert ledger.stored == ["a0"]
