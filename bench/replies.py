"""Replies: asking a server one by one, and holding two servers' answers against each other."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from bench.load import NO_HEADERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIMEOUT_SECONDS = 15.0
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


class ReplyError(Exception):
    """A reply is not an answer, or two servers do not give the same one."""


def ask(port: int, path: str, body: str, headers: Mapping[str, str] = NO_HEADERS) -> bytes:
    """The reply's body to one POST on loopback. Raises `ReplyError` unless its status is 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", path, body, {**HEADERS, **headers})
        response = connection.getresponse()
        content = response.read()
    except http.client.HTTPException as error:
        raise ReplyError(f"no HTTP reply: {error!r}") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise ReplyError(f"status {response.status}: {content[:400]!r}")
    return content


def ask_all(
    port: int,
    path: str,
    bodies: Sequence[str],
    *,
    at_once: int,
    headers: Mapping[str, str] = NO_HEADERS,
) -> list[bytes]:
    """The replies to all `bodies`, in their order, `at_once` of them under way together."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda body: ask(port, path, body, headers), bodies))


def canonical(reply: bytes) -> str:
    """A reply as one spelling of its JSON: fields in their order, numbers by value, no spaces.

    Raises `ReplyError` when it is not JSON, carries errors or holds no data.
    """
    try:
        parsed = json.loads(reply, parse_float=_number)
    except ValueError as error:
        raise ReplyError(f"not JSON: {reply[:400]!r}") from error
    if not isinstance(parsed, dict) or parsed.get("errors"):
        raise ReplyError(f"errors: {reply[:400]!r}")
    if not parsed.get("data") or None in parsed["data"].values():
        raise ReplyError(f"no data: {reply[:400]!r}")
    return json.dumps(parsed, separators=(",", ":"), ensure_ascii=False)


def relative(reply: bytes) -> bytes:
    """A reply of new rows, each id as its distance from the least: the same whenever it is asked.

    Raises `ReplyError` when it is not a list of rows with ids.
    """
    try:
        ((name, rows),) = json.loads(reply)["data"].items()
        ids = [int(row["id"]) for row in rows]
        least = min(ids)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReplyError(f"no new rows: {reply[:400]!r}") from error
    return json.dumps({"data": {name: [{"id": one - least} for one in ids]}}).encode()


def compare(bodies: Sequence[str], ours: Sequence[bytes], theirs: Sequence[bytes]) -> None:
    """Raise `ReplyError` at the first body to which the two replies differ."""
    for body, left, right in zip(bodies, ours, theirs, strict=True):
        one, other = canonical(left), canonical(right)
        if one != other:
            at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), -1)
            around = slice(max(0, at - 60), at + 60)
            raise ReplyError(
                f"replies differ for {body}\n  ours:   …{one[around]}…\n  theirs: …{other[around]}…"
            )


def _number(text: str) -> Any:
    """JSON knows one kind of number: 1.0 is 1."""
    value = float(text)
    return int(value) if value.is_integer() else value
