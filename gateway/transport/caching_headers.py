"""What caches in front of us are told about an answer to a GET (RFC 9110, 9111 and 5861)."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from gateway.telemetry.propagation import TRACE_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.execution.exchange import Freshness

Lines = list[tuple[bytes, bytes]]
"""Header lines, names in lower case."""

NO_STORE: Lines = [(b"cache-control", b"no-store")]
"""For everything that was not declared as cacheable, for errors and for partial answers."""

_TAG_BYTES = 16
_MAX_CONDITION_BYTES = 8_192


def varying(names: Iterable[str]) -> bytes:
    """The value of `Vary`: the request headers on which answers hang, each once.

    The trace context goes on to sources, and changes no answer.
    """
    given = (name.title() for name in names if name.lower() not in TRACE_HEADERS)
    return ", ".join(dict.fromkeys(given)).encode("latin-1")


def entity_tag(body: bytes, content_type: bytes) -> bytes:
    """A strong `ETag`: equal for equal bytes of one media type alone."""
    digest = blake2b(body, digest_size=_TAG_BYTES, key=blake2b(content_type).digest()).hexdigest()
    return f'"{digest}"'.encode()


def caching_headers(freshness: Freshness, tag: bytes, vary: bytes) -> Lines:
    """How long the answer may be kept, by whom, and under which name."""
    lines = [
        (b"cache-control", freshness.policy.header(shared=freshness.shared).encode()),
        (b"etag", tag),
        (b"vary", vary),
    ]
    if freshness.age:
        lines.append((b"age", b"%d" % freshness.age))
    return lines


def is_known(condition: bytes | None, tag: bytes) -> bool:
    """Whether the client has the answer of that tag, as its `If-None-Match` says.

    Tags are compared weakly, as RFC 9110 wants it here; what is no list of tags matches nothing.
    """
    if condition is None or len(condition) > _MAX_CONDITION_BYTES:
        return False
    if condition.strip() == b"*":
        return True
    return any(one.strip().removeprefix(b"W/") == tag for one in condition.split(b","))
