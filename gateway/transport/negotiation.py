"""Which media type a response has, by the Accept header and the GraphQL-over-HTTP specification."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from gateway.errors import HTTP_STATUS, Code, RequestError
from gateway.execution.incremental.formats import Form
from gateway.transport.framing import MULTIPART, SSE

if TYPE_CHECKING:
    from gateway.transport.framing import Framing

_MAX_ACCEPT_BYTES = 1_024
_MAX_RANGES = 32


@dataclass(frozen=True, slots=True)
class MediaType:
    """A response media type. `lenient`: errors of a well-formed request are status 200.

    `parts`: how an answer in parts may be written instead, None where the client takes none.
    `live`: how the answers of a subscription may be.
    """

    content_type: bytes
    lenient: bool
    parts: Form | None = None
    live: Framing | None = None

    def status(self, code: Code | None) -> int:
        """The HTTP status of a response of which nothing was executed."""
        if code is None:
            return 500
        if self.lenient and code in _REQUEST_ERRORS:
            return 200
        return HTTP_STATUS[code]


_REQUEST_ERRORS = frozenset(
    {
        Code.GRAPHQL_PARSE_FAILED,
        Code.GRAPHQL_VALIDATION_FAILED,
        Code.OPERATION_RESOLUTION_FAILURE,
        Code.BAD_USER_INPUT,
    }
)

GRAPHQL = MediaType(b"application/graphql-response+json; charset=utf-8", lenient=False)
LEGACY = MediaType(b"application/json; charset=utf-8", lenient=True)
DEFAULT = MediaType(b"application/json; charset=utf-8", lenient=False)
"""For clients that take anything: the type the specification asks for, with honest statuses.

The lenient 200 is for those that ask for `application/json` by name, as the specification wants
it for them; one that asks for nothing in particular learns from the status that it was refused.
"""

EVENT_STREAM = replace(DEFAULT, live=SSE)
"""Answers as they come; what is refused before the first is JSON all the same."""

_OFFERS: dict[tuple[bytes, bytes], MediaType] = {
    (b"application", b"graphql-response+json"): GRAPHQL,
    (b"application", b"json"): LEGACY,
    (b"application", b"*"): DEFAULT,
    (b"*", b"*"): DEFAULT,
    (b"text", b"event-stream"): EVENT_STREAM,
}
_MIXED = (b"multipart", b"mixed")
_FORMS: dict[tuple[bytes, bytes], Form | Framing] = {
    (b"deferspec", b"20220824"): Form.LEGACY,
    (b"incrementalspec", b"v0.2"): Form.CURRENT,
    (b"subscriptionspec", b"1.0"): MULTIPART,
}
_RANK = {GRAPHQL: 3, LEGACY: 2, DEFAULT: 1, EVENT_STREAM: 0}


@lru_cache(maxsize=256)
def negotiate(accept: bytes | None) -> MediaType:
    """Choose the response media type: highest quality first, then the most specific.

    Whoever takes `multipart/mixed` too gets that where an answer has parts, or a subscription more
    than one, and only there. Raises `RequestError` (NOT_ACCEPTABLE) if nothing we can write is
    acceptable.
    """
    if accept is None or not accept.strip():
        return DEFAULT
    if len(accept) > _MAX_ACCEPT_BYTES:
        raise _refused()
    ranges = accept.lower().split(b",")[:_MAX_RANGES]
    candidates = [
        (quality, _RANK[offer], offer)
        for quality, offer in map(_range, ranges)
        if offer is not None and quality > 0
    ]
    forms = [form for form in map(_form, ranges) if form is not None]
    if not candidates and not forms:
        raise _refused()
    best = max(candidates, key=lambda candidate: candidate[:2])[2] if candidates else DEFAULT
    if best is EVENT_STREAM or not forms:
        return best
    parts = next((form for form in forms if isinstance(form, Form)), None)
    return replace(best, parts=parts, live=MULTIPART if MULTIPART in forms else None)


def _form(text: bytes) -> Form | Framing | None:
    """How a client that takes `multipart/mixed` reads it; the older way where it does not say."""
    media_range, *parameters = (part.strip() for part in text.split(b";"))
    if media_range.partition(b"/")[::2] != _MIXED:
        return None
    found: Form | Framing | None = Form.LEGACY
    for parameter in parameters:
        name, _, value = (part.strip() for part in parameter.partition(b"="))
        if name == b"q" and not _quality(value):
            return None
        if name.endswith(b"spec"):
            found = _FORMS.get((name, value.strip(b'"')))
    return found


def _range(text: bytes) -> tuple[float, MediaType | None]:
    media_range, *parameters = (part.strip() for part in text.split(b";"))
    type_, _, subtype = media_range.partition(b"/")
    quality = 1.0
    for name, _, value in (parameter.partition(b"=") for parameter in parameters):
        if name.strip() == b"q":
            quality = _quality(value.strip())
        elif name.strip() == b"charset" and value.strip().strip(b'"') not in {b"utf-8", b"utf8"}:
            return 0.0, None
    return quality, _OFFERS.get((type_, subtype))


def _quality(value: bytes) -> float:
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0


def _refused() -> RequestError:
    return RequestError(
        "Responses are application/graphql-response+json, application/json, text/event-stream "
        "or, in parts, multipart/mixed.",
        code=Code.NOT_ACCEPTABLE,
    )
