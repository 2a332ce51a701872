"""Who counts as one client: a subject of one tenant, else an address."""

from __future__ import annotations

import hashlib
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Scope

    from gateway.viewer import Viewer

_IPV6_PREFIX = 64
"""Bits of an IPv6 address that tell clients apart: one of them has all the rest."""
_UNKNOWN = "unknown"


class Clients:
    """Names clients, the same ones the same way.

    `header`: where a proxy of ours puts the client's address, behind what the client itself
    claimed; empty for no proxy.
    """

    def __init__(self, header: str = "") -> None:
        self._header = header.lower().encode()

    def name(self, viewer: Viewer | None, scope: Scope) -> str:
        """The client's name: hashed, as a subject may hold anything and be as long as it likes.

        Without a viewer, as nobody knows yet who it is, that of its address.
        """
        if viewer is not None and viewer.subject is not None:
            # Neither holds a line break, so no two clients have one name.
            name = f"subject {viewer.tenant or ''}\n{viewer.subject}"
        else:
            name = f"address {self._address(scope)}"
        return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()

    def _address(self, scope: Scope) -> str:
        given = scope.get("client")
        text = given[0] if given else _UNKNOWN
        if self._header:
            lines = [value for name, value in scope["headers"] if name == self._header]
            if lines:  # the proxy's own word is the last
                text = lines[-1].decode("latin-1").rpartition(",")[2].strip()
        try:
            address = ip_address(text)
        except ValueError:
            return _UNKNOWN
        if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
            return str(ip_network((address, _IPV6_PREFIX), strict=False))
        return str(address)
