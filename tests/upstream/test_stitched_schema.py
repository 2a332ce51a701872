"""The schema that upstreams are part of: as they wrote it, also where the API is a subgraph."""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - Strawberry reads annotations at run time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from federation import supergraph
from graphql import (
    GraphQLFloat,
    GraphQLSchema,
    OperationType,
    build_schema,
    parse,
    print_ast,
    print_type,
)
from strawberry import ID  # noqa: TC002 - Strawberry reads annotations at run time
from toy import tables
from upstream import joined, people
from upstream.joined import Hello

from gateway import Domain, entity
from gateway.documents.limits import DocumentLimits
from gateway.documents.refusal import InvalidDocument
from gateway.documents.validation import Validator
from gateway.errors import ConfigurationError
from gateway.schema.build import build
from gateway.schema.upstreams.remote import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from upstream.joined import Joined

ODD = """
scalar Date
scalar DateTime
directive @cost(weight: Int) on FIELD_DEFINITION
enum Sort { UP DOWN }
scalar Any_
input One @oneOf { id: ID, name: String }
input Loose { any: Any_ = { a: [1, { b: null }] }, many: Any_ = [1.50, X] }
input Deep { one: One, loose: Loose, of: Deep, sort: Sort = DOWN, days: [Date!] = ["2020-01-02"] }
type Thing {
  \"\"\"What it was called.\"\"\"
  name(
    \"\"\"In which language.\"\"\"
    language: String = "e\\"n"
    sort: [Sort!]! = [UP, DOWN]
    deep: Deep = { of: { sort: UP } }
    since: Date = "2024-02-29"
    before: DateTime = "2024-02-29T23:59:00+00:00"
    nothing: Int = null
  ): String @deprecated(reason: "Ask for `title`.")
}
type Query { thing(size: Float = 1.5, yes: Boolean = true): Thing }
"""


@entity(tables.passports, key="code")
class Passport:
    """Has a `DateTime` of ours, as which theirs then counts."""

    code: ID
    issued: dt.datetime | None


SUBGRAPH = replace(joined.joined(), subgraph=True)


def arguments(schema: GraphQLSchema, field: str) -> list[str]:
    """A root field's arguments as text."""
    root = schema.get_root_type(OperationType.QUERY)
    assert root is not None
    return [
        f"{name}: {one.type} = {one.default and print_ast(one.default.literal)}"
        for name, one in root.fields[field].args.items()
    ]


@pytest.mark.parametrize("text", [people.SDL, ODD], ids=["people", "odd"])
def test_types_are_printed_as_they_were_written(text: str) -> None:
    """Defaults, descriptions and deprecations among them: nobody else tells them to a client."""
    domain = Domain(entities=[Passport], queries=[Hello], upstreams=[Upstream("people", text)])
    printed = build_schema(build(domain).schema.as_str())
    given = build_schema(text)
    for name, type_ in given.type_map.items():
        if type_ is given.query_type:
            for field in type_.fields:
                assert arguments(printed, field) == arguments(given, field)
        elif not name.startswith("__") and name not in {"Mutation", "Date", "DateTime"}:
            assert print_type(printed.type_map[name]) == print_type(type_)


@pytest.fixture
async def subgraph(database: str) -> AsyncIterator[Joined]:
    async with (
        people.running() as service,
        joined.running(service, SUBGRAPH, database) as one,
    ):
        yield one


async def test_a_subgraph_may_have_upstreams(subgraph: Joined) -> None:
    """Its entities have their objects, for all representations of a request in one document."""
    data = await subgraph.data(
        """query ($given: [_Any!]!) { _entities(representations: $given) {
          ... on Animal { name friend { name herd(first: 1) { nodes { shout } } } }
        } }""",
        given=[{"__typename": "Animal", "id": number} for number in (2, 1)],
    )
    assert data["_entities"] == [
        {"name": "Bo", "friend": {"name": "Bob", "herd": {"nodes": [{"shout": "CLEO"}]}}},
        {"name": "Ada", "friend": {"name": "Ada", "herd": {"nodes": [{"shout": "ADA"}]}}},
    ]
    assert len(subgraph.people.documents()) == 1


