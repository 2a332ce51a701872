"""`WWW-Authenticate`: what was wrong with a request's credentials, as RFC 6750 section 3 has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import Code, CredentialsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_BEARER = b"bearer "
_PLAIN = 'Bearer realm="graphql"'


def challenges(
    code: Code | None, headers: Mapping[bytes, bytes], refused: Exception | None = None
) -> list[tuple[bytes, bytes]]:
    """The header for an answer with that code; none where credentials are not what is wrong.

    `headers` are the request's, `refused` is why its credentials are no good, if they are not.
    Who sent no token is told of no error: then there is none, and only the way in is shown.
    """
    said = _PLAIN
    if isinstance(refused, CredentialsError) and refused.fault:
        said += f', error="{refused.fault}", error_description="{refused.message}"'
    elif code is Code.FORBIDDEN and _bears(headers):
        said += ', error="insufficient_scope"'
    elif code is not Code.UNAUTHENTICATED:
        return []
    return [(b"www-authenticate", said.encode())]


def _bears(headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"authorization", b"")[: len(_BEARER)].lower() == _BEARER
