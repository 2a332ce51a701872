"""What requests have in common is made once: equal texts, full calls, vectors made before."""

from __future__ import annotations

import asyncio
import math

import pytest
from openai_service import DIMENSIONS, MODEL, Fault, meaning, unit

from gateway.embedding.batching import BatchingEmbedder, Bounds
from gateway.embedding.cache import VectorCache
from gateway.embedding.local import LocalEmbedder
from gateway.errors import (
    InputError,
    SourceDataError,
    SourceTimeout,
    SourceUnavailable,
)


@pytest.fixture
async def batching(connect):
    """Makes batching embedders before the service, without a cache unless asked for."""
    made = []

    def make(cache_bytes=0, cache=None, http=None, **bounds):
        model = connect(**(http or {}))
        cache = cache or VectorCache(MODEL, DIMENSIONS, max_bytes=cache_bytes, seconds=60)
        made.append(BatchingEmbedder(model, cache, Bounds(**bounds)))
        return made[-1]

    yield make
    for embedder in made:
        await embedder.aclose()


async def embed(embedder, *texts, seconds=30.0):
    return await embedder.embed(texts, asyncio.get_running_loop().time() + seconds)


def is_of(vector, text):
    pairs = zip(vector, unit(meaning(text)), strict=True)
    return all(math.isclose(a, b, abs_tol=1e-6) for a, b in pairs)


async def arrived(service, count):
    """Until the service got that many requests."""
    while len(service.asked) < count:  # noqa: ASYNC110 - polls another side
        await asyncio.sleep(0.005)


async def test_equal_texts_of_a_request_are_sent_once(service, batching):
    """A text that is there three times is embedded once, and answered three times."""
    vectors = await embed(batching(), "a", "b", "a", "a")
    assert service.asked == [["a", "b"]]
    assert vectors[0] == vectors[2] == vectors[3]
    assert is_of(vectors[0], "a")
    assert is_of(vectors[1], "b")


async def test_requests_of_one_moment_are_one_call(service, batching):
    """What is asked at once travels together, equal texts once; each gets its own vectors."""
    embedder = batching()
    texts = [f"text {number % 7}" for number in range(20)]
    answers = await asyncio.gather(*(embed(embedder, text) for text in texts))
    assert service.asked == [[f"text {number}" for number in range(7)]]
    for text, (vector,) in zip(texts, answers, strict=True):
        assert is_of(vector, text)


async def test_while_all_calls_are_busy_texts_gather(service, batching):
    """With one call allowed, what arrives meanwhile is the next one call."""
    embedder = batching(calls=1)
    service.gate.clear()
    first = asyncio.ensure_future(embed(embedder, "first"))
    await arrived(service, 1)
    rest = [asyncio.ensure_future(embed(embedder, f"later {n}")) for n in range(5)]
    joined = asyncio.ensure_future(embed(embedder, "first"))
    await asyncio.sleep(0)
    service.gate.set()
    await asyncio.gather(first, joined, *rest)
    assert service.asked == [["first"], [f"later {n}" for n in range(5)]]


async def test_few_texts_go_before_many(service, batching):
    """A single text that is asked for last is in the next call, a text of the many's, too."""
    embedder = batching(calls=1, texts=20)
    service.gate.clear()
    many = [f"many {n}" for n in range(60)]
    asked = [asyncio.ensure_future(embed(embedder, *many))]
    await arrived(service, 1)
    asked += [asyncio.ensure_future(embed(embedder, one)) for one in ("single", "many 59")]
    await asyncio.sleep(0)
    service.gate.set()
    vectors = await asyncio.gather(*asked)
    assert service.asked == [many[:20], ["single", "many 59"], many[20:40], many[40:59]]
    assert vectors[0][59] == vectors[2][0]


async def test_a_spare_call_is_for_few_texts(service, batching):
    """While the many have all their calls, a single text has one of its own, and they do not."""
    embedder = batching(calls=1, spare=1, texts=20)
    service.gate.clear()
    many = asyncio.ensure_future(embed(embedder, *(f"many {n}" for n in range(60))))
    await arrived(service, 1)
    single = asyncio.ensure_future(embed(embedder, "single"))
    await arrived(service, 2)
    assert service.asked[1] == ["single"]
    service.gate.set()
    await asyncio.gather(many, single)
    assert len(service.asked) == 4


@pytest.mark.parametrize("spare", [0, 1])
async def test_many_texts_end_though_few_never_do(service, batching, spare):
    """Single texts that always wait have every other call: the many have the ones between."""
    embedder = batching(calls=1, spare=spare, texts=20)
    service.gate.clear()
    many = asyncio.ensure_future(embed(embedder, *(f"many {n}" for n in range(60))))
    await arrived(service, 1)
    service.gate.set()
    asked = 0

    async def search():
        nonlocal asked
        while not many.done() and asked < 1_000:
            asked += 1
            await embed(embedder, f"single {asked}")

    await asyncio.gather(many, *(search() for _ in range(6)))
    assert asked < 1_000
    singles = [all(text.startswith("single") for text in call) for call in service.asked]
    assert singles.count(False) == 3
    if not spare:
        assert singles[:5] == [False, True, False, True, False]


