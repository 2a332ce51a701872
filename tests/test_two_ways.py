"""Two ways, one answer: the planned path against plain graphql-core over rows in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, build_schema, is_non_null_type
from hypothesis import given, note
from hypothesis import strategies as st
from hypothesis_graphql import queries
from reference import PlainApi
from toy.domain import domain
from toy.profiles import examples
from toy.questions import BEYOND, Question, questions
from toy.rows import ROWS, VISITS
from toy.running import KEEPER, LIMITS, WIDE, Zoo, running
from toy.store import Store

from gateway.schema.build import build
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase

    Pair = tuple[Zoo, PlainApi]
    Error = tuple[str, tuple[str | int, ...]]

DRAWN = PlainApi(domain, VISITS, LIMITS.default)
DRAWN.store = Store(DRAWN.catalog, ROWS)
"""What questions are drawn from, before there is a database."""

LIST_ARGUMENTS = {"first", "after", "last", "before", "where", "orderBy", "distinctOn", "search"}
LIST_ARGUMENTS |= {"by", "having"}


def without_arguments() -> GraphQLSchema:
    """The zoo's schema as hypothesis-graphql sees it: its arguments are mostly nonsense."""
    schema = build_schema(str(build(domain).schema))
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType):
            for name in BEYOND & set(type_.fields):
                del type_.fields[name]
            for field in type_.fields.values():
                for name in LIST_ARGUMENTS & set(field.args):
                    if not is_non_null_type(field.args[name].type):
                        del field.args[name]
    return schema


ROOTS: tuple[str, ...] = (
    "animals",
    "enclosures",
    "feedings",
    "hiddenList",
    "keepers",
    "mustReadings",
    "oddities",
)
ROOTS += ("readings", "remarks", "report", "specimens", "star", "motto")

VIEWERS = {"anonymous": ANONYMOUS, "keeper": KEEPER}


@pytest.fixture(scope="module")
async def both(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Pair]:
    """The engine, and the reference over the same rows."""
    async with running(module_database, redis_url, document_limits=WIDE) as zoo:
        plain = PlainApi(domain, VISITS, LIMITS.default)
        plain.store = await Store.load(zoo.connection, plain.catalog)
        yield zoo, plain


@given(questions(DRAWN), st.sampled_from(sorted(VIEWERS)))
@examples(120)
async def test_generated_operations_have_one_answer(
    both: Pair, question: Question, viewer: str
) -> None:
    """Whatever is asked, and however it is written, both ways give the same data and errors."""
    zoo, plain = both
    note(question.document)
    note(json.dumps(question.variables))
    await agree(zoo, plain, question.document, question.variables, viewer)


@given(queries(without_arguments(), fields=ROOTS), st.sampled_from(sorted(VIEWERS)))
@examples(50)
async def test_selections_of_another_generator_have_one_answer(
    both: Pair, document: str, viewer: str
) -> None:
    """The same for selections that hypothesis-graphql makes up, which knows nothing of the zoo."""
    zoo, plain = both
    note(document)
    await agree(zoo, plain, document, {}, viewer)


async def agree(
    zoo: Zoo, plain: PlainApi, document: str, variables: dict[str, Any], viewer: str = "anonymous"
) -> None:
    """Ask both ways and compare: data to the letter, errors by code and nearest place."""
    answer = await zoo.answer(document, variables, viewer=VIEWERS[viewer])
    body = json.loads(answer.body)
    assert answer.executed, body
    other = await plain.answer(document, variables, VIEWERS[viewer])
    assert letters(_data(answer.body)) == letters(json.loads(other.data, object_pairs_hook=tuple))
    errors = [
        (error["extensions"]["code"], tuple(error["path"])) for error in body.get("errors", ())
    ]
    assert _nearest(errors, body["data"]) == _nearest(other.errors, json.loads(other.data))


def _data(body: bytes) -> Any:
    pairs = json.loads(body, object_pairs_hook=tuple)
    return dict(pairs)["data"]


def letters(value: Any) -> Any:
    """A form in which JSON texts compare: order of members counts, 1 and 1.0 are one number."""
    if isinstance(value, tuple):
        return ("object", *((name, letters(part)) for name, part in value))
    if isinstance(value, list):
        return ["list", *map(letters, value)]
    return (type(value).__name__, value) if isinstance(value, bool | str) else value


def _nearest(errors: list[Error], data: Any) -> set[Any]:
    """The errors, each at the null it left; where that is above the field, the code is open.

    A null that travels upwards takes other errors with it, and the specification leaves open which
    of them are told.
    """
    found: set[Any] = set()
    for code, path in errors:
        value, place = data, 0
        while value is not None and place < len(path):
            value = value[path[place]]
            place += 1
        found.add((code if place == len(path) else None, path[:place]))
    return found
