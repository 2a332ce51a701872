"""Answers in parts on the zoo: what happens between the parts, and what must not."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from toy.clients import put_together
from toy.running import KEEPER, Zoo, running

from gateway.documents.cost import Costs
from gateway.execution.exchange import GraphQLRequest
from gateway.execution.incremental.delivery import Incremental
from gateway.execution.incremental.formats import Form
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

    from conftest import FreshDatabase

    from gateway.viewer import Viewer

BOTH = pytest.mark.parametrize("form", list(Form))


@pytest.fixture(scope="module")
async def zoo(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    async with running(module_database, redis_url) as one:
        yield one


@asynccontextmanager
async def asking(
    zoo: Zoo,
    document: str,
    variables: dict[str, Any] | None = None,
    *,
    form: Form = Form.LEGACY,
    viewer: Viewer = KEEPER,
) -> AsyncIterator[AsyncGenerator[dict[str, Any], None]]:
    """The parts of an answer, decoded, as they come."""

    async def parts() -> AsyncGenerator[dict[str, Any], None]:
        answers = Incremental(zoo.engine, most=10).answers(
            GraphQLRequest(document, None, variables),
            viewer,
            allow_mutations=False,
            deadline=asyncio.get_running_loop().time() + 20,
            form=form,
        )
        async with aclosing(answers):
            async for answer in answers:
                yield orjson.loads(answer.body)

    async with aclosing(parts()) as found:
        yield found


async def answered(zoo: Zoo, document: str, *given: Any, **options: Any) -> list[dict[str, Any]]:
    """All parts."""
    async with asking(zoo, document, *given, **options) as parts:
        return [part async for part in parts]


async def between(
    zoo: Zoo, document: str, happens: Callable[[], Awaitable[Any]], form: Form
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The first part, and the others after something happened."""
    async with asking(zoo, document, form=form) as parts:
        first = await anext(parts)
        await happens()
        return first, [part async for part in parts]


