"""Keeps pages of other sites from having a browser run queries with its user's standing.

A POST must be `application/json`, for which a browser asks first (a preflight, granted to the pages
of `serve.origins` alone), or a form with a header for which it would have to. A GET needs no such
permission, so one that a browser sends on behalf of another site, whichever it is, must carry proof
that its sender may set headers. Programs that are not browsers are not asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import Code, RequestError
from gateway.transport.request import is_json

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFLIGHT_HEADERS = (
    b"graphql-require-preflight",
    b"apollo-require-preflight",
    b"x-apollo-operation-name",
)
"""Any of these, not empty, proves that a request was preflighted or is no browser's."""

_OWN_SITES = frozenset({b"same-origin", b"none"})


def require_intent(headers: Mapping[bytes, bytes]) -> None:
    """Raise `RequestError` if a GET may have been sent by another site's page.

    CSRF_REFUSED for a browser's cross-site GET without proof; UNSUPPORTED_MEDIA_TYPE for a GET
    with a Content-Type other than JSON (one that a form could send).
    """
    content_type = headers.get(b"content-type")
    if content_type is not None:
        if is_json(content_type):
            return
        raise RequestError(
            "A GET with a Content-Type must say application/json.",
            code=Code.UNSUPPORTED_MEDIA_TYPE,
        )
    if _from_elsewhere(headers) and not any(headers.get(name) for name in PREFLIGHT_HEADERS):
        raise RequestError(
            "A GET from another site must carry the header graphql-require-preflight.",
            code=Code.CSRF_REFUSED,
        )


def require_preflight(headers: Mapping[bytes, bytes]) -> None:
    """Raise `RequestError` (CSRF_REFUSED) for a form that any page could have sent."""
    if not any(headers.get(name) for name in PREFLIGHT_HEADERS):
        raise RequestError(
            "A form must carry the header graphql-require-preflight.", code=Code.CSRF_REFUSED
        )


def _from_elsewhere(headers: Mapping[bytes, bytes]) -> bool:
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site not in _OWN_SITES
    # Browsers too old to tell the site send an Origin with cross-origin requests of scripts.
    return b"origin" in headers
