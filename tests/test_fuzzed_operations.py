"""Whatever valid document arrives: it is answered or refused with a code, never with a fault of ours.

The arguments are what a fuzzer makes up, mostly nonsense; `test_two_ways.py` asks sensible ones.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from graphql import FloatValueNode, ObjectValueNode, StringValueNode
from hypothesis import given, note
from hypothesis import strategies as st
from hypothesis_graphql import queries
from toy.domain import domain
from toy.profiles import examples
from toy.running import WIDE, Zoo, running

from gateway.errors import Code
from gateway.schema.build import build

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import FreshDatabase

SDL = str(build(domain).schema)


def _texts(values: st.SearchStrategy[object]) -> st.SearchStrategy[StringValueNode]:
    return values.map(lambda value: StringValueNode(value=str(value)))


SCALARS: dict[str, st.SearchStrategy[object]] = {
    "BigInt": _texts(st.integers()),
    "Bytes": _texts(st.sampled_from(["", "YQ==", "YWI=", "!"])),
    "Date": _texts(st.dates()),
    "DateTime": _texts(st.datetimes().map(lambda moment: moment.isoformat())),
    "Decimal": _texts(st.decimals(allow_nan=False, allow_infinity=False)),
    "Duration": _texts(st.sampled_from(["PT0S", "P1DT2H", "-P1W", "P1M", "P-1DT-0.5S", "1 day"])),
    "JSON": st.just(ObjectValueNode(fields=())) | st.just(FloatValueNode(value="1.5")),
    "Time": _texts(st.times()),
    "UUID": _texts(st.uuids()),
}
MEANT = {"crash", "wrong", "broken", "greedy", "fragile", "visits"}
"""Fields of the zoo that fail on purpose."""


@pytest.fixture(scope="module")
async def zoo(module_database: FreshDatabase, redis_url: str) -> AsyncIterator[Zoo]:
    async with running(module_database, redis_url, document_limits=WIDE) as one:
        yield one


@given(queries(SDL, custom_scalars=SCALARS))
@examples(60)
async def test_every_valid_document_has_an_answer(zoo: Zoo, document: str) -> None:
    """Refused as a whole for its arguments, or answered; in either case what failed is told."""
    note(document)
    answer = await zoo.answer(document)
    body = json.loads(answer.body)
    note(json.dumps(body)[:2000])
    if not answer.executed:
        assert answer.code in {Code.BAD_USER_INPUT, Code.DOCUMENT_LIMIT_EXCEEDED}
        return
    unexpected = [
        error
        for error in body.get("errors", ())
        if error["extensions"]["code"] != "FORBIDDEN"
        and not MEANT & {error["path"][-1], *_names(document, error["path"][-1])}
    ]
    assert unexpected == []


def _names(document: str, key: str | int) -> set[str]:
    """The fields that stand behind a response key, if it is an alias."""
    words = document.replace(":", " : ").split()
    return {
        words[place + 2]
        for place in range(len(words) - 2)
        if words[place : place + 2] == [key, ":"]
    }
