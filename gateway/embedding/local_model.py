"""The local model, in a process of its own: texts come in by a socket, vectors go out.

    python -P local_model.py DESCRIPTOR

It ends when the other side of the socket is closed, which is when its owner ends, however that
happens. What the package of the model does, its memory and its hold of the interpreter's lock, is
no concern of the gateway's process. This file is run by its path and imports nothing of ours.

A request is its length and a JSON list of texts; an answer `VECTORS` with 32-bit little-endian
floats, or `FAILED` with the name of what went wrong.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

REQUEST = struct.Struct("<I")
"""The length of a request."""
ANSWER = struct.Struct("<BI")
"""The kind of an answer, and its length."""
VECTORS, FAILED = 0, 1

_BATCH = 64
_BATCH_CHARS = 32_768


def serve(channel: socket.socket, embed: Callable[[list[str]], bytes]) -> None:
    """Answer until nobody asks any more.

    An answer is more than the socket holds: the model goes on while it waits to be read. Who asks
    bounds how many requests are under way, and so how many answers wait.
    """
    with ThreadPoolExecutor(1) as sender:
        while head := _received(channel, REQUEST.size):
            body = _received(channel, *REQUEST.unpack(head))
            if body is None:
                return
            try:
                kind, answer = VECTORS, embed(json.loads(body))
            except Exception as error:  # noqa: BLE001 - told to those who asked
                kind, answer = FAILED, type(error).__name__.encode()
            sender.submit(channel.sendall, ANSWER.pack(kind, len(answer)) + answer)


def _load() -> Any:
    # A package of 19 MB without type hints, which brings its weights.
    import wordllama  # type: ignore[import-untyped]  # noqa: PLC0415 - after `main` has prepared

    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, disable_download=True)


def _vectors(model: Any, texts: list[str]) -> bytes:
    import numpy as np  # noqa: PLC0415 - after `main` has prepared

    # A batch is padded to its longest text: the longer, the fewer at a time.
    batch = max(1, min(_BATCH, _BATCH_CHARS // max(len(text) or 1 for text in texts)))
    rows = model.embed(texts, norm=False, batch_size=batch)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: bytes = (rows / np.where(lengths == 0, 1, lengths)).astype("<f4").tobytes()
    return unit


def _received(channel: socket.socket, size: int) -> bytes | None:
    """The next `size` bytes; None where there are no more."""
    data = bytearray()
    while len(data) < size:
        part = channel.recv(size - len(data))
        if not part:
            return None
        data += part
    return bytes(data)


def main(descriptor: int) -> None:
    """Answer on the socket of this descriptor."""
    # The owner ends us, when it needs us no more: these reach every process of a terminal or unit.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # One processor is ours. Several threads were no faster beside a busy gateway.
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "OPENBLAS_NUM_THREADS": "1"}
    logging.basicConfig(level=logging.WARNING)  # before the package sets it to INFO
    with socket.socket(fileno=descriptor) as channel:
        try:
            serve(channel, partial(_vectors, _load()))
        except ConnectionError:
            return


if __name__ == "__main__":
    main(int(sys.argv[1]))