def told(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The errors of parts, wherever they stand."""
    return [
        error
        for part in parts
        for member in ("incremental", "completed")
        for one in part.get(member, ())
        for error in one.get("errors", ())
    ]


# What happens between parts ----------------------------------------------------------------------


@BOTH
async def test_a_source_that_fails_fails_its_part(zoo: Zoo, form: Form) -> None:
    """What was sent stays; the part is null with an error that has its path, and it is the last."""
    document = "{ star { id ... @defer { enclosure { id } } } ... @defer { feedings { totalCount } } animal(id: 1) { id } }"
    try:
        first, rest = await between(
            zoo,
            document,
            lambda: zoo.connection.execute("ALTER TABLE feedings RENAME TO gone"),
            form,
        )
    finally:
        await zoo.connection.execute("ALTER TABLE IF EXISTS gone RENAME TO feedings")
    assert first["data"]["animal"] == {"id": "1"}
    assert [(error["extensions"]["code"], error["path"]) for error in told(rest)] == [
        ("SOURCE_ERROR", ["feedings"])
    ]
    assert "enclosure" in put_together([first, *rest])["data"]["star"]
    if form is Form.LEGACY:
        (failed,) = [
            one for part in rest for one in part.get("incremental", ()) if one["path"] == []
        ]
        assert failed["data"] is None


@BOTH
async def test_what_belongs_to_a_row_goes_to_that_row(zoo: Zoo, form: Form) -> None:
    """A row inserted before the others meanwhile shifts nothing."""
    document = """{ keepers(orderBy: {name: ASC}) { nodes { name
        ... @defer { again: name animals { totalCount } } } } }"""
    insert = "INSERT INTO keepers (id, name) VALUES (gen_random_uuid(), '!first')"
    try:
        first, rest = await between(zoo, document, lambda: zoo.connection.execute(insert), form)
    finally:
        await zoo.connection.execute("DELETE FROM keepers WHERE name = '!first'")
    rows = put_together([first, *rest])["data"]["keepers"]["nodes"]
    assert rows
    assert all(row["name"] == row["again"] != "!first" for row in rows)


@BOTH
async def test_a_row_that_is_gone(zoo: Zoo, form: Form) -> None:
    """An error in the part of a fragment; a streamed entry is left out."""
    await zoo.connection.execute(
        "INSERT INTO keepers (id, name) SELECT gen_random_uuid(), '~' || n FROM generate_series(1, 3) n"
    )
    gone = "DELETE FROM keepers WHERE name = '~2'"
    keepers = 'keepers(where: {name: {like: "~%"}}, orderBy: {name: ASC})'
    try:
        streamed = f"{{ {keepers} {{ nodes @stream(initialCount: 1) {{ name }} }} }}"
        first, rest = await between(zoo, streamed, lambda: zoo.connection.execute(gone), form)
        names = [one["name"] for one in put_together([first, *rest])["data"]["keepers"]["nodes"]]
        assert names == ["~1", "~3"]
        assert not told(rest)
        deferred = f"{{ {keepers} {{ nodes {{ uid ... @defer {{ name }} }} }} }}"
        gone = "DELETE FROM keepers WHERE name = '~1'"
        first, rest = await between(zoo, deferred, lambda: zoo.connection.execute(gone), form)
        (error,) = told(rest)
        assert error["path"] == ["keepers", "nodes", 0]
        assert put_together([first, *rest])["data"]["keepers"]["nodes"][1]["name"] == "~3"
    finally:
        await zoo.connection.execute("DELETE FROM keepers WHERE name LIKE '~%'")


# Rules -------------------------------------------------------------------------------------------


@BOTH
async def test_a_null_ends_at_the_fragment(zoo: Zoo, form: Form) -> None:
    """A field that must be, and is refused: the fragment is null, what is around it stays."""
    document = "{ animal(id: 1) { name ... @defer { mustName } ... @defer { id } } }"
    first, *rest = await answered(zoo, document, form=form, viewer=ANONYMOUS)
    assert first["data"] == {"animal": {"name": "Ada"}}
    (error,) = told(rest)
    assert error["path"] == ["animal", "mustName"]
    assert put_together([first, *rest])["data"] == {"animal": {"name": "Ada", "id": "1"}}


async def test_who_may_not_see_a_field_gets_none_in_a_part(zoo: Zoo) -> None:
    """Permissions are asked in parts as anywhere."""
    document = "{ animal(id: 1) { ... @defer { secretName } } ... @defer { hidden(id: 1) { id } } }"
    parts = await answered(zoo, document, viewer=ANONYMOUS)
    assert put_together(parts)["data"] == {"animal": {"secretName": None}, "hidden": None}
    assert {tuple(error["path"]) for error in told(parts)} == {
        ("animal", "secretName"),
        ("hidden",),
    }
    data = put_together(await answered(zoo, document))["data"]
    assert data["hidden"] == {"id": "1"}
    assert data["animal"]["secretName"]


async def test_what_is_refused_whole_is_refused_in_parts(zoo: Zoo) -> None:
    """Wrong arguments, wherever they stand, and conditions that are null."""
    (part,) = await answered(zoo, "{ motto ... @defer { animals(first: 1000) { totalCount } } }")
    assert part["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    document = "query ($if: Boolean) { animal(id: 1) { ... @defer(if: $if) { id } } }"
    (part,) = await answered(zoo, document, {"if": None})
    assert "`$if`" in part["errors"][0]["message"]
    assert len(await answered(zoo, document, {})) == 2
    assert len(await answered(zoo, document, {"if": False})) == 1


async def test_the_cost_is_that_of_the_whole(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    """No part makes an operation cheaper: it is refused before the first is sent."""
    costs = Costs(zoo.api.catalog.schema, limit=20, list_size=10, page=5)
    monkeypatch.setattr(zoo.engine, "_costs", costs)
    lists = " ".join(
        f"... @defer {{ a{number}: animals {{ nodes {{ id }} }} }}" for number in range(5)
    )
    (part,) = await answered(zoo, f"{{ motto {lists} }}")
    assert part["errors"][0]["extensions"]["code"] == "COST_LIMIT_EXCEEDED"
    assert len(await answered(zoo, "{ motto ... @defer { animals { nodes { id } } } }")) == 2


# Fragments of several places ---------------------------------------------------------------------


@BOTH
async def test_what_is_within_a_fragment_of_several_places_comes(zoo: Zoo, form: Form) -> None:
    """A fragment that wants more of each row of a list asked for at once is whole with the last."""
    document = """{ animals(first: 3) { nodes { id } } ... @defer(label: "a") {
        animals(first: 3) { nodes { name ... @defer(label: "b") { mood }
            children { nodes @stream { id } } } } } }"""
    whole = await zoo.ask(document.replace("@stream", ""), viewer=KEEPER)
    parts = await answered(zoo, document, form=form)
    together = put_together(parts)
    assert together == {"data": whole["data"], "errors": []}
    assert sum(len(one.get("incremental", ())) for one in parts) > 4


@BOTH
async def test_what_is_within_a_fragment_that_failed_does_not_come(zoo: Zoo, form: Form) -> None:
    """One row of several is gone: the fragment failed, what it would have brought is given up."""
    await zoo.connection.execute(
        "INSERT INTO keepers (id, name) SELECT gen_random_uuid(), '~' || n FROM generate_series(1, 3) n"
    )
    keepers = 'keepers(where: {name: {like: "~%"}}, orderBy: {name: ASC})'
    document = f"""{{ {keepers} {{ nodes {{ uid }} }} ... @defer(label: "a") {{
        {keepers} {{ nodes {{ name ... @defer(label: "b") {{ shift }} }} }} }} }}"""
    try:
        for row in ("~1", "~3"):
            gone = partial(zoo.connection.execute, "DELETE FROM keepers WHERE name = $1", row)
            first, rest = await between(zoo, document, gone, form)
            (error, *within) = told(rest)
            assert error["path"] == ["keepers", "nodes", 0 if row == "~1" else 1]
            assert len(within) == (0 if form is Form.LEGACY else len(first["pending"]) - 1)
            rows = put_together([first, *rest])["data"]["keepers"]["nodes"]
            assert not any("shift" in one for one in rows)
    finally:
        await zoo.connection.execute("DELETE FROM keepers WHERE name LIKE '~%'")


@BOTH
async def test_a_fragment_within_one_that_failed_elsewhere_does_not_come(
    zoo: Zoo, form: Form
) -> None:
    """What is within is asked of the root, what failed of a row: they are one fragment's."""
    await zoo.connection.execute(
        "INSERT INTO keepers (id, name) SELECT gen_random_uuid(), '~' || n FROM generate_series(1, 2) n"
    )
    document = """{ keepers(where: {name: {like: "~%"}}, orderBy: {name: ASC}) {
        nodes { uid } ... @defer(label: "a") {
        totalCount nodes { name } ... @defer(label: "b") { pageInfo { hasNextPage } } } } }"""
    gone = partial(zoo.connection.execute, "DELETE FROM keepers WHERE name = '~1'")
    try:
        first, rest = await between(zoo, document, gone, form)
    finally:
        await zoo.connection.execute("DELETE FROM keepers WHERE name LIKE '~%'")
    assert told(rest)[0]["path"] == ["keepers", "nodes", 0]
    assert len(told(rest)) == (1 if form is Form.LEGACY else 2)
    assert "pageInfo" not in put_together([first, *rest])["data"]["keepers"]


@BOTH
@pytest.mark.parametrize("row", ["animal(id: 2)", "enclosure(id: 1)"])
async def test_each_type_of_an_interface_has_its_own(zoo: Zoo, form: Form, row: str) -> None:
    """Where several have the same keys below, only what is asked of the object's type comes."""
    node_id = (await zoo.data(f"{{ row: {row} {{ nodeId }} }}"))["row"]["nodeId"]
    document = f"""{{ node(nodeId: "{node_id}") {{
        ... on Animal {{ x: children {{ nodes {{ id ... @defer {{ name }} }} }}
            y: children {{ nodes @stream {{ mood }} }} ... @defer {{ z: mood }} }}
        ... on Enclosure {{ x: animals {{ nodes {{ id ... @defer {{ mood }} }} }}
            w: animals {{ nodes @stream(initialCount: 1) {{ name mother {{ id ... @defer {{ name }} }} }} }} }}
    }} }}"""
    whole = await zoo.data(re.sub(r"@(defer|stream(\(.*?\))?)", "", document))
    parts = await answered(zoo, document, form=form)
    assert len(parts) > 1
    assert put_together(parts) == {"data": whole, "errors": []}
    if form is Form.CURRENT:
        sent = [tuple(one["path"]) for part in parts for one in part.get("pending", ())]
        assert len(sent) == len(set(sent))


# Shape -------------------------------------------------------------------------------------------


@BOTH
async def test_one_statement_brings_a_fragment_of_all_rows(zoo: Zoo, form: Form) -> None:
    """The rows of a list by their keys together, and those of a streamed one."""
    for document in (
        "{ animals(first: 5) { nodes { id ... @defer { name mother { name } } } } }",
        "{ animals(first: 5) { edges @stream { cursor node { name mother { name } } } } }",
    ):
        before = len(zoo.postgres.ran)
        parts = await answered(zoo, document, form=form)
        assert len(zoo.postgres.ran) == before + 2
        assert len(put_together(parts)["data"]["animals"].popitem()[1]) == 5


async def test_a_fragment_within_a_fragment_comes_after_it(zoo: Zoo) -> None:
    """Each has a part of its own, in order."""
    document = """{ animal(id: 2) { id ... @defer(label: "a") { name
        mother { id ... @defer(label: "c") { name } } ... @defer(label: "b") { mood } } } }"""
    parts = await answered(zoo, document)
    labels = [one["label"] for part in parts for one in part.get("incremental", ())]
    assert labels[0] == "a"
    assert sorted(labels) == ["a", "b", "c"]


async def test_what_has_no_key_is_answered_at_once(zoo: Zoo) -> None:
    """Edges, and objects of a plain resolver."""
    for document in (
        "{ animals(first: 2) { edges { cursor ... @defer { node { id } } } } }",
        "{ report { ... @defer { title } } }",
    ):
        (part,) = await answered(zoo, document)
        assert "hasNext" not in part
        assert part["data"]


async def test_documents_are_kept_with_their_parts(zoo: Zoo) -> None:
    """The second request splits and compiles nothing."""
    document = "{ animals(first: 2) { nodes { id ... @defer { born } } } }"
    first = await answered(zoo, document)
    compiled, checked = zoo.postgres.compiled, zoo.engine.store.checked
    incremental = Incremental(zoo.engine, most=1)
    for _ in range(2):
        answers = incremental.answers(
            GraphQLRequest(document),
            KEEPER,
            allow_mutations=False,
            deadline=asyncio.get_running_loop().time() + 20,
            form=Form.LEGACY,
        )
        assert [orjson.loads(one.body) async for one in answers] == first
    assert (zoo.postgres.compiled, zoo.engine.store.checked) == (compiled, checked)
