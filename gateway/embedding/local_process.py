"""The local model's process, from the gateway's side: started, asked, ended.

Several requests may be under way: the model begins the next one when it has done one, and answers
come in the order of the requests.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import weakref
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from gateway.embedding.local_model import ANSWER, FAILED, REQUEST
from gateway.errors import ConfigurationError, SourceError, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = Path(__file__).with_name("local_model.py")
UNDER_WAY = 8
"""Requests that may be under way at once; more wait for their turn."""
SILENCE = 20.0
"""Seconds without an answer after which the process is taken for lost."""
_END_SECONDS = 2.0


class ModelProcess:
    """A process of the local model. It ends with this object, or with us.

    Raises `ConfigurationError` where the model's package is not installed.
    """

    def __init__(self) -> None:
        if find_spec("wordllama") is None:
            raise ConfigurationError(
                "the local embedder needs the package wordllama; install plait[demo]"
            )
        self.ended = False
        self._exchanges: set[asyncio.Task[bytes]] = set()
        self._heard = 0.0
        self._attend(asyncio.get_running_loop())
        ours, theirs = socket.socketpair()
        with theirs:
            # Our own interpreter and program, a descriptor for its argument.
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", str(PROGRAM), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        ours.settimeout(0)
        self.pid = process.pid
        self._socket = ours
        self._finish = weakref.finalize(self, _finish, process, ours)

    def serves(self) -> bool:
        """Whether it can be asked: not where it has ended, or another event loop asks it."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop and not self._exchanges:
            self._attend(loop)
        return loop is self._loop and not self.ended

    async def ask(self, texts: Sequence[str]) -> bytes:
        """The vectors of texts, as 32-bit little-endian floats one after the other.

        Who is cancelled leaves; the request goes on, for its answer comes all the same. Raises
        `SourceUnavailable` where the process has ended, `SourceError` where the model fails.
        """
        await self._turns.acquire()
        if not self._exchanges:
            self._heard = self._loop.time()
        exchange = asyncio.ensure_future(self._exchange(orjson.dumps(list(texts))))
        self._exchanges.add(exchange)
        exchange.add_done_callback(self._over)
        return await asyncio.shield(exchange)

    def end(self) -> None:
        """End the process, and all that is under way with it; idempotent."""
        if self.ended:
            return
        self.ended = True
        with suppress(OSError):  # those who read and write it find that it has ended
            self._socket.shutdown(socket.SHUT_RDWR)
        if not self._exchanges or self._loop.is_closed():
            self._finish()

    def end_if_silent(self) -> None:
        """End the process where it has not answered for `SILENCE` though it was asked."""
        if self._exchanges and self._loop.time() - self._heard > SILENCE:
            self.end()

    def _attend(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._turns = asyncio.Semaphore(UNDER_WAY)
        self._sending = asyncio.Lock()
        self._receiving = asyncio.Lock()

    def _over(self, exchange: asyncio.Task[bytes]) -> None:
        self._exchanges.discard(exchange)
        self._turns.release()
        if exchange.cancelled():
            self.end()
        else:
            exchange.exception()  # looked at, for nobody may wait for it any more
        if self.ended and not self._exchanges:
            self._finish()

    async def _exchange(self, request: bytes) -> bytes:
        try:
            async with self._sending:
                await self._loop.sock_sendall(self._socket, REQUEST.pack(len(request)) + request)
            # Nothing is awaited in between, so that answers are taken in the order of requests.
            async with self._receiving:
                kind, size = ANSWER.unpack(await self._received(ANSWER.size))
                answer = await self._received(size)
        except OSError as error:
            self.end()
            raise SourceUnavailable(
                "the local embedding model's process ended; the next request starts it again"
            ) from error
        self._heard = self._loop.time()
        if kind == FAILED:
            raise SourceError(f"the local embedding model failed: {answer.decode()}")
        return answer

    async def _received(self, size: int) -> bytes:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            count = await self._loop.sock_recv_into(self._socket, view)
            if not count:
                raise ConnectionResetError
            view = view[count:]
        return bytes(data)


def _finish(process: subprocess.Popen[bytes], channel: socket.socket) -> None:
    channel.close()
    process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
