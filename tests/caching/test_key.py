"""Keys: equal for what is the same question, different for all others."""

from __future__ import annotations

import enum
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.caching.key import UncacheableError, canonical, entry_key, entry_keys, plan_identity
from gateway.schema.access.rules import Passed
from gateway.schema.columns.scalars import Span

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.datetimes()
    | st.dates()
    | st.timedeltas()
    | st.builds(Span, st.integers(-9, 9), st.timedeltas(timedelta(-9), timedelta(9)))
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        | st.frozensets(scalars, max_size=3)
    ),
    max_leaves=12,
)


def exact(value):
    """What `==` says is the same, told apart by type and form."""
    if isinstance(value, tuple):
        return ("tuple", *map(exact, value))
    if isinstance(value, dict):
        return ("dict", *sorted((name, repr(exact(part))) for name, part in value.items()))
    if isinstance(value, frozenset):
        return ("set", *sorted(repr(exact(part)) for part in value))
    months = getattr(value, "months", None)
    return (type(value).__name__, repr(value), months)


@given(values, values)
def test_as_different_as_their_values(one, other):
    """Two values have one form exactly when they are the same, type and all."""
    assert (canonical(one) == canonical(other)) == (exact(one) == exact(other))


NAIVE = datetime.fromisoformat("2026-01-01T00:00:00")


class Colour(enum.Enum):
    RED = 1


class Size(enum.Enum):
    RED = 1


@dataclass(frozen=True)
class Point:
    x: int
    y: int


@dataclass(frozen=True)
class Pair:
    x: int
    y: int


def test_look_alikes():
    """Each of these is something else, alone and within a tuple."""
    alike = [
        *(1, True, 1.0, "1", b"1", Decimal(1), Decimal("1.0"), 0, False, None, "", b"", -0.0, 0.0),
        *((), (None,), ((),), (1, 2), ("1", "2"), ("12",), [[1], 2], {"1": 1}, frozenset({1})),
        *(date(2026, 1, 1), NAIVE, NAIVE.replace(tzinfo=UTC)),
        datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        *(time(1), timedelta(1), UUID(int=1), str(UUID(int=1)), Colour.RED, Size.RED),
        *(Point(1, 2), Pair(1, 2), Point(2, 1), "a:b", ("a", "b"), "a,b", "\u00e9", "e\u0301"),
    ]
    assert len({canonical(one) for one in alike}) == len(alike)
    assert len({canonical((one, 1)) for one in alike}) == len(alike)


def test_parts_do_not_run_together():
    """Arguments, key and viewer each have their place."""
    plan = b"p" * 20
    keys = [
        entry_key(plan, (1,), (2,), None),
        entry_key(plan, (1, 2), None, None),
        entry_key(plan, (), (1, 2), None),
        entry_key(plan, (1,), None, (2,)),
        entry_key(b"q" * 20, (1,), (2,), None),
    ]
    assert len(set(keys)) == len(keys)
    assert plan_identity(b"a", "bc", b"d") != plan_identity(b"ab", "c", b"d")


def test_what_is_not_compared_is_no_part_of_a_key():
    """A request's trace, say: each has another one."""
    keys = {
        entry_key(b"p", (Passed.of((("traceparent", trace), ("x-tenant", tenant))),))
        for trace in ("00-1", "00-2")
        for tenant in ("a", "b")
    }
    assert len(keys) == 2


def test_what_has_no_form_is_refused():
    """An object of an unknown type is never shared."""
    with pytest.raises(UncacheableError):
        entry_key(b"p", (object(),))


def test_the_same_in_every_process():
    """Keys hang on nothing that differs between processes, such as the hash of a text."""
    code = (
        "from gateway.caching.key import entry_key;"
        "print(entry_key(b'p', ('ä', 1.5, frozenset('abc')), ('x:y',)).hex())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {entry_key(b"p", ("ä", 1.5, frozenset("abc")), ("x:y",)).hex() + "\n"}


@given(st.tuples(values, values), st.lists(st.tuples(scalars), max_size=4), values)
def test_many_rows_have_the_keys_of_each(arguments, keys, viewer):
    """Made together or one by one."""
    one_by_one = [entry_key(b"plan", arguments, key, viewer) for key in keys]
    assert entry_keys(b"plan", arguments, keys, viewer) == one_by_one
