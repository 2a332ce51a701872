"""Filters over a declared payload: what each type can be asked, and what is refused."""

from __future__ import annotations

import datetime as dt
import enum
import math
from uuid import UUID

import pytest
from strawberry import ID
from strawberry.scalars import JSON

from gateway.errors import ConfigurationError, InputError
from gateway.schema.columns.scalars import BigInt
from gateway.schema.vectors.collections import VectorCollection
from gateway.schema.vectors.inputs import GeoPoint
from gateway.sources.qdrant import parse_filter
from gateway.sources.qdrant.requests.conditions import (
    Absent,
    GeoRadius,
    Match,
    Range,
    Text,
)
from gateway.sources.qdrant.requests.filters import Filter, HasId


class State(enum.Enum):
    """Names as clients write them, values as they are stored."""

    NEW = "new"
    OLD = "old"


class Level(enum.IntEnum):
    """Stored as a number."""

    LOW = 1
    HIGH = 2


FIELDS = VectorCollection(
    "things",
    payload={
        "state": State,
        "level": Level,
        "name": str,
        "ref": UUID,
        "owner": ID,
        "size": int,
        "big": BigInt,
        "score": float,
        "open": bool,
        "seen": dt.datetime,
        "place": GeoPoint,
        "extra": JSON,
        "tags": list[str],
        "states": list[State],
        "numbers": list[int],
        "times": list[dt.datetime],
        "meta.lang": str,
    },
).fields
NOON = dt.datetime(2025, 3, 1, 12, tzinfo=dt.UTC)


def parsed(**written):
    """The clauses of a filter that all must hold."""
    found = parse_filter(written, fields=FIELDS)
    assert not found.should
    assert not found.must_not
    return found.must


@pytest.mark.parametrize(
    ("written", "clause"),
    [
        ({"state": {"eq": State.NEW}}, Match("state", "string", ("new",))),
        ({"state": {"eq": "NEW"}}, Match("state", "string", ("new",))),
        ({"state": {"in": [State.NEW, State.OLD]}}, Match("state", "string", ("new", "old"))),
        ({"state": {"ne": State.NEW}}, Match("state", "string", ("new",), negated=True)),
        ({"level": {"notIn": [Level.LOW]}}, Match("level", "integer", (1,), negated=True)),
        ({"name": {"text": "a b"}}, Text("name", "a b")),
        ({"owner": {"eq": "12"}}, Match("owner", "string", ("12",))),
        ({"ref": {"eq": UUID(int=5)}}, Match("ref", "string", (str(UUID(int=5)),))),
        ({"size": {"eq": 3}}, Match("size", "integer", (3,))),
        ({"big": {"in": [2**40]}}, Match("big", "integer", (2**40,))),
        ({"size": {"gt": 1, "lte": 3}}, Range("size", "number", (("gt", 1.0), ("lte", 3.0)))),
        ({"score": {"gte": 0.5}}, Range("score", "number", (("gte", 0.5),))),
        ({"open": {"eq": True}}, Match("open", "boolean", (True,))),
        ({"open": {"ne": True}}, Match("open", "boolean", (False,))),
        ({"seen": {"lt": NOON}}, Range("seen", "datetime", (("lt", NOON),))),
        ({"seen": {"isNull": True}}, Absent("seen", "null", holds=True)),
        ({"extra": {"isEmpty": False}}, Absent("extra", "empty", holds=False)),
        (
            {"place": {"geoRadius": {"center": {"lat": 1, "lon": 2}, "radius": 3}}},
            GeoRadius("place", 1.0, 2.0, 3.0),
        ),
        ({"tags": {"overlaps": ["a", "b"]}}, Match("tags", "string", ("a", "b"))),
        ({"states": {"overlaps": [State.OLD]}}, Match("states", "string", ("old",))),
        ({"tags": {"valuesCount": {"gte": 2}}}, Range("tags", "count", (("gte", 2),))),
        ({"numbers": {"some": {"gt": 1}}}, Range("numbers", "number", (("gt", 1.0),))),
        ({"times": {"some": {"gt": NOON}}}, Range("times", "datetime", (("gt", NOON),))),
        ({"meta_lang": {"eq": "en"}}, Match("meta.lang", "string", ("en",))),
        ({"hasId": ["7"]}, HasId((7,))),
    ],
)
def test_conditions(written, clause):
    """Each condition becomes the clause that the generic filter would give."""
    assert parsed(**written) == (clause,)


def test_all_values_of_a_list():
    """`contains` asks for each value by itself, so that all must be there."""
    assert parsed(tags={"contains": ["a", "b"]}) == (
        Match("tags", "string", ("a",)),
        Match("tags", "string", ("b",)),
    )


