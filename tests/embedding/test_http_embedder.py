"""The embedder over HTTP: the protocol, its faults, retries within the deadline, bounds."""

from __future__ import annotations

import asyncio
import base64
import gzip
import math
from array import array
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from openai_service import DIMENSIONS, KEY, MODEL, Fault, answer_of, meaning, unit

from gateway.embedding.retrying import LONGEST_HOLD, retry_after
from gateway.errors import (
    Code,
    InputError,
    PlaitError,
    SourceDataError,
    SourceOverloaded,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)


async def embed(embedder, *texts, seconds=30.0):
    return await embedder.embed(texts, asyncio.get_running_loop().time() + seconds)


def near(vectors, *texts, dimensions=DIMENSIONS):
    """Whether these are the vectors of these texts."""
    wanted = [unit(meaning(text, dimensions)) for text in texts]
    return all(
        math.isclose(a, b, abs_tol=1e-6)
        for one, other in zip(vectors, wanted, strict=True)
        for a, b in zip(one, other, strict=True)
    )


async def test_what_is_sent(service, connect):
    """One POST to /embeddings with model, texts and key; no `dimensions` unless it may shorten."""
    await embed(connect(), "a", "b")
    ((path, headers, body),) = service.bodies
    assert path == "/v1/embeddings"
    assert headers[b"authorization"] == f"Bearer {KEY}".encode()
    assert body == {"model": MODEL, "input": ["a", "b"], "encoding_format": "base64"}


async def test_a_service_that_gives_numbers_all_the_same(service, connect):
    """Whatever form was asked for, both are read."""
    service.faults.append(Fault(body=answer_of(meaning("a"))))
    assert near(await embed(connect(), "a"), "a")


async def test_a_service_that_refuses_base64(service, connect):
    """It is asked for numbers, at once and from then on; what it answered never looks like that."""
    service.forms = {"float"}
    embedder = connect()
    for _ in range(2):
        assert near(await embed(embedder, "a"), "a")
    forms = [body["encoding_format"] for _, _, body in service.bodies]
    assert forms == ["base64", "float", "float"]
    other = connect()
    service.forms = {"base64"}
    assert near(await embed(other, "a"), "a")
    service.refused = {"b"}
    with pytest.raises(SourceDataError):
        await embed(other, "b")
    assert len(service.bodies) == 5


async def test_vectors_in_the_order_of_the_texts(connect):
    """The answer's `index` decides, not the order of the answer; every vector has length 1."""
    texts = [f"text {number}" for number in range(20)]
    assert near(await embed(connect(), *texts), *texts)


async def test_a_model_that_shortens(service, connect):
    """With `shorten` the number of dimensions is asked for."""
    embedder = connect(shorten=True, dimensions=3)
    assert near(await embed(embedder, "a"), "a", dimensions=3)
    assert service.bodies[0][2]["dimensions"] == 3


async def test_blank_texts_are_not_sent(service, connect):
    """A blank text gets zeros, in its place."""
    empty, told, blank = await embed(connect(), "", "told", " \n")
    assert empty == blank == array("f", [0.0] * DIMENSIONS)
    assert near([told], "told")
    assert service.asked == [["told"]]
    assert await embed(connect()) == []


