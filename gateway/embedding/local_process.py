"""The local model's process, from the gateway's side: started, asked, ended.

Several requests may be under way: the model begins the next one when it has done one, and answers
come in the order of the requests. Those of few texts have a channel of their own, and do not wait
for those of many.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import weakref
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from gateway.embedding.local_model import ANSWER, FAILED, PIECE, REQUEST
from gateway.errors import ConfigurationError, SourceError, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = Path(__file__).with_name("local_model.py")
UNDER_WAY = 8
"""Requests that may be under way at once on a channel; more wait for their turn."""
SILENCE = 20.0
"""Seconds without an answer after which the process is taken for lost."""
_END_SECONDS = 2.0


class _Channel:
    """A socket to the model. Answers come in the order of the requests."""

    def __init__(self, socket_: socket.socket) -> None:
        socket_.settimeout(0)
        self.socket = socket_

    def attend(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve this event loop from now on."""
        self._loop = loop
        self.turns = asyncio.Semaphore(UNDER_WAY)
        self._sending = asyncio.Lock()
        self._receiving = asyncio.Lock()

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """The kind of the answer, and the answer. Raises `OSError` where the process has ended."""
        async with self._sending:
            await self._loop.sock_sendall(self.socket, REQUEST.pack(len(request)) + request)
        # Nothing is awaited in between, so that answers are taken in the order of requests.
        async with self._receiving:
            kind, size = ANSWER.unpack(await self._received(ANSWER.size))
            return kind, await self._received(size)

    async def _received(self, size: int) -> bytes:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            count = await self._loop.sock_recv_into(self.socket, view)
            if not count:
                raise ConnectionResetError
            view = view[count:]
        return bytes(data)


def installed() -> bool:
    """Whether there is a local model; a production install has none."""
    return find_spec("wordllama") is not None


class ModelProcess:
    """A process of the local model. It ends with this object, or with us.

    Raises `ConfigurationError` where the model's package is not installed.
    """

    def __init__(self) -> None:
        if not installed():
            raise ConfigurationError(
                "the local embedder needs the package wordllama; install plait[demo], "
                "or name a service by embedding.kind"
            )
        self.ended = False
        self._exchanges: set[asyncio.Task[bytes]] = set()
        self._heard = 0.0
        quick, their_quick = socket.socketpair()
        slow, their_slow = socket.socketpair()
        with their_quick, their_slow:
            descriptors = their_quick.fileno(), their_slow.fileno()
            # Our own interpreter and program, descriptors for its arguments.
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", str(PROGRAM), *map(str, descriptors)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=descriptors,
                start_new_session=True,  # what a terminal sends is for us, who end it
            )
        self.pid = process.pid
        self._quick, self._slow = _Channel(quick), _Channel(slow)
        self._attend(asyncio.get_running_loop())
        self._finish = weakref.finalize(self, _finish, process, quick, slow)

    def serves(self) -> bool:
        """Whether it can be asked: not where it has ended, or another event loop asks it."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop and not self._exchanges:
            self._attend(loop)
        return loop is self._loop and not self.ended

    async def ask(self, texts: Sequence[str]) -> bytes:
        """The vectors of texts, as 32-bit little-endian floats one after the other.

        Up to `PIECE` texts do not wait for requests of more. Who is cancelled leaves; the request
        goes on, for its answer comes all the same. Raises `SourceUnavailable` where the process has
        ended, `SourceError` where the model fails.
        """
        channel = self._quick if len(texts) <= PIECE else self._slow
        await channel.turns.acquire()
        if not self._exchanges:
            self._heard = self._loop.time()
        exchange = asyncio.ensure_future(self._exchange(channel, orjson.dumps(list(texts))))
        self._exchanges.add(exchange)
        exchange.add_done_callback(partial(self._over, channel))
        return await asyncio.shield(exchange)

    def end(self) -> None:
        """End the process, and all that is under way with it; idempotent."""
        if self.ended:
            return
        self.ended = True
        for channel in (self._quick, self._slow):
            with suppress(OSError):  # those who read and write it find that it has ended
                channel.socket.shutdown(socket.SHUT_RDWR)
        if not self._exchanges or self._loop.is_closed():
            self._finish()

    def end_if_silent(self) -> None:
        """End the process where it has not answered for `SILENCE` though it was asked."""
        if self._exchanges and self._loop.time() - self._heard > SILENCE:
            self.end()

    def _attend(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._quick.attend(loop)
        self._slow.attend(loop)

    def _over(self, channel: _Channel, exchange: asyncio.Task[bytes]) -> None:
        self._exchanges.discard(exchange)
        channel.turns.release()
        if exchange.cancelled():
            self.end()
        else:
            exchange.exception()  # looked at, for nobody may wait for it any more
        if self.ended and not self._exchanges:
            self._finish()

    async def _exchange(self, channel: _Channel, request: bytes) -> bytes:
        try:
            kind, answer = await channel.exchange(request)
        except OSError as error:
            self.end()
            raise SourceUnavailable(
                "the local embedding model's process ended; the next request starts it again"
            ) from error
        self._heard = self._loop.time()
        if kind == FAILED:
            raise SourceError(f"the local embedding model failed: {answer.decode()}")
        return answer


def _finish(process: subprocess.Popen[bytes], *channels: socket.socket) -> None:
    for channel in channels:
        channel.close()
    process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
