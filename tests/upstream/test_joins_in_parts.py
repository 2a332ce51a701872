"""Answers in parts where a row of ours leads to an object of an upstream, or to none."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from toy.clients import put_together
from upstream import joined, people

from gateway.execution.exchange import GraphQLRequest
from gateway.execution.incremental import delivery
from gateway.execution.incremental.formats import Form
from gateway.execution.incremental.parts import Parts
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from upstream.joined import Joined

BOTH = pytest.mark.parametrize("form", list(Form))


@pytest.fixture(scope="module")
async def gateway(database: str) -> AsyncIterator[Joined]:
    async with (
        people.running() as service,
        joined.running(service, joined.joined(), database) as one,
    ):
        yield one


async def in_parts(gateway: Joined, document: str, form: Form) -> list[dict[str, Any]]:
    """All parts of an answer, decoded."""
    answers = delivery.Incremental(gateway.engine, most=10).answers(
        GraphQLRequest(document),
        ANONYMOUS,
        allow_mutations=False,
        deadline=asyncio.get_running_loop().time() + 20,
        form=form,
    )
    async with aclosing(answers):
        return [orjson.loads(answer.body) async for answer in answers]


@BOTH
@pytest.mark.parametrize(
    ("document", "whole"),
    [
        (
            "{ animals(first: 20) { nodes { id friend { id ... @defer { pet { name } } } } } }",
            "{ animals(first: 20) { nodes { id friend { id pet { name } } } } }",
        ),
        (
            "{ animals(first: 20) { nodes { friend { herd(first: 2) { ... @defer { totalCount } } } } } }",
            "{ animals(first: 20) { nodes { friend { herd(first: 2) { totalCount } } } } }",
        ),
        (
            "{ ... @defer { animals(first: 20) { nodes { friend { name ... @defer { born } } } } } }",
            "{ animals(first: 20) { nodes { friend { name born } } } }",
        ),
        (
            "{ person(id: 99) { name ... @defer { born } } hello }",
            "{ person(id: 99) { name born } hello }",
        ),
        (
            "{ animals(first: 20) { nodes @stream(initialCount: 7) { id friend { herd { ... @defer { totalCount } } } } } }",
            "{ animals(first: 20) { nodes { id friend { herd { totalCount } } } } }",
        ),
    ],
    ids=["an object", "a list of theirs", "within a fragment", "at the root", "a streamed list"],
)
async def test_of_a_null_nothing_is_deferred(
    gateway: Joined, document: str, whole: str, form: Form
) -> None:
    """A fragment on an object that is not there is none: no error, nothing announced or lost."""
    parts = await in_parts(gateway, document, form)
    expected = await gateway.ask(whole)
    assert put_together(parts) == {"data": expected["data"], "errors": []}
    assert "errors" not in expected


@BOTH
async def test_a_fault_of_ours_is_told(
    gateway: Joined, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was still to come is told as failed, with the code and id of a masked error."""

    class Faulty(Parts):
        async def _bring(self, *_: Any) -> Any:
            raise RuntimeError("a bug")

    monkeypatch.setattr(delivery, "Parts", Faulty)
    document = (
        "{ animal(id: 1) { id ... @defer { name } } animals { nodes { ... @defer { id } } } }"
    )
    parts = await in_parts(gateway, document, form)
    answer = put_together(parts)
    assert answer["data"]["animal"] == {"id": "1"}
    assert [error["path"] for error in answer["errors"]][:2] == [
        ["animal"],
        ["animals", "nodes", 0],
    ]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"INTERNAL_SERVER_ERROR"}
    assert len({error["extensions"]["errorId"] for error in answer["errors"]}) == 1
