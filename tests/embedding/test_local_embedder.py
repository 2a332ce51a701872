"""The local model: offline, unit length, in order, bounded."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.embedding import local_model, local_process
from gateway.embedding.contract import check_text
from gateway.embedding.local import LocalEmbedder
from gateway.embedding.local_model import ANSWER, FAILED, REQUEST, VECTORS
from gateway.embedding.local_process import PROGRAM
from gateway.errors import InputError, SourceTimeout, SourceUnavailable


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
    assert [list(one) for one in await embed(embedder, "")] == [[0.0] * 256]


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


async def test_a_process_that_ends(embedder):
    """Who waits when the process is killed gets a typed error; the next call starts another one."""
    await embed(embedder, "first")
    before = embedder.pid
    os.kill(before, signal.SIGSTOP)
    waiting = asyncio.ensure_future(embed(embedder, "second"))
    await asyncio.sleep(0)
    os.kill(before, signal.SIGKILL)
    with pytest.raises(SourceUnavailable, match="process ended"):
        await waiting
    assert len(await embed(embedder, "third")) == 1
    assert embedder.pid not in {before, None}


async def test_a_process_that_hangs(embedder, monkeypatch):
    """Each call keeps its deadline; a process that is silent for too long makes room for another."""
    await embed(embedder, "first")
    before = embedder.pid
    os.kill(before, signal.SIGSTOP)
    with pytest.raises(SourceTimeout):
        await embed(embedder, "slow", seconds=0.05)
    assert embedder.pid == before
    monkeypatch.setattr(local_process, "SILENCE", 0.0)
    with pytest.raises(SourceTimeout):
        await embed(embedder, "silent", seconds=0.05)
    assert embedder.pid is None
    assert len(await embed(embedder, "well again", seconds=30.0)) == 1


async def test_answers_find_their_own_request(embedder):
    """Many calls at once, some of which leave early: each of the others gets its own vectors."""
    expected = {f"word {n}": (await embed(embedder, f"word {n}"))[0] for n in range(40)}
    calls = {text: asyncio.ensure_future(embed(embedder, text)) for text in expected}
    await asyncio.sleep(0)
    for text in [*expected][::3]:
        calls.pop(text).cancel()
    for text, call in calls.items():
        assert (await call)[0] == pytest.approx(expected[text], abs=1e-6)


def test_another_event_loop(embedder):
    """An event loop that has ended takes no process with it: the next one asks the same."""
    asyncio.run(embed(embedder, "first"))
    before = embedder.pid
    asyncio.run(embed(embedder, "second"))
    assert embedder.pid == before


def test_the_gateway_loads_no_model(embedder):
    """The package of the model, and its memory, are the other process's alone."""
    asyncio.run(embed(embedder, "text"))
    assert "tokenizers" not in sys.modules
    assert "tokenizers" in Path(f"/proc/{embedder.pid}/maps").read_text()


