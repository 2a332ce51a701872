"""A body is as dear as what it holds: beyond so many objects and lists it is not even decoded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from toy_engine import ToyEngine
from toy_site import JSON, client_of, site_of

from gateway.errors import Code, RequestError
from gateway.transport.limits import HttpLimits
from gateway.transport.request import decode_body

LIMITS = HttpLimits(max_body_bytes=32_000)
MOST = 2_000
ECHO = "query ($t: String) { echo(text: $t) }"


def body(variables: Any, query: str = "{ echo }") -> bytes:
    """A request, written as tightly as can be."""
    return json.dumps({"query": query, "variables": variables}, separators=(",", ":")).encode()


def test_the_bound_follows_that_of_the_body() -> None:
    """Who lets bodies be larger lets them hold more; a small one has room for its document."""
    assert LIMITS.max_brackets == MOST
    assert HttpLimits().max_brackets == 65_536
    assert HttpLimits(max_body_bytes=1_024).max_brackets == 1_000


@pytest.mark.parametrize("value", [[], {}])
async def test_more_objects_and_lists_than_the_bound_are_refused(value: Any) -> None:
    """By an error that says how many there were and may be; as many as it are answered."""
    engine = ToyEngine()
    # Beside these there are the request, its variables, the list, and a brace of the document.
    some = body({"v": [value] * (MOST - 4)})
    more = body({"v": [value] * (MOST - 3)})
    async with client_of(site_of(engine, LIMITS)) as client:
        answered = await client.post("/graphql", content=some, headers=JSON)
        refused = await client.post("/graphql", content=more, headers=JSON)
    assert answered.json() == {"data": {"echo": None}}
    assert refused.status_code == 400
    error = refused.json()["errors"][0]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert f"has {MOST + 1} opening brackets" in error["message"]
    assert f"more than the {MOST} " in error["message"]
    assert len(engine.requests) == 1


async def test_brackets_of_texts_count_too() -> None:
    """To tell them apart would cost as much as to decode them."""
    engine = ToyEngine()
    async with client_of(site_of(engine, LIMITS)) as client:
        for text, status in (("[" * (MOST - 4), 200), ("{" * MOST, 400), ("]" * 9_000, 200)):
            sent = body({"t": text}, ECHO)
            answer = await client.post("/graphql", content=sent, headers=JSON)
            assert answer.status_code == status
    assert len(engine.requests) == 2


@pytest.mark.parametrize("opening", [b"[", b"{", b"[{{"])
def test_what_is_refused_so_is_not_decoded(opening: bytes) -> None:
    """It need not even be JSON; batches and forms are read by the same function."""
    with pytest.raises(RequestError, match="`operations` has 2001 opening brackets") as refused:
        decode_body((opening * 2_001)[: MOST + 1], LIMITS, "`operations`")
    assert refused.value.code is Code.BAD_REQUEST


def test_many_plain_values_are_read() -> None:
    """Numbers and texts are as dear as their bytes, which have a bound of their own."""
    read = decode_body(body({"v": [1] * 14_000}), LIMITS)
    assert not isinstance(read, list)
    assert read.variables == {"v": [1] * 14_000}
