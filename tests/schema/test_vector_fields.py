"""Fields over vector collections: the types they get, and what start-up refuses.

Annotations are evaluated where they stand, so this file has no `from __future__ import annotations`.
"""

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from strawberry import ID
from toy import tables

from gateway import (
    BigInt,
    Connection,
    Domain,
    Facets,
    GeoPoint,
    HitGroups,
    Hits,
    VectorCollection,
    entity,
    facets,
    listing,
    nearest,
    queries,
    recommend,
    search,
    search_batch,
    search_groups,
    vector_queries,
)
from gateway.errors import ConfigurationError
from gateway.planning.steps import Verb
from gateway.schema.build import build
from gateway.schema.vectors.reading import Reading

if TYPE_CHECKING:
    from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType


class Mark(enum.Enum):
    """Kept by its value."""

    GOOD = "good"


SIGHTS = VectorCollection(
    "sights",
    size=4,
    vectors={"sound": 8},
    sparse=("words",),
    payload={"mark": Mark, "weight": float, "tags": list[str], "bornAt": str, "home": GeoPoint},
)
PLAIN = VectorCollection("plain")


@entity(tables.enclosures)
class Enclosure:
    id: ID
    name: str
    like: Hits["Enclosure"] | None = nearest(PLAIN)


@entity(tables.animals)
class Animal:
    id: ID
    name: str
    like: Hits["Animal"] | None = nearest(SIGHTS)


@queries
class Queries:
    animals: Connection[Animal] | None = listing()
    found: Hits[Animal] | None = search(SIGHTS)
    several: list[Hits[Animal]] | None = search_batch(SIGHTS)
    grouped: HitGroups[Animal] | None = search_groups(SIGHTS)
    counted: Facets[Animal] | None = facets(SIGHTS)
    alike: Hits[Animal] | None = recommend(SIGHTS)
    places: Hits[Enclosure] | None = search(PLAIN)


@pytest.fixture(scope="module")
def schema() -> Any:
    """The core schema of a domain with a declared collection, one without payload, and any."""
    domain = Domain(entities=[Animal, Enclosure], queries=[Queries, vector_queries()])
    return build(domain).catalog.schema


def arguments(schema: Any, field: str, parent: str = "Query") -> dict[str, str]:
    """A field's arguments and their types."""
    found: GraphQLObjectType = schema.type_map[parent]
    return {name: str(one.type) for name, one in found.fields[field].args.items()}


def test_a_declared_collection_has_types_of_its_own(schema: Any) -> None:
    """The filter has a member for each payload field, with the conditions of its type."""
    filter_: GraphQLInputObjectType = schema.type_map["AnimalVectorFilter"]
    assert {name: str(one.type) for name, one in filter_.fields.items()} == {
        "must": "[AnimalVectorFilter!]",
        "should": "[AnimalVectorFilter!]",
        "mustNot": "[AnimalVectorFilter!]",
        "hasId": "[ID!]",
        "mark": "MarkPayloadFilter",
        "weight": "FloatPayloadFilter",
        "tags": "StringListPayloadFilter",
        "bornAt": "StringPayloadFilter",
        "home": "GeoPayloadFilter",
    }
    assert set(schema.type_map["FloatPayloadFilter"].fields) == {
        *("gt", "gte", "lt", "lte"),
        *("isNull", "isEmpty"),
    }
    assert set(schema.type_map["GeoPayloadFilter"].fields) == {
        *("geoRadius", "geoBox"),
        *("isNull", "isEmpty"),
    }
    keys: GraphQLEnumType = schema.type_map["AnimalPayloadKey"]
    assert list(keys.values) == ["MARK", "TAGS", "BORN_AT"]


@pytest.mark.parametrize("key", [ID, BigInt])
def test_rows_with_any_integer_for_their_key_take_part(key: Any) -> None:
    """A search of them takes a condition on rows, however the key is shown."""

    @entity(tables.animals)
    class Animal:
        id: key
        name: str

    @queries
    class Found:
        found: Hits[Animal] | None = search(PLAIN)

    schema = build(Domain(entities=[Animal], queries=[Found])).catalog.schema
    assert arguments(schema, "found")["where"] == "AnimalWhere"


def test_every_reading_takes_the_declared_filter(schema: Any) -> None:
    """One collection, one filter, wherever it is read."""
    for field in ("found", "grouped", "counted", "alike"):
        assert arguments(schema, field)["filter"] == "AnimalVectorFilter"
    assert arguments(schema, "like", "Animal")["filter"] == "AnimalVectorFilter"
    assert arguments(schema, "several") == {"searches": "[AnimalSearchInput!]!"}
    searches: GraphQLInputObjectType = schema.type_map["AnimalSearchInput"]
    assert str(searches.fields["filter"].type) == "AnimalVectorFilter"
    assert arguments(schema, "grouped")["groupBy"] == "AnimalPayloadKey!"
    assert arguments(schema, "counted")["key"] == "AnimalPayloadKey!"


