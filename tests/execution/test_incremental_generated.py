"""In parts or whole, one answer: generated operations with `@defer` and `@stream` anywhere."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from graphql import (
    GraphQLList,
    InlineFragmentNode,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_nullable_type,
    parse,
    print_ast,
    visit,
)
from hypothesis import assume, event, given, note
from hypothesis import strategies as st
from reference import PlainApi
from toy.clients import put_together
from toy.domain import domain
from toy.profiles import examples
from toy.questions import Question, questions
from toy.rows import ROWS, VISITS
from toy.running import KEEPER, LIMITS, WIDE, Zoo, running
from toy.store import Store

from gateway.errors import Code
from gateway.execution.exchange import GraphQLRequest
from gateway.execution.incremental.delivery import Incremental
from gateway.execution.incremental.formats import Form
from gateway.viewer import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase

DRAWN = PlainApi(domain, VISITS, LIMITS.default)
DRAWN.store = Store(DRAWN.catalog, ROWS)
VIEWERS = {"anonymous": ANONYMOUS, "keeper": KEEPER}


class Directing(Visitor):
    """Puts some selections into deferred fragments, and streams some lists."""

    def __init__(self, draw: st.DrawFn, types: TypeInfo) -> None:
        super().__init__()
        self.draw = draw
        self.types = types
        self.labels = 0

    def _directive(self, name: str, more: str = "") -> Any:
        self.labels += 1
        text = f'{{ a @{name}(label: "{self.labels}"{more}) }}'
        (operation,) = parse(text).definitions
        return operation.selection_set.selections[0].directives[0]  # type: ignore[attr-defined]

    def leave_field(self, node: Any, *_: Any) -> Any:
        """Stream a list; one that is written twice differs then, which validation refuses."""
        if not isinstance(get_nullable_type(self.types.get_type()), GraphQLList):
            return None
        if not self.draw(st.booleans()):
            return None
        count = self.draw(st.integers(0, 3))
        stream = self._directive("stream", f", initialCount: {count}")
        return replace(node, directives=(*(node.directives or ()), stream))

    def leave_selection_set(self, node: Any, *_: Any) -> Any:
        """Defer some of the selections, together."""
        chosen = [self.draw(st.integers(0, 3)) == 0 for _ in node.selections]
        later = [one for one, away in zip(node.selections, chosen, strict=True) if away]
        if not later:
            return None
        at_once = [one for one, away in zip(node.selections, chosen, strict=True) if not away]
        fragment = InlineFragmentNode(
            directives=(self._directive("defer"),),
            selection_set=SelectionSetNode(selections=tuple(later)),
        )
        return SelectionSetNode(selections=(*at_once, fragment))


@st.composite
def in_parts(draw: st.DrawFn) -> tuple[Question, str]:
    """A question, and its document with directives."""
    question = draw(questions(DRAWN))
    document = parse(question.document)
    types = TypeInfo(DRAWN.catalog.schema)
    directed = visit(document, TypeInfoVisitor(types, Directing(draw, types)))
    return question, print_ast(directed)


@pytest.fixture(scope="module")
async def zoo(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    async with running(module_database, redis_url, document_limits=WIDE) as one:
        yield one


@given(in_parts(), st.sampled_from(Form), st.sampled_from(sorted(VIEWERS)))
@examples(60)
async def test_parts_together_are_the_whole(
    zoo: Zoo, asked: tuple[Question, str], form: Form, viewer: str
) -> None:
    """Whatever is deferred or streamed, in both formats; nothing is sent twice in the newer one.

    Where something is wrong, a null ends at the fragment, so that only errors are compared there.
    """
    question, document = asked
    note(document)
    note(json.dumps(question.variables))
    whole = await zoo.ask(question.document, question.variables, viewer=VIEWERS[viewer])
    parts = await ask_in_parts(zoo, document, question.variables, form, viewer)
    if "data" not in parts[0]:
        codes = {error["extensions"]["code"] for error in parts[0]["errors"]}
        assume(codes != {Code.GRAPHQL_VALIDATION_FAILED})
    note(json.dumps(parts))
    event("in parts" if len(parts) > 1 else "whole")
    event(str(sorted(whole) + sorted(parts[0])))
    together = put_together(parts)
    if "errors" in whole:
        assert together["errors"]
    else:
        assert together["errors"] == []
        assert together["data"] == whole["data"]


async def ask_in_parts(
    zoo: Zoo, document: str, variables: dict[str, Any] | None, form: Form, viewer: str
) -> list[dict[str, Any]]:
    """All parts of an answer, decoded."""
    incremental = Incremental(zoo.engine, most=10)
    answers = incremental.answers(
        GraphQLRequest(document, None, variables),
        VIEWERS[viewer],
        allow_mutations=False,
        deadline=asyncio.get_running_loop().time() + 20,
        form=form,
    )
    parts = [orjson.loads(answer.body) async for answer in answers]
    assert incremental.figures()["open"] == 0
    return parts
