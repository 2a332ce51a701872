"""What agents are offered, by the Model Context Protocol."""

from typing import Annotated

from msgspec import Meta

from gateway.settings.section import Section


class Mcp(Section, frozen=True, kw_only=True):
    """Operations as tools of agents; needs the extra `mcp`."""

    enabled: bool = False
    """Offer the operations of `documents.manifest` as tools."""
    path: Annotated[
        str, Meta(pattern=r"^/(?!(graphi?ql|health|metrics)(/|$))[\w.~-]+(/[\w.~-]+)*$")
    ] = "/mcp"
    """Where they are offered; none of the gateway's own paths."""
    mutations: bool = False
    """Offer those that write, too."""
    explore: bool = False
    """Let agents search the schema, and run queries of their own."""
    max_bytes: Annotated[int, Meta(ge=1024, le=1 << 28)] = 256 << 10
    """Bytes of the largest answer that is given."""
