"""The local model: offline, unit length, in order, bounded."""

from __future__ import annotations

import asyncio
import math
import socket

import pytest

from gateway.embedding.contract import check_text
from gateway.embedding.local import LocalEmbedder
from gateway.errors import InputError, SourceTimeout


@pytest.fixture(scope="module")
def embedder():
    subject = LocalEmbedder()
    yield subject
    subject.close()


async def embed(embedder, *texts, seconds=60.0):
    return await embedder.embed(texts, asyncio.get_running_loop().time() + seconds)


def closeness(first, second):
    return sum(a * b for a, b in zip(first, second, strict=True))


async def test_unit_vectors_of_the_declared_size(embedder):
    """Every vector has the declared dimensions and length 1."""
    for vector in await embed(embedder, "steal passwords", "x", "a" * embedder.max_chars):
        assert len(vector) == embedder.dimensions == 256
        assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-5)


async def test_order_and_chunks(embedder):
    """More texts than a chunk: each vector is that of its text, whatever stands around it."""
    texts = [f"text number {number}" for number in range(600)]
    vectors = await embed(embedder, *texts)
    assert len(vectors) == 600
    for index in (0, 255, 256, 599):
        (alone,) = await embed(embedder, texts[index])
        assert vectors[index] == pytest.approx(alone, abs=1e-5)


async def test_meaning(embedder):
    """Texts that mean the same lie closer than texts that do not."""
    query, right, wrong = await embed(
        embedder,
        "steal passwords saved in a browser",
        "Adversaries may acquire credentials from web browsers",
        "The weather in the mountains was sunny",
    )
    assert closeness(query, right) > closeness(query, wrong) + 0.2


async def test_no_texts_and_texts_that_say_nothing(embedder):
    """Nothing gives nothing; a blank text gives zeros, never NaN."""
    assert await embed(embedder) == []
    assert await embed(embedder, "") == [[0.0] * 256]


@pytest.mark.parametrize("text", ["a" * 8_193, "\ud800"])
async def test_texts_it_cannot_take(embedder, text):
    """Too long, or half a character: refused before the model is asked."""
    with pytest.raises(InputError, match="text"):
        await embed(embedder, "fine", text)


async def test_the_deadline(embedder):
    """No time left is a timeout; the embedder serves the next call."""
    with pytest.raises(SourceTimeout):
        await embed(embedder, "late", seconds=-1.0)
    assert len(await embed(embedder, "in time")) == 1


async def test_loads_without_a_network(monkeypatch):
    """Its first use opens no connection."""

    def refuse(*_arguments, **_options):
        pytest.fail("the model went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    fresh = LocalEmbedder()
    assert len(await embed(fresh, "offline")) == 1
    fresh.close()
    fresh.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "empty"), (" \n", "empty"), ("abcd", "at most 3"), ("\udfff", "Unicode")],
)
def test_check_text_names_what_is_wrong(text, words):
    """The argument's name and the reason are in the message."""
    with pytest.raises(InputError, match=words) as raised:
        check_text(text, 3, "query")
    assert raised.value.message.startswith("query")
