"""The local model, in a process of its own: texts come in by a socket, vectors go out.

    python -P local_model.py QUICK SLOW

Both are descriptors of sockets: requests of the first one, eight at most, are answered between the
pieces that those of the second are worked on in. It ends when the other side of a socket is
closed, which is when its owner ends, however that happens. The model's memory, and its hold of the
interpreter's lock, are no concern of the gateway's process. This file is run by its path and
imports nothing of ours.

A request is its length and a JSON list of texts; an answer `VECTORS` with 32-bit little-endian
floats, or `FAILED` with the name of what went wrong.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

REQUEST = struct.Struct("<I")
"""The length of a request."""
ANSWER = struct.Struct("<BI")
"""The kind of an answer, and its length."""
VECTORS, FAILED = 0, 1

PIECE = 64
"""The most texts that the model is given at once: some milliseconds."""
_PIECE_CHARS = 32_768
_TOKENIZER = "l2_supercat_tokenizer_config.json"
_WEIGHTS = "l2_supercat_256.safetensors"
_AT_ONCE = 8
"""The most quick requests that are answered before the next piece of a slow one."""


def serve(quick: socket.socket, slow: socket.socket, embed: Callable[[list[str]], bytes]) -> None:
    """Answer until nobody asks any more.

    An answer is more than the socket holds: the model goes on while it waits to be read. Who asks
    bounds how many requests are under way, and so how many answers wait.
    """
    with (
        ThreadPoolExecutor(1) as to_quick,
        ThreadPoolExecutor(1) as to_slow,
        suppress(ConnectionError),
    ):

        def attend() -> None:
            for _ in range(_AT_ONCE):
                if not _asked(quick):
                    return
                _answer(quick, to_quick, embed, lambda: None)

        while True:
            select.select((quick, slow), (), ())
            attend()
            if _asked(slow):
                _answer(slow, to_slow, embed, attend)


def _answer(
    channel: socket.socket,
    sender: Executor,
    embed: Callable[[list[str]], bytes],
    between: Callable[[], None],
) -> None:
    """Answer a request, with a look at others before each piece. Raises `ConnectionError`."""
    body = _received(channel, *REQUEST.unpack(_received(channel, REQUEST.size)))
    parts: list[bytes] = []
    kind = VECTORS
    try:
        for piece in _pieces(json.loads(body)):
            between()
            parts.append(embed(piece))
    except ConnectionError:
        raise
    except Exception as error:  # noqa: BLE001 - told to those who asked
        kind, parts = FAILED, [type(error).__name__.encode()]
    sender.submit(channel.sendall, ANSWER.pack(kind, sum(map(len, parts))) + b"".join(parts))


def _pieces(texts: list[str]) -> Iterator[list[str]]:
    """What the model is given at once: it is padded to its longest text."""
    start = 0
    while piece := texts[start : start + PIECE]:
        most = max(1, _PIECE_CHARS // max(len(text) or 1 for text in piece))
        yield piece[:most]
        start += len(piece[:most])


def _asked(channel: socket.socket) -> bool:
    return bool(select.select((channel,), (), (), 0)[0])


def _model() -> Callable[[list[str]], bytes]:
    """WordLlama's model: a text's vector has the direction of the mean of its tokens' vectors.

    Of the package of that name only the files are read.
    """
    import numpy as np  # noqa: PLC0415 - after `main` has prepared
    from safetensors.numpy import load_file  # noqa: PLC0415
    from tokenizers import Tokenizer  # noqa: PLC0415

    package = find_spec("wordllama")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(name="wordllama")
    folder = Path(package.origin).parent
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / _TOKENIZER))
    tokenizer.enable_padding()
    tokenizer.no_truncation()
    weights = load_file(folder / "weights" / _WEIGHTS)["embedding.weight"].astype(np.float32)

    def embed(texts: list[str]) -> bytes:
        encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
        tokens = np.array([one.ids for one in encoded], dtype=np.int32)
        counted = np.array([one.attention_mask for one in encoded], dtype=np.float32)
        rows = (weights[tokens] * counted[..., np.newaxis]).sum(axis=1)
        rows /= np.maximum(counted.sum(axis=1, keepdims=True), 1)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: bytes = (rows / np.where(lengths == 0, 1, lengths)).astype("<f4").tobytes()
        return unit

    return embed


def _received(channel: socket.socket, size: int) -> bytes:
    """The next `size` bytes. Raises `ConnectionError` where there are no more."""
    data = bytearray()
    while len(data) < size:
        part = channel.recv(size - len(data))
        if not part:
            raise ConnectionResetError
        data += part
    return bytes(data)


def main(quick: int, slow: int) -> None:
    """Answer on the sockets of these descriptors."""
    # The owner ends us, when it needs us no more: these reach every process of a terminal or unit.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # One processor is ours. Several threads were no faster beside a busy gateway.
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "OPENBLAS_NUM_THREADS": "1"}
    with socket.socket(fileno=quick) as one, socket.socket(fileno=slow) as other:
        serve(one, other, _model())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
