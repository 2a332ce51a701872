"""Where a source is, in the words of OpenTelemetry's conventions: no login, no password, no query.

https://opentelemetry.io/docs/specs/semconv/registry/attributes/server/
"""

from __future__ import annotations

from typing import TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

Place: TypeAlias = dict[str, str | int]

_PORTS = {
    **dict.fromkeys(("postgres", "postgresql"), 5432),
    **dict.fromkeys(("redis", "rediss"), 6379),
    "http": 80,
    "https": 443,
}
_DATABASES = frozenset(_PORTS) - {"http", "https"}


def place_of(url: str, port: int | None = None) -> Place:
    """`server.address`, `server.port` and `db.namespace`, as far as the URL of a source tells.

    `port` is the one that is spoken to where that is not the URL's. Nothing of a URL that names
    several servers, or sentinels that know it, or whose password is not quoted, so that it could be
    taken for a host or a name.
    """
    try:
        parts = urlsplit(url)
        found = port or parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return {}
    several = "," in parts.netloc.rpartition("@")[2] or parts.scheme not in _PORTS
    if several or url.count("@") != parts.netloc.count("@"):
        return {}
    host = parts.hostname or parse_qs(parts.query).get("host", [""])[0]
    place: Place = {}
    if host:
        place["server.address"] = host
        if found and not host.startswith("/"):
            place["server.port"] = found
    if parts.scheme in _DATABASES and (name := unquote(parts.path.strip("/"))):
        place["db.namespace"] = name
    return place
