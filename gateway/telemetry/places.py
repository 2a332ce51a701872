"""Where a source is, in the words of OpenTelemetry's conventions: no login, no password, no query.

https://opentelemetry.io/docs/specs/semconv/registry/attributes/server/
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

Place: TypeAlias = dict[str, str | int]

WEB: Mapping[str, int] = MappingProxyType({"http": 80, "https": 443})


def place_of(
    url: str, ports: Mapping[str, int] = WEB, *, port: int | None = None, named: bool = False
) -> Place:
    """`server.address`, `server.port` and, where `named`, `db.namespace`, as far as a URL tells.

    `ports`: the schemes that it may have, each with the port that stands for none. `port` is the
    one that is spoken to where that is not the URL's. `named`: its path is the name of a database.
    Nothing of a URL that names several servers, or sentinels that know it, or whose password is not
    quoted, so that it could be taken for a host or a name.
    """
    try:
        parts = urlsplit(url)
        found = port or parts.port or ports.get(parts.scheme)
    except ValueError:
        return {}
    several = "," in parts.netloc.rpartition("@")[2] or parts.scheme not in ports
    if several or url.count("@") != parts.netloc.count("@"):
        return {}
    host = parts.hostname or parse_qs(parts.query).get("host", [""])[0]
    place: Place = {}
    if host:
        place["server.address"] = host
        if found and not host.startswith("/"):
            place["server.port"] = found
    if named and (name := unquote(parts.path.strip("/"))):
        place["db.namespace"] = name
    return place