@pytest.mark.parametrize("text", ["a" * 101, "\ud800"])
async def test_texts_it_cannot_take(service, connect, text):
    """Too long, or half a character: refused before anything is sent."""
    with pytest.raises(InputError, match="text"):
        await embed(connect(max_text_chars=100), "fine", text)
    assert service.asked == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "cannot be read"),
        (b"[1, 2", "cannot be read"),
        (b'{"data": [{"index": 0, "embedding": [1, NaN]}]}', "cannot be read"),
        (b'{"data": [{"index": 0, "embedding": null}]}', "cannot be read"),
        (b'{"data": [{"index": 0, "embedding": "A"}]}', "cannot be read"),
        (b'{"data": [{"index": 0, "embedding": "AAAA"}]}', "0.75 dimensions, not 8"),
        (answer_of(base64.b64encode(b"\0\0\xc0\x7f" * 8).decode()), "not finite"),
        (b'{"error": "no"}', "cannot be read"),
        (b"[" * 60_000, "cannot be read"),
        (b'{"data": []}', "0 vectors for 1 texts"),
        (answer_of([1.0] * DIMENSIONS, [1.0] * DIMENSIONS), "2 vectors for 1 texts"),
        (answer_of([1.0] * 7), "7 dimensions, not 8"),
        (answer_of([1.0] * 9), "9 dimensions, not 8"),
        (answer_of([1e308] * DIMENSIONS), "not finite"),
        (answer_of([1.0] * DIMENSIONS, indices=[1]), "numbers its vectors wrongly"),
        (answer_of([1.0] * DIMENSIONS, indices=[-1]), "numbers its vectors wrongly"),
    ],
)
async def test_answers_that_are_none(service, connect, body, words):
    """Whatever a 200 holds that is not the vectors asked for is a typed error, asked once."""
    service.faults.append(Fault(body=body))
    with pytest.raises(SourceRefused, match=words) as raised:
        await embed(connect(), "a")
    assert raised.value.code is Code.SOURCE_ERROR
    assert len(service.asked) == 1


async def test_an_index_given_twice(service, connect):
    """Two vectors for one text and none for the other are no answer."""
    vectors = [[1.0] * DIMENSIONS] * 2
    service.faults.append(Fault(body=answer_of(*vectors, indices=[0, 0])))
    with pytest.raises(SourceRefused, match="wrongly"):
        await embed(connect(), "a", "b")


async def test_an_answer_without_end(service, connect):
    """No more is read than an honest answer could hold."""
    service.faults.append(Fault(body=b" " * 1_000_000))
    with pytest.raises(SourceRefused, match="exceeds"):
        await embed(connect(), "a")


async def test_an_answer_that_is_compressed(service, connect):
    """A compressed body, which nobody asked for, is not unpacked."""
    bomb = gzip.compress(b" " * 100_000)
    service.faults.append(Fault(headers=[(b"content-encoding", b"gzip")], body=bomb))
    with pytest.raises(SourceRefused, match="compresses"):
        await embed(connect(), "a")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_what_may_pass_is_tried_again(service, connect, naps, status):
    """Two failures, then an answer: three requests, two growing pauses."""
    service.faults += [Fault(status), Fault(status)]
    assert near(await embed(connect(), "a"), "a")
    assert len(service.asked) == 3
    assert naps.taken == [0.2, 0.4]


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (429, SourceOverloaded, Code.SOURCE_OVERLOADED),
        (500, SourceUnavailable, Code.SOURCE_UNAVAILABLE),
        (503, SourceUnavailable, Code.SOURCE_UNAVAILABLE),
    ],
)
async def test_what_does_not_pass(service, connect, status, kind, code):
    """After the last attempt its failure is told, by kind."""
    service.faults += [Fault(status, body=b"secret detail")] * 3
    with pytest.raises(kind, match=str(status)) as raised:
        await embed(connect(), "a")
    assert raised.value.code is code
    assert "secret" not in str(raised.value)
    assert len(service.asked) == 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, SourceDataError), (413, SourceDataError), (404, SourceRefused), (302, SourceRefused)],
)
async def test_what_will_not_pass_is_not_tried_again(service, connect, status, kind):
    """A refusal is final, and a redirect is not followed."""
    embedder = connect()
    await embed(embedder, "told")
    service.faults.append(Fault(status, headers=[(b"location", b"http://127.0.0.1:1/")]))
    with pytest.raises(kind, match=str(status)):
        await embed(embedder, "a")
    assert len(service.asked) == 2


async def test_a_wrong_key(service, connect):
    """The setting is named, the key is not."""
    with pytest.raises(SourceRefused, match=r"embedding\.api_key") as raised:
        await embed(connect(api_key="a-wrong-key"), "a")
    assert raised.value.code is Code.CONFIGURATION
    assert "a-wrong-key" not in str(raised.value)
    assert len(service.asked) == 1


async def test_retry_after_is_honoured(service, connect, naps):
    """The pause is what the service asked for, and a little more, so that not all come at once."""
    service.faults.append(Fault(429, headers=[(b"retry-after", b"7")]))
    assert near(await embed(connect(), "a"), "a")
    (pause,) = naps.taken
    assert 6.5 < pause <= 7.2


