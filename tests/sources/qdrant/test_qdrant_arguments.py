"""What the Qdrant adapter refuses before any engine is called, and how it freezes the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sources.qdrant.wishing import nearest_wish, search_wish

from gateway.errors import InputError
from gateway.sources.qdrant import Filter, Search, VectorCollection, parse_filter

SOUTH, NORTH = {"lat": 0, "lon": 0}, {"lat": 1, "lon": 1}
UUID_ID = "0198c9a2-54ff-7e63-a2a4-3ae3b1ad2b10"


def test_defaults():
    """Only what to search near is needed."""
    assert search_wish({"text": "x"}) == Search(text="x", limit=10, offset=0)
    assert search_wish({"vector": [1, 2.5]}).vector == (1.0, 2.5)
    assert nearest_wish({}).limit == 10
    assert search_wish({"text": "x", "filter": {}}) == search_wish({"text": "x"})


@pytest.mark.parametrize(
    ("given", "frozen"),
    [
        (7, 7),
        ("12", 12),
        ("0", 0),
        (2**64 - 1, 2**64 - 1),
        (UUID_ID.upper(), UUID_ID),
        (UUID(UUID_ID), UUID_ID),
        (UUID_ID.replace("-", ""), UUID_ID),
    ],
)
def test_ids_have_one_form(given, frozen):
    """Whatever way an id is written, equal ids are equal."""
    assert search_wish({"id": given}).point_id == frozen


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "exactly one of `vector`, `text` and `id`; got none"),
        ({"text": "a", "id": 1}, "got text and id"),
        ({"vector": [1], "text": "a", "id": 1}, "vector and text and id"),
        ({"vector": []}, "list of numbers"),
        ({"vector": "1,2"}, "list of numbers"),
        ({"vector": [1, "2"]}, "only numbers"),
        ({"vector": [1, None]}, "only numbers"),
        ({"vector": [1, True]}, "only numbers"),
        ({"vector": [1.0, float("nan")]}, "NaN"),
        ({"vector": [float("inf")]}, "infinity"),
        ({"vector": [1e39]}, "infinity"),
        ({"vector": [10**400]}, "infinity"),
        ({"vector": [0.0] * 65_537}, "65537 numbers; at most 65536"),
        ({"text": ""}, "`text` is empty"),
        ({"text": " \t\n"}, "`text` is empty"),
        ({"text": "x" * 8_193}, "at most 8192"),
        ({"text": "\ud800"}, "Unicode"),
        ({"text": 5}, "`text` must be a string"),
        ({"id": -1}, "`id` is not a point id"),
        ({"id": 2**64}, "`id` is not a point id"),
        ({"id": "abc"}, "`id` is not a point id"),
        ({"id": "9" * 5_000}, "`id` is not a point id"),
        ({"id": True}, "`id` is not a point id"),
        ({"id": "²"}, "`id` is not a point id"),
        ({"text": "a", "limit": 0}, "`limit` must be a whole number from 1 to 1000"),
        ({"text": "a", "limit": -1}, "limit"),
        ({"text": "a", "limit": 10**9}, "limit"),
        ({"text": "a", "limit": True}, "limit"),
        ({"text": "a", "limit": 1.5}, "limit"),
        ({"text": "a", "offset": -1}, "`offset` must be a whole number from 0"),
        ({"text": "a", "offset": 10**9}, "offset"),
        ({"text": "a", "scoreThreshold": float("nan")}, "scoreThreshold"),
        ({"text": "a", "scoreThreshold": 10**400}, "scoreThreshold"),
        ({"text": "a", "scoreThreshold": "1"}, "scoreThreshold"),
        ({"text": "a", "filter": []}, "`filter` must be an object"),
    ],
)
def test_arguments_that_are_refused(arguments, words):
    """The message names the argument and what would be right."""
    with pytest.raises(InputError) as raised:
        search_wish(arguments)
    assert words in raised.value.message


def test_a_vector_of_another_size_is_refused():
    """Where the collection declares how long its vectors are."""
    with pytest.raises(InputError, match="3 dimensions; this collection's vectors have 4"):
        search_wish({"vector": [0.0] * 3}, VectorCollection("sized", 4))


def test_neighbours_have_a_smaller_limit():
    """A batch multiplies it."""
    with pytest.raises(InputError, match="from 0 to 100"):
        nearest_wish({"first": 101})


def test_equal_filters_are_equal_in_their_types():
    """1, true and "1" are different questions, though Python thinks two of them equal."""
    filters = [parse_filter({"a": {"match": value}}) for value in (1, True, "1")]
    assert len(set(filters)) == 3
    assert parse_filter({"a": {"match": 1}}) == filters[0]


def test_the_order_of_conditions_does_not_matter():
    """Conditions of a field, and bounds of a range, have one order."""
    first = {"a": {"gte": 1, "lt": 5, "isNull": False}}
    second = {"a": {"isNull": False, "lt": 5.0, "gte": 1.0}}
    assert hash(parse_filter(first)) == hash(parse_filter(second))
    assert parse_filter(first) == parse_filter(second)


def test_of_two_bounds_the_tighter_counts():
    """Both are given, one is enough."""
    two = {"gt": 1, "gte": 2, "lt": 5, "lte": 5}
    assert parse_filter({"a": two}) == parse_filter({"a": {"gte": 2, "lt": 5}})
    assert parse_filter({"a": {"valuesCount": two}}) == parse_filter(
        {"a": {"valuesCount": {"gte": 2, "lt": 5}}}
    )


def test_both_ways_to_name_a_field():
    """By key, or as `field` for names GraphQL cannot spell."""
    assert parse_filter({"a": {"match": 1}}) == parse_filter({"field": "a", "match": 1})


def test_nulls_are_as_if_not_given():
    """Optional inputs arrive as null."""
    written = {"must": None, "a": None, "b": {"match": 1, "any": None}, "hasId": None}
    assert parse_filter(written) == parse_filter({"b": {"match": 1}})
    assert not parse_filter({"must": None, "should": []})
    assert parse_filter({}) == Filter()


def test_datetimes_are_utc():
    """One moment is one value, however its offset is written; without one it is UTC."""
    moment = datetime(2024, 5, 1, 10, tzinfo=UTC)
    forms = ("2024-05-01T10:00:00Z", "2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00", moment)
    assert len({parse_filter({"d": {"gt": form}}) for form in forms}) == 1


def nested(depth):
    """A filter with this many levels."""
    written = {"a": {"match": 1}}
    for _ in range(depth - 1):
        written = {"must": [written], "mustNot": [{"b": {"match": 2}}]}
    return written


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"a": {"like": "x"}}, "`filter.a.like` is not a known condition"),
        ({"must": [{"a": {"matches": 1}}]}, "`filter.must[0].a.matches` is not a known"),
        ({"a": 5}, "`filter.a` is not a known condition; known: must, should"),
        ({"match": 5}, '`filter.match` needs a field: add field: "name"'),
        ({"field": "a"}, "says nothing about field 'a'"),
        ({"field": ""}, "`filter.field` must be a name"),
        ({"field": "x" * 257, "match": 1}, "`filter.field` must be a name"),
        ({"field": "a\u0000", "match": 1}, "control character"),
        ({"a": {}}, "`filter.a` says nothing"),
        ({"a": {"match": None}}, "`filter.a` says nothing"),
        ({"a": {"match": 1.5}}, "`filter.a.match` must be a string, an integer or a boolean"),
        ({"a": {"match": {"$ne": None}}}, "`filter.a.match` must be"),
        ({"a": {"match": 2**63}}, "beyond 64 bits"),
        ({"a": {"match": "x" * 4_097}}, "at most 4096"),
        ({"a": {"match": "\ud800"}}, "Unicode"),
        ({"a": {"any": []}}, "`filter.a.any` has 0 values; give 1 to 1000"),
        ({"a": {"any": "abc"}}, "must be a list"),
        ({"a": {"any": [1, "a"]}}, "only strings or only integers"),
        ({"a": {"any": [True]}}, "only strings or only integers"),
        ({"a": {"except": list(range(1_001))}}, "1001 values"),
        ({"a": {"text": "  "}}, "`filter.a.text` is empty"),
        ({"a": {"gt": "yesterday"}}, "`filter.a.gt` must be a number or an ISO 8601 datetime"),
        ({"a": {"gt": 1, "lt": "2024-01-01"}}, "all bounds of one kind"),
        ({"a": {"gt": float("nan")}}, "`filter.a.gt` must be a finite number"),
        ({"a": {"gt": 10**400}}, "finite"),
        ({"a": {"gt": True}}, "filter.a.gt"),
        ({"a": {"gt": "0001-01-01T00:00:00+14:00"}}, "filter.a.gt"),
        ({"a": {"isNull": "yes"}}, "`filter.a.isNull` must be true or false"),
        ({"a": {"isEmpty": 1}}, "`filter.a.isEmpty` must be true or false"),
        ({"a": {"valuesCount": {"gt": -1}}}, "filter.a.valuesCount.gt"),
        ({"a": {"valuesCount": {"eq": 1}}}, "must be an object with gt, gte, lt, lte"),
        ({"a": {"valuesCount": {}}}, "needs gt or gte or lt or lte"),
        ({"a": {"geoRadius": {"center": {"lat": 0, "lon": 0}}}}, "needs center and radius"),
        ({"a": {"geoRadius": {"center": {"lat": 91, "lon": 0}, "radius": 1}}}, "from -90 to 90"),
        ({"a": {"geoRadius": {"center": {"lat": 0, "lon": 0}, "radius": -1}}}, "radius` must be"),
        ({"a": {"geoBox": {"topLeft": SOUTH, "bottomRight": NORTH}}}, "north of bottomRight"),
        ({"hasId": "1"}, "`filter.hasId` must be a list"),
        ({"hasId": [1, "x"]}, "`filter.hasId[1]` is not a point id"),
        ({"hasId": list(range(10_001))}, "at most 10000"),
        ({"must": {"a": {"match": 1}}}, "`filter.must` must be a list of filters"),
        ({"must": [1]}, "`filter.must[0]` must be an object"),
        ({"must": [{}] * 257}, "257 filters; at most 256"),
        (nested(9), "nested deeper than the 8 levels"),
        ({"must": [{"should": [{"a": {"match": i}} for i in range(200)]}] * 2}, "at most 256"),
    ],
)  # fmt: skip
def test_filters_that_are_refused(written, words):
    """The message gives the path of what is wrong and what would be right."""
    with pytest.raises(InputError) as raised:
        parse_filter(written)
    assert words in raised.value.message


def test_the_deepest_filter_allowed():
    """Eight levels pass."""
    assert parse_filter(nested(8))