def test_groups_are_nested():
    """The members of a filter all hold, whatever groups stand beside them."""
    found = parse_filter(
        {
            "score": {"gt": 1},
            "should": [{"state": {"eq": State.NEW}}, {"must": [{"size": {"eq": 1}}]}],
            "mustNot": [{"open": {"eq": True}, "size": None}],
        },
        fields=FIELDS,
    )
    assert found == Filter(
        must=(Range("score", "number", (("gt", 1.0),)),),
        should=(Match("state", "string", ("new",)), Match("size", "integer", (1,))),
        must_not=(Match("open", "boolean", (True,)),),
    )


def test_equal_to_the_generic_filter():
    """Both ways to write a filter give one and the same frozen value."""
    declared = parse_filter({"state": {"in": ["NEW"]}, "score": {"gt": 1}}, fields=FIELDS)
    generic = parse_filter({"state": {"any": ["new"]}, "score": {"gt": 1}})
    assert declared == generic


DEEP: dict = {"size": {"eq": 1}}
for _ in range(8):
    DEEP = {"must": [DEEP]}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"colour": {"eq": 1}}, r"`filter\.colour` is not a payload field; there are must,.*state"),
        ({"must": [{"colour": {}}]}, r"`filter\.must\[0\]\.colour` is not a payload field"),
        ({"state": {"gt": 1}}, r"`filter\.state\.gt` is not a known condition; known: eq, ne"),
        ({"score": {"eq": 1.0}}, r"`filter\.score\.eq` is not a known condition"),
        ({"place": {"eq": 1}}, r"`filter\.place\.eq` is not a known condition"),
        ({"state": {}}, r"`filter\.state` says nothing; give one of eq"),
        ({"state": {"eq": None}}, r"`filter\.state` says nothing"),
        ({"state": "NEW"}, r"`filter\.state` must be an object"),
        ({"state": {"eq": "new"}}, r"`filter\.state\.eq` must be one of NEW, OLD"),
        ({"name": {"in": []}}, r"`filter\.name\.in` has 0 values"),
        ({"name": {"in": ["a"] * 1001}}, r"`filter\.name\.in` has 1001 values; give 1 to 1000"),
        ({"name": {"eq": "a" * 4097}}, r"`filter\.name\.eq` must be a string of at most 4096"),
        ({"name": {"text": " "}}, r"`filter\.name\.text` is empty"),
        ({"score": {"gt": math.nan}}, r"`filter\.score\.gt` must be a finite number"),
        ({"score": {"lt": math.inf}}, r"`filter\.score\.lt` must be a finite number"),
        ({"big": {"eq": 2**63}}, r"`filter\.big\.eq` is beyond 64 bits"),
        ({"numbers": {"some": {}}}, r"`filter\.numbers\.some` must be an object with one of gt"),
        ({"tags": {"contains": "a"}}, r"`filter\.tags\.contains` must be a list"),
        ({"tags": {"contains": ["a"] * 300}}, "300|301 conditions; at most 256"),
        (DEEP, "nested deeper than the 8 levels"),
        ({"should": [{}] * 257}, "257 filters; at most 256"),
    ],
)
def test_what_is_refused(written, words):
    """A typed error that gives the path, and what would be right."""
    with pytest.raises(InputError, match=words):
        parse_filter(written, fields=FIELDS)


def test_every_condition_is_read():
    """No type offers a condition that nothing reads: each is either known or tells what it lacks."""
    for field in FIELDS.values():
        for operator in field.conditions:
            with pytest.raises(InputError, match=rf"filter\.{field.name}\.{operator}"):
                parse_filter({field.name: {operator: object()}}, fields=FIELDS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": ""}, "cannot be the name"),
        ({"name": "a/b"}, "cannot be the name"),
        ({"name": ".."}, "cannot be the name"),
        ({"name": "a" * 256}, "cannot be the name"),
        ({"name": "a", "payload": {"x": bytes}}, "payload field 'x' cannot be"),
        ({"name": "a", "payload": {"x": list[list[int]]}}, "payload field 'x' cannot be"),
        ({"name": "a", "payload": {"must": str}}, "cannot be called 'must'"),
        ({"name": "a", "payload": {"a.b": str, "a_b": str}}, "cannot be called 'a_b'"),
        ({"name": "a", "payload": {"9": str}}, "has no name in GraphQL"),
    ],
)
def test_declarations_that_are_refused(arguments, words):
    """Start-up names the collection and the field."""
    with pytest.raises(ConfigurationError, match=words):
        VectorCollection(**arguments)