def test_it_dies_with_its_owner():
    """An owner that is killed leaves no process behind."""
    program = (
        "import asyncio, time; from gateway.embedding.local import LocalEmbedder;"
        "one = LocalEmbedder(); asyncio.run(one.embed(['text'], 1e12));"
        "print(one.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as owner:
        child = int(owner.stdout.readline())
        owner.kill()
    give_up = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and _state(child) != "Z":
        assert time.monotonic() < give_up, "the model's process outlives its owner"
        time.sleep(0.01)


def test_loads_without_a_network():
    """Its start and its first answer open no connection."""
    ours, theirs = socket.socketpair()
    slow, their_slow = socket.socketpair()
    guarded = (
        "import runpy, sys\n"
        "def refuse(event, arguments):\n"
        "    if event in {'socket.connect', 'socket.getaddrinfo'}: sys.exit('to the network')\n"
        "sys.addaudithook(refuse)\n"
        "program = sys.argv.pop(1)\n"
        "runpy.run_path(program, run_name='__main__')\n"
    )
    descriptors = theirs.fileno(), their_slow.fileno()
    command = [sys.executable, "-P", "-c", guarded, str(PROGRAM), *map(str, descriptors)]
    with ours, slow, subprocess.Popen(command, pass_fds=descriptors) as process:
        theirs.close()
        their_slow.close()
        ours.settimeout(60)
        ours.sendall(REQUEST.pack(11) + b'["offline"]')
        assert ANSWER.unpack(ours.recv(ANSWER.size, socket.MSG_WAITALL)) == (VECTORS, 1024)
        ours.shutdown(socket.SHUT_WR)
        assert process.wait(10) == 0


def test_a_request_that_the_model_fails_at():
    """What is no list of texts is answered with the name of the error, and the next one served."""
    answers = _served([b"{]", b'["fine"]'], [], lambda texts: b"v" * len(texts))
    failed = ANSWER.pack(FAILED, 15) + b"JSONDecodeError"
    assert answers == (failed + ANSWER.pack(VECTORS, 1) + b"v", b"")


def test_a_single_text_goes_between_the_pieces_of_many():
    """What is asked on the quick channel is answered after the piece that is being worked on."""
    worked = []
    quick, their_quick = socket.socketpair()
    slow, their_slow = socket.socketpair()

    def embed(texts):
        worked.append(len(texts))
        if len(worked) == 2:
            quick.sendall(_request(b'["single"]'))
        if len(worked) == 4:
            quick.shutdown(socket.SHUT_WR)
        return b"v" * len(texts)

    with quick, their_quick, slow, their_slow:
        slow.sendall(_request(json.dumps(["one of many"] * 200).encode()))
        local_model.serve(their_quick, their_slow, embed)
        assert quick.recv(100) == ANSWER.pack(VECTORS, 1) + b"v"
    assert worked == [64, 64, 1, 64]


def test_many_texts_end_though_single_ones_never_do():
    """Where another single text is asked for with each answer, the many get on between them."""
    worked = []
    quick, their_quick = socket.socketpair()
    slow, their_slow = socket.socketpair()

    def embed(texts):
        worked.append(len(texts))
        if worked.count(64) == 3 or len(worked) == 1_000:
            quick.shutdown(socket.SHUT_WR)
        elif len(texts) == 1:
            quick.sendall(_request(b'["single"]'))
        return b"v" * len(texts)

    with quick, their_quick, slow, their_slow:
        slow.sendall(_request(json.dumps(["one of many"] * 192).encode()))
        quick.sendall(_request(b'["single"]'))
        local_model.serve(their_quick, their_slow, embed)
    assert [n for n, texts in enumerate(worked) if texts == 64] == [16, 25, 34]


def test_long_texts_are_few_in_a_piece():
    """A piece is padded to its longest text: the longer, the fewer."""
    worked = []

    def embed(texts):
        worked.append(len(texts))
        return b"v" * len(texts)

    texts = ["short"] * 100 + ["l" * 8_192] * 10
    quick, slow = _served([], [json.dumps(texts).encode()], embed)
    assert (quick, slow) == (b"", ANSWER.pack(VECTORS, 110) + b"v" * 110)
    assert worked == [64, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 2]


async def test_a_single_text_overtakes_a_backfill(embedder):
    """A text asked for after thousands is there before the last of them."""
    await embed(embedder, "ready")
    many = [
        asyncio.ensure_future(embed(embedder, *(f"text {turn} {n}" for n in range(256))))
        for turn in range(16)
    ]
    await asyncio.sleep(0)
    await embed(embedder, "single")
    assert not all(one.done() for one in many)
    await asyncio.gather(*many)


def _request(body):
    return REQUEST.pack(len(body)) + body


def _served(quick, slow, embed):
    """What is answered to requests on either channel, once nobody asks any more."""
    ours, theirs = zip(socket.socketpair(), socket.socketpair(), strict=True)
    answers = []
    with ours[0], ours[1], theirs[0], theirs[1]:
        for channel, requests in zip(ours, (quick, slow), strict=True):
            for one in requests:
                channel.sendall(_request(one))
        ours[0 if quick else 1].shutdown(socket.SHUT_WR)
        local_model.serve(*theirs, embed)
        for channel, other in zip(ours, theirs, strict=True):
            other.shutdown(socket.SHUT_WR)
            answers.append(b"".join(iter(lambda channel=channel: channel.recv(4096), b"")))
    return tuple(answers)


def _state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "empty"), (" \n", "empty"), ("abcd", "at most 3"), ("\udfff", "Unicode")],
)
def test_check_text_names_what_is_wrong(text, words):
    """The argument's name and the reason are in the message."""
    with pytest.raises(InputError, match=words) as raised:
        check_text(text, 3, "query")
    assert raised.value.message.startswith("`query`")
