"""Where a Qdrant server is and how to be let in."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gateway.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Address:
    """`url` is the REST address; `grpc_port` the port for gRPC on the same host, None for REST."""

    url: str = field(repr=False)
    grpc_port: int | None
    api_key: str | None = field(repr=False)


def checked_address(name: str, url: str, grpc_port: int | None, api_key: str | None) -> Address:
    """The address of source `name`.

    Raises `ConfigurationError` for one that is not `http(s)://host[:port]`; it is not repeated,
    since it may hold a password.
    """
    try:
        parts = urlsplit(url)
        plain = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        valid = plain and parts.scheme in ("http", "https")
    except ValueError:
        valid = False
    if not valid:
        raise ConfigurationError(f"source {name!r}: the url must be http(s)://host[:port]")
    return Address(url, grpc_port, api_key)
