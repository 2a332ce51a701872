"""The floor: what uvicorn costs when the application does nothing.

Reads the body and answers fixed bytes; `/bytes/<n>` answers so many of them. No Python GraphQL
server under the same uvicorn can be faster, so a ratio against it says how much of the machine is
left for GraphQL.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any

    Message: TypeAlias = MutableMapping[str, Any]

REPLY = b'{"data":{"__typename":"Query"}}'
SIZED = "/bytes/"

Headers: TypeAlias = list[tuple[bytes, bytes]]


@lru_cache
def _answer(path: str) -> tuple[bytes, Headers]:
    """The body for a path, and the headers that go with it."""
    body = REPLY
    if path.startswith(SIZED):
        frame = b'{"data":"%b"}'
        body = frame % (b"x" * (int(path.removeprefix(SIZED)) - len(frame % b"")))
    return body, [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer every HTTP request with the same bytes, after its whole body was read."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    body, headers = _answer(scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