async def test_a_subgraph_with_upstreams_composes(subgraph: Joined, tmp_path: Path) -> None:
    """Their types and root fields are its own to the router."""
    sdl = (await subgraph.data("{ _service { sdl } }"))["_service"]["sdl"]
    assert "type Person implements Being {" in sdl
    assert "friends(first: Int = 10, mood: Mood): [Person!]!" in sdl
    path = tmp_path / "zoo.graphql"
    path.write_text(sdl, "utf-8")
    folder = await supergraph.installed()
    async with supergraph.composed(folder, f"zoo={path}") as whole:
        assert whole.errors == []
        assert "person(id: ID!): Person" in whole.sdl


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "thingChanged"),
        ({"prefix": "Crm"}, "crmThingChanged"),
        ({"namespace": "crm"}, "crmThingChanged"),
    ],
)
def test_subscription_fields(options: dict[str, str], name: str) -> None:
    """Stand on our subscription root: also with a namespace, as a subscription has one field."""
    text = ODD + "type Subscription { thingChanged(id: ID = 7): Thing }"
    upstream = Upstream("things", text, **options)
    api = build(Domain(entities=[], queries=[Hello], upstreams=[upstream]))
    printed = build_schema(api.schema.as_str())
    root = printed.get_root_type(OperationType.SUBSCRIPTION)
    assert root is not None
    assert [*root.fields] == [name]
    assert root.fields[name].args["id"].default is not None


def test_what_a_subgraph_needs_is_no_type_of_ours() -> None:
    """A pinned introspection of one names types of federation's, which our schema may have too."""
    machinery = """
    scalar _Any
    scalar _FieldSet
    scalar link__Import
    enum link__Purpose { SECURITY EXECUTION }
    type _Service { sdl: String! }
    union _Entity = Person
    type _Meta_ { block: Int }
    extend type Query {
      _service: _Service!
      _entities(representations: [_Any!]!): [_Entity]!
      _meta: _Meta_
    }
    """
    upstreams = [replace(SUBGRAPH.upstreams[0], sdl=people.SDL + machinery)]
    whole = build(replace(SUBGRAPH, upstreams=upstreams))
    assert "_meta: _Meta_" in whole.schema.as_str()
    theirs = whole.catalog.upstreams["people"].types
    assert "_Meta_" in theirs
    assert not {"link__Purpose", "_Entity", "_Service"}.intersection(theirs)


def test_a_one_of_input_is_told_and_checked_as_one() -> None:
    """By introspection, and before anything is asked of the upstream."""
    text = "input One @oneOf { id: ID } type Query { thing(by: One): String }"
    domain = Domain(entities=[], queries=[Hello], upstreams=[Upstream("far", text, prefix="Far")])
    api = build(domain)
    told = api.schema.execute_sync('{ __type(name: "FarOne") { isOneOf } }')
    assert told.data == {"__type": {"isOneOf": True}}
    validator = Validator(api.catalog.schema, DocumentLimits(), suggestions=True)
    with pytest.raises(InvalidDocument, match="must be non-nullable"):
        validator.validate(parse("query ($id: ID) { farThing(by: { id: $id }) }"))


def test_a_scalar_may_share_nothing_but_its_name() -> None:
    """Then it has the prefix, as all types have; one that is not there is named."""
    far = Upstream("far", ODD, prefix="Far")
    domain = Domain(entities=[Passport], queries=[Hello], upstreams=[far])
    assert "before: DateTime = " in build(domain).schema.as_str()
    far = replace(far, scalars=["DateTime"])
    api = build(replace(domain, upstreams=[far]))
    assert "before: FarDateTime = " in api.schema.as_str()
    assert api.catalog.upstreams["far"].types["FarDateTime"] == "DateTime"
    wrong = replace(far, scalars=["Thing"])
    with pytest.raises(ConfigurationError, match="far: scalars: it has no Thing"):
        build(Domain(entities=[], queries=[Hello], upstreams=[wrong]))


def test_scalars_of_graphql_keep_their_names() -> None:
    """Also one that our own schema does not use: it is the same object in every schema."""
    text = "type Query { weight: Float }"
    api = build(
        Domain(entities=[], queries=[Hello], upstreams=[Upstream("far", text, prefix="Far")])
    )
    assert "farWeight: Float" in api.schema.as_str()
    assert GraphQLFloat.name == "Float"