def test_vectors_can_be_chosen_where_there_are_several(schema: Any) -> None:
    """`using` and `sparse` are there where the collection has such vectors, and only there."""
    assert {"using", "sparse"} <= set(arguments(schema, "found"))
    assert not {"using", "sparse"} & set(arguments(schema, "places"))
    assert "using" in arguments(schema, "like", "Animal")


def test_a_collection_without_payload_keeps_the_generic_filter(schema: Any) -> None:
    """So do those that an argument names."""
    assert arguments(schema, "places")["filter"] == "VectorFilter"
    assert arguments(schema, "like", "Enclosure")["filter"] == "VectorFilter"
    assert arguments(schema, "vectorSearch")["filter"] == "VectorFilter"
    assert arguments(schema, "vectorSearch")["collection"] == "String!"
    assert arguments(schema, "vectorFacets")["key"] == "String!"


def test_types_of_answers(schema: Any) -> None:
    """Hits have their row, groups have hits, and a connection of points goes forward only."""
    types = {name: str(one.type) for name, one in schema.type_map["Query"].fields.items()}
    assert types["found"] == types["alike"] == "[AnimalHit!]"
    assert types["several"] == "[[AnimalHit!]!]"
    assert types["grouped"] == "[AnimalHitGroup!]"
    assert types["counted"] == types["vectorFacets"] == "[VectorFacet!]"
    assert types["points"] == "[VectorPoint]"
    assert types["pointCount"] == "Int"
    assert types["pointScroll"] == "VectorPointConnection"
    assert str(schema.type_map["AnimalHit"].fields["animal"].type) == "Animal"
    assert {"first", "after"} <= set(arguments(schema, "pointScroll"))
    assert not {"last", "before"} & set(arguments(schema, "pointScroll"))


OTHER = VectorCollection("others", payload={"mark": Mark})


def two_collections_of_one_name() -> Domain:
    @queries
    class Bad:
        found: Hits[Animal] | None = search(SIGHTS)
        others: Hits[Animal] | None = search(OTHER)

    return Domain(entities=[Animal, Enclosure], queries=[Bad])


def wrong_annotation() -> Domain:
    @queries
    class Bad:
        grouped: Hits[Animal] | None = search_groups(SIGHTS)

    return Domain(entities=[Animal, Enclosure], queries=[Bad])


def no_entity() -> Domain:
    @queries
    class Bad:
        counted: Facets[int] | None = facets(SIGHTS)

    return Domain(entities=[Animal, Enclosure], queries=[Bad])


def reading_on_an_entity() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        counted: Facets[Animal] | None = facets(SIGHTS)

    return Domain(entities=[Bad], queries=[])


def owned(columns: Any, viewer: Any) -> Any:
    """Everybody sees the animals that have their name."""
    return columns.name == viewer.subject


def a_row_rule() -> Domain:
    @entity(tables.animals, rule=owned)
    class Secret:
        id: ID
        name: str

    @queries
    class Bad:
        grouped: HitGroups["Secret"] | None = search_groups(PLAIN)

    return Domain(entities=[Secret], queries=[Bad])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (two_collections_of_one_name, r"Bad\.others: the types of collection 'sights' are called"),
        (
            wrong_annotation,
            r"Bad\.grouped: search_groups\(\) gives .* `HitGroups\[Entity\] \| None`",
        ),
        (no_entity, r"Bad\.counted: .* with an entity of the domain"),
        (reading_on_an_entity, r"Bad\.counted: .* has no meaning on an entity"),
        (a_row_rule, r"Bad\.grouped: Secret has a row rule, which search groups cannot keep"),
    ],
)
def test_what_start_up_refuses(make: Callable[[], Domain], words: str) -> None:
    """The message names the class and the field, and says what would be right."""
    with pytest.raises(ConfigurationError, match=words):
        build(make())


def test_a_reading_is_none_of_the_planners_verbs() -> None:
    """Both say what a source is asked, and are compared by their text."""
    assert {*Reading}.isdisjoint(Verb)


def test_an_option_of_one_field_is_refused() -> None:
    """`vector_queries` makes several fields, which cannot have one name."""
    with pytest.raises(ConfigurationError, match="takes no name"):
        vector_queries(name="x")
