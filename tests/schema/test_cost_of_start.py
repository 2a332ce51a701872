"""What a start costs: it grows with the entities, and does once what need not be done again."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from schema.many_tables import domain_of
from strawberry import ID, UNSET
from strawberry.permission import BasePermission

from gateway import Connection, Domain, entity, listing, queries
from gateway.composition import Gateway
from gateway.errors import ConfigurationError
from gateway.schema.build import build
from gateway.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

FEW = 3

domain = domain_of(FEW)
"""As a gateway finds it."""


def calls_of(work: Callable[[], Any]) -> Counter[str]:
    """How often functions are called, by their names, and how often any is."""
    found: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            found[frame.f_code.co_name] += 1
            found["any"] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return found


@pytest.fixture(scope="module")
def starts() -> list[Counter[str]]:
    """The calls of a build of some entities, and of one of twice as many."""
    build(domain_of(FEW))  # what is only done the first time
    domains = [domain_of(FEW), domain_of(2 * FEW), domain_of(4 * FEW)]
    return [calls_of(lambda one=one: build(one)) for one in domains]


def test_the_cost_grows_with_the_entities(starts: list[Counter[str]]) -> None:
    """As many entities again cost as much again: nothing looks at all of them for each."""
    few, twice, four_times = (found["any"] for found in starts)
    assert four_times - twice < 2.1 * (twice - few)


def test_the_schema_is_checked_once_and_never_printed(starts: list[Counter[str]]) -> None:
    """One validation of all types, and no text of the schema, however many entities there are."""
    assert [found["validate_types"] for found in starts] == [1, 1, 1]
    assert [found["print_schema"] for found in starts] == [0, 0, 0]


def test_generated_types_compile_nothing(starts: list[Counter[str]]) -> None:
    """Only the root types are dataclasses, and no annotation is text that must be parsed."""
    few, twice, four_times = starts
    assert few["_process_class"] == twice["_process_class"] == four_times["_process_class"]
    assert few["unparse"] == twice["unparse"] == four_times["unparse"]


def test_a_gateway_that_keeps_nothing_prints_nothing() -> None:
    """The print of the schema is for keys of kept answers; where none is declared, none is made."""
    settings = load(environ={"POSTGRES_URL": "postgresql://h/d", "PLAIT_RESOLVERS": __name__})
    found = calls_of(lambda: Gateway(settings))
    assert (found["validate_types"], found["print_schema"]) == (1, 0)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_as_it_was(enabled: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """It is away during a build alone, one that fails too, and stays so where it was before."""
    was = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        build(domain)
        after = gc.isenabled()
        with pytest.raises(ConfigurationError):
            build(Domain([int], []))
        assert [after, gc.isenabled()] == [enabled, enabled]
    finally:
        (gc.enable if was else gc.disable)()


seen: list[dict[str, Any]] = []


class Watching(BasePermission):
    """Notes what a field is given, and refuses it."""

    message = "Nobody may."

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:  # noqa: ARG002
        seen.append(kwargs)
        return False


places = sa.Table(
    "places",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("name", sa.Text),
)


@entity(places)
class Place:
    """Somewhere."""

    id: ID
    name: str | None


@queries
class PlaceQueries:
    """Reading places."""

    places: Connection[Place] | None = listing(permission_classes=[Watching])


async def test_a_permission_reads_generated_inputs() -> None:
    """It is given objects with an attribute for each member; what was left out is UNSET."""
    api = build(Domain([Place], [PlaceQueries]))
    where = '{ or: [{ name: { startsWith: "a" } }] }'
    await api.schema.execute(f"{{ places(where: {where}, first: 2) {{ totalCount }} }}")
    (given,) = seen
    (one,) = given["where"].or_
    assert one.name_.startsWith_ == "a"
    assert one.name_.eq_ is UNSET
    assert (given["where"].and_, given["first"]) == (UNSET, 2)
