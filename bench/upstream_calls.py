"""How often an upstream is asked: once for all rows of a list, whatever their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.replies import ReplyError, ask
from bench.upstream_server import ASKED
from bench.workloads import WORKLOADS

if TYPE_CHECKING:
    from bench.servers import Server

JOINING = [workload for workload in WORKLOADS if workload.name in {"W6", "D1"}]


def check_calls(gateway: Server, upstream: Server) -> None:
    """Raise `ReplyError` unless one request for joined rows is one request to the upstream."""
    ask(upstream.port, ASKED, "")
    for workload in JOINING:
        for body in workload.bodies():
            ask(gateway.port, gateway.path, body)
        asked = int(ask(upstream.port, ASKED, ""))
        if asked != len(workload.bodies()):
            raise ReplyError(
                f"{workload.name} asked its upstream {asked} times a request, not once"
            )