async def test_retry_after_holds_for_all(service, connect, naps):
    """Another call, begun while the service wants to be left alone, waits as well."""
    embedder = connect()
    service.faults.append(Fault(503, headers=[(b"retry-after", b"9")]))
    await embed(embedder, "a")
    await embed(embedder, "b")
    assert len(naps.taken) == 2
    assert all(8 < pause < 10 for pause in naps.taken)


async def test_retry_after_beyond_the_deadline(service, connect, naps):
    """A pause that the deadline would cut is not begun; nor is a call that would need it."""
    embedder = connect()
    service.faults.append(Fault(429, headers=[(b"retry-after", b"20")]))
    with pytest.raises(SourceOverloaded):
        await embed(embedder, "a", seconds=5.0)
    with pytest.raises(SourceOverloaded, match="asked not to be called"):
        await embed(embedder, "b", seconds=5.0)
    assert naps.taken == []
    assert len(service.asked) == 1


def test_retry_after_in_its_two_forms():
    """Seconds, or a date; nonsense is nothing, and a year is a minute."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert retry_after("5") == 5.0
    assert 25 < retry_after(soon) <= 30
    assert retry_after("Mon, 01 Jan 2001 00:00:00 GMT") == 0.0
    assert retry_after("31536000") == LONGEST_HOLD
    assert retry_after("soon") is None
    assert retry_after("-1") is None
    assert retry_after(None) is None


async def test_a_cut_answer(service, connect):
    """A connection lost in mid-answer is tried again."""
    service.faults.append(Fault(cut=True))
    assert near(await embed(connect(), "a"), "a")
    assert len(service.asked) == 2


async def test_nobody_listens(connect, unused_port):
    """A service that is not there is unavailable."""
    embedder = connect(base_url=f"http://127.0.0.1:{unused_port}")
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        await embed(embedder, "a")


async def test_a_slow_attempt_is_given_up(service, connect):
    """An attempt ends at its own timeout, and the next one may answer."""
    service.faults.append(Fault(hang=True))
    assert near(await embed(connect(timeout_seconds=0.2), "a"), "a")


async def test_never_beyond_the_deadline(service, connect):
    """A service that hangs costs the deadline, whatever attempts are left."""
    service.faults += [Fault(hang=True)] * 5
    clock = asyncio.get_running_loop().time
    started = clock()
    with pytest.raises(SourceTimeout):
        await embed(connect(attempts=5), "a", seconds=0.3)
    assert clock() - started < 5


async def test_a_burst_of_timeouts_leaves_the_client_usable(service, connect):
    """Calls that were cut, in whatever state, give their connections back."""
    embedder = connect(concurrency=3, attempts=1)
    service.faults += [Fault(hang=True)] * 30
    waits = [embed(embedder, f"late {number}", seconds=0.02 * number) for number in range(30)]
    for failed in await asyncio.gather(*waits, return_exceptions=True):
        assert isinstance(failed, PlaitError)
    service.faults.clear()
    vectors = await asyncio.gather(*(embed(embedder, f"text {number}") for number in range(12)))
    for number, (vector,) in enumerate(vectors):
        assert near([vector], f"text {number}")


async def test_a_cancelled_call_ends_at_the_service(service, connect):
    """Nobody pays for an answer that nobody waits for."""
    service.faults.append(Fault(hang=True))
    task = asyncio.ensure_future(embed(connect(), "a"))
    while not service.asked:  # noqa: ASYNC110 - polls another side
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while not service.left:  # noqa: ASYNC110 - polls another side
        await asyncio.sleep(0.005)


async def test_the_bound_of_concurrency(service, connect):
    """No more requests are under way at once than allowed."""
    embedder = connect(concurrency=2)
    await asyncio.gather(*(embed(embedder, f"text {number}") for number in range(10)))
    assert service.most_under_way <= 2
    assert len(service.asked) == 10


async def test_nothing_secret_in_words(connect):
    """Neither address nor key is in what Python prints."""
    embedder = connect()
    assert KEY not in repr(embedder._embedding)
    assert "127.0.0.1" not in repr(embedder._embedding)
