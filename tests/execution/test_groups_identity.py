"""Which values make a read the same read."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.execution.groups.identity import identity
from gateway.schema.access.rules import Passed
from gateway.viewer import Viewer

EAST = timezone(timedelta(hours=1))


@dataclass(frozen=True)
class Box:
    held: Any


@dataclass(frozen=True)
class Crate:
    held: Any


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (0, False),
        (1, 1.0),
        (1, Decimal(1)),
        (0.0, -0.0),
        (Decimal("1.0"), Decimal("1.00")),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 13, tzinfo=EAST)),
        (time(12, tzinfo=UTC), time(13, tzinfo=EAST)),
        ((1, 2), (1, True)),
        (((1,),), ((1.0,),)),
        ((), None),
        (Box(held=1), Box(held=True)),
        (Box((1, "a")), Box((1.0, "a"))),
        (Box(1), Crate(1)),
        (frozenset({1}), frozenset({True})),
        (b"a", "a"),
        (bytearray(b"a"), bytearray(b"a")),
        (object(), object()),
    ],
)
def test_what_may_be_encoded_differently_is_not_the_same(one: Any, other: Any) -> None:
    """Alone and among others, flat and nested."""
    assert identity((one,)) != identity((other,))
    assert identity(("x", one)) != identity(("x", other))
    assert identity((("x", (one,)),)) != identity((("x", (other,)),))


def test_viewers_of_equal_attributes_are_the_same() -> None:
    """A whole viewer among the values is shared by its requests, and by nobody else's."""
    viewer = Viewer("ann", frozenset({"editor", "author"}), frozenset({"read"}), "t1")
    same = Viewer("ann", frozenset({"author", "editor"}), frozenset({"read"}), "t1")
    other = Viewer("ann", frozenset({"author"}), frozenset({"read"}), "t1")
    assert identity((viewer,)) == identity((same,))
    assert identity((viewer,)) != identity((other,))


PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(),
    st.binary(),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.times(),
    st.dates(),
    st.timedeltas(),
    st.builds(UUID, int=st.integers(min_value=0, max_value=2**128 - 1)),
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.one_of(st.lists(inner).map(tuple), inner.map(Box)), max_leaves=8
)


@given(st.lists(VALUES).map(tuple))
def test_a_copy_is_the_same(values: tuple[Any, ...]) -> None:
    """Equal values of equal types are one read, whichever objects carry them."""
    again = copy.deepcopy(values)
    assert identity(values) == identity(again)
    assert hash(identity(values)) == hash(identity(again))


@given(st.lists(VALUES, min_size=1).map(tuple), VALUES)
def test_another_length_is_another_read(values: tuple[Any, ...], more: Any) -> None:
    """No tuple is mistaken for one that holds more."""
    assert identity(values) != identity((*values, more))
    assert identity(values) != identity((values,))


def test_what_is_not_compared_tells_nothing_apart() -> None:
    """A trace goes on with a read, and is no reason to make it twice."""
    first = Passed.of((("traceparent", "00-1"), ("x-tenant", "a")))
    second = Passed.of((("tracestate", "b=c"), ("x-tenant", "a")))
    other = Passed.of((("traceparent", "00-1"), ("x-tenant", "b")))
    assert identity((first,)) == identity((second,)) != identity((other,))
    assert [*first] == [("x-tenant", "a"), ("traceparent", "00-1")]
