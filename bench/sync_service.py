"""A service of embeddings that takes next to nothing of this machine, for `python -m bench sync`.

It speaks OpenAI's protocol over HTTP; its vectors are ready, after their time: one call after the
other, as one accelerator does them.

    python -m bench.sync_service RATE

It says its port when it serves, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import subprocess
import sys
from array import array
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson
import uvicorn

if TYPE_CHECKING:
    from collections.abc import Iterator

DIMENSIONS = 256
_NUMBERS = [index % 17 - 8.0 for index in range(DIMENSIONS)]
_VECTORS = {
    "float": orjson.dumps(_NUMBERS),
    "base64": orjson.dumps(base64.b64encode(array("f", _NUMBERS).tobytes()).decode()),
}


class Service:
    """The ASGI application: `rate` texts a second."""

    def __init__(self, rate: float) -> None:
        self._seconds = 1 / rate
        self._free_at = 0.0

    async def __call__(self, _: Any, receive: Any, send: Any) -> None:
        """Answer a call for embeddings."""
        asked, more = b"", True
        while more:
            message = await receive()
            asked += message["body"]
            more = message.get("more_body", False)
        body = orjson.loads(asked)
        vector = _VECTORS[body["encoding_format"]]
        data = [
            b'{"object":"embedding","index":%d,"embedding":%s}' % (index, vector)
            for index in range(len(body["input"]))
        ]
        answer = b'{"object":"list","data":[' + b",".join(data) + b"]}"
        loop = asyncio.get_running_loop()
        self._free_at = max(self._free_at, loop.time()) + len(data) * self._seconds
        await asyncio.sleep(self._free_at - loop.time())
        head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": answer})


@contextmanager
def serving(rate: float) -> Iterator[str]:
    """The service in a process of its own, by its address."""
    # Our own interpreter and module.
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", __name__, str(rate)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            port = int(process.stdout.readline()) if process.stdout else 0
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


async def _serve(rate: float) -> None:
    loop = asyncio.get_running_loop()
    config = uvicorn.Config(Service(rate), log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        print(listener.getsockname()[1], flush=True)  # noqa: T201 - what its starter waits for
        await loop.run_in_executor(None, sys.stdin.read)
        server.should_exit = True
        await serving


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
