"""Which other sites' pages may ask, and read the answers (CORS, as the Fetch standard has it).

Cookies are none of our credentials, and what a page sets as a header needs no leave to send
"credentials" in a browser's sense: so there is none, for any origin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware

from gateway.telemetry.propagation import TRACE_HEADERS
from gateway.transport.csrf import PREFLIGHT_HEADERS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from starlette.types import ASGIApp

_SENT = (
    "apollographql-client-name",
    "apollographql-client-version",
    "if-none-match",
    "x-apollo-operation-id",
    *(name.decode() for name in PREFLIGHT_HEADERS),
    *TRACE_HEADERS,
)
"""The request headers of GraphQL clients for which a browser asks, beside Content-Type."""

_EXPOSED = ("Age", "ETag", "Mcp-Session-Id", "Retry-After", "WWW-Authenticate")
_MAX_AGE_SECONDS = 600


def open_to(origins: Collection[str], app: ASGIApp, headers: Iterable[str]) -> ASGIApp:
    """`app` for pages of these origins, in lower case, too; `*` among them stands for any.

    `headers`: what requests may carry beside the headers that GraphQL clients send. A preflight is
    answered here and never reaches `app`.
    """
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("GET", "POST", "OPTIONS"),
        allow_headers=(*_SENT, *headers),
        expose_headers=_EXPOSED,
        max_age=_MAX_AGE_SECONDS,
    )