async def test_calls_have_a_size(service, batching):
    """Neither more texts nor more characters than a call may have; a long text goes alone."""
    await embed(batching(texts=3), *(f"text {n}" for n in range(8)))
    assert sorted(map(len, service.asked)) == [2, 3, 3]
    service.asked.clear()
    await embed(batching(chars=10), "a" * 30, "bbbb", "cccc", "dddd")
    assert sorted(service.asked) == [["a" * 30], ["bbbb", "cccc"], ["dddd"]]


async def test_the_budget(service, batching):
    """More texts or characters than one request may spend are refused before anything is sent."""
    embedder = batching(budget_texts=3, budget_chars=20)
    with pytest.raises(InputError, match="4 texts are too many"):
        await embed(embedder, *"abcd")
    with pytest.raises(InputError, match="more than 20 characters"):
        await embed(embedder, "a" * 15, "b" * 6)
    with pytest.raises(InputError, match="Unicode"):
        await embed(embedder, "\ud800")
    assert service.asked == []


async def test_a_text_the_model_refuses_fails_alone(service, batching):
    """Of a call with one bad text, the others get their vectors: the culprit is found."""
    embedder = batching()
    service.refused.add("poison")
    good = [embed(embedder, f"text {n}") for n in range(9)]
    answers = await asyncio.gather(*good, embed(embedder, "poison"), return_exceptions=True)
    assert isinstance(answers.pop(), SourceDataError)
    for number, (vector,) in enumerate(answers):
        assert is_of(vector, f"text {number}")
    assert len(service.asked) <= 10  # nine, and one to see whether it was the form


async def test_a_failure_is_not_remembered(service, batching):
    """All who waited learn of it, and the next one asks again."""
    embedder = batching(cache_bytes=1 << 20, http={"attempts": 1})
    service.faults.append(Fault(500))
    for failed in await asyncio.gather(
        embed(embedder, "a"), embed(embedder, "a"), return_exceptions=True
    ):
        assert isinstance(failed, SourceUnavailable)
    assert is_of((await embed(embedder, "a"))[0], "a")
    assert len(service.asked) == 2


async def test_one_who_leaves_takes_nobody_along(service, batching):
    """Of two who wait for the same text, one is cancelled and the other gets its vector."""
    embedder = batching()
    service.gate.clear()
    leaver = asyncio.ensure_future(embed(embedder, "a"))
    stayer = asyncio.ensure_future(embed(embedder, "a"))
    await arrived(service, 1)
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    service.gate.set()
    assert is_of((await stayer)[0], "a")
    assert len(service.asked) == 1


async def test_what_nobody_waits_for_is_ended(service, batching):
    """When the last one has left, the call is cancelled, and a newcomer begins anew."""
    embedder = batching(calls=1)
    service.faults.append(Fault(hang=True))
    with pytest.raises(SourceTimeout):
        await embed(embedder, "a", seconds=0.2)
    while not service.left:  # noqa: ASYNC110 - polls another side
        await asyncio.sleep(0.005)
    assert is_of((await embed(embedder, "a"))[0], "a")


async def test_what_nobody_waits_for_is_not_begun(service, batching):
    """A text whose only reader left before it was sent is never sent."""
    embedder = batching(calls=1)
    service.gate.clear()
    first = asyncio.ensure_future(embed(embedder, "first"))
    await arrived(service, 1)
    with pytest.raises(SourceTimeout):
        await embed(embedder, "never", seconds=0.05)
    service.gate.set()
    await first
    await embed(embedder, "second")
    assert service.asked == [["first"], ["second"]]


async def test_one_who_came_later_has_more_time(service, batching):
    """A call that ended with the time of those who began it is made again for who joined it."""
    embedder = batching(calls=1)
    service.faults.append(Fault(hang=True))
    hasty = asyncio.ensure_future(embed(embedder, "a", "b", seconds=0.3))
    await arrived(service, 1)
    patient = asyncio.ensure_future(embed(embedder, "a", seconds=30))
    with pytest.raises(SourceTimeout):
        await hasty
    assert is_of((await patient)[0], "a")


async def test_closing_ends_what_is_under_way(service, batching):
    """Whoever waits is told so; afterwards nothing is begun."""
    embedder = batching()
    service.faults.append(Fault(hang=True))
    waiting = asyncio.ensure_future(embed(embedder, "a"))
    await arrived(service, 1)
    await embedder.aclose()
    with pytest.raises(SourceUnavailable):
        await waiting
    with pytest.raises(SourceUnavailable):
        await embed(embedder, "b")


async def test_vectors_made_before(service, batching):
    """A text is embedded once for as long as its vector is kept, to the same numbers."""
    embedder = batching(cache_bytes=1 << 20)
    (first,) = await embed(embedder, "a")
    again, other = await embed(embedder, "a", "b")
    assert again == first
    assert is_of(other, "b")
    assert service.asked == [["a"], ["b"]]


async def test_the_local_model_behind_it():
    """The local model keeps its promises: blank texts are zeros, meanings are near."""
    cache = VectorCache("local", 256, max_bytes=1 << 20, seconds=60)
    embedder = BatchingEmbedder(LocalEmbedder(), cache)
    blank, one, same = await embed(embedder, "", "steal passwords", "steal passwords")
    assert list(blank) == [0.0] * 256
    assert one == same
    assert math.isclose(math.hypot(*one), 1, abs_tol=1e-5)
    (again,) = await embed(embedder, "steal passwords")
    assert again == pytest.approx(one)
    await embedder.aclose()
