"""The rounds: replies held against each other first, then one server loaded after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import replies
from bench.figures import GROUPING, Added, Figure, medians
from bench.load import NO_HEADERS, LoadError
from bench.workloads import FLOOR, PLAIT, STRAWBERRY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.load import Wrk
    from bench.servers import Server
    from bench.workloads import ServerName, Workload

CONNECTIONS = 32
MOST_SHORTER = 0.1
"""How much smaller than the checked replies those under load may be on average."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How often and how long, in seconds, each server is loaded under each workload.

    `alone_rounds` and `alone_seconds` hold for one request at a time, where differences are small
    and many short rounds show best what is noise.
    """

    rounds: int
    seconds: int
    warm_up: int
    alone_rounds: int
    alone_seconds: int


@dataclass(frozen=True, slots=True)
class Measurer:
    """Runs a plan. `tell` is called with what is being done, `step` after each timed load.

    `tidy` removes what a workload wrote.
    """

    wrk: Wrk
    plan: Plan
    tell: Callable[[str], None]
    step: Callable[[], None]
    tidy: Callable[[], None]

    def run(self, workload: Workload, servers: Mapping[ServerName, Server]) -> list[Figure]:
        """The medians of each server under a workload.

        Raises `ReplyError` when the two GraphQL servers differ, `LoadError` when a reply under
        load is not the answer.
        """
        bodies = workload.bodies()
        if workload.writes:
            self.tidy()
        self.tell(f"{workload.name}: comparing replies")
        least = checked_size(
            bodies,
            servers[PLAIT],
            servers[STRAWBERRY],
            writes=workload.writes,
            headers=workload.headers,
        )
        for name, server in servers.items():
            self.tell(f"{workload.name}: warming {name} up")
            self._warm(server, bodies, workload.connections, workload.headers)
        found: dict[ServerName, list[Figure]] = {name: [] for name in servers}
        for turn in range(self.plan.rounds):
            for name, server in servers.items():
                self.tell(f"{workload.name}: round {turn + 1}, {name}")
                found[name].append(
                    self._load(workload, name, server, 0.0 if name == FLOOR else least)
                )
                if workload.writes:
                    self.tidy()
                self.step()
        return [medians(rounds) for rounds in found.values()]

    def added_latency(
        self, workload: Workload, with_it: Server, without: Server, what: str = GROUPING
    ) -> Added:
        """What grouping, or proxying, adds to requests that come one after another, by round."""
        bodies = workload.bodies()
        latencies: dict[Server, list[float]] = {with_it: [], without: []}
        for server in latencies:
            self._warm(server, bodies)
        for turn in range(self.plan.alone_rounds):
            for server, seen in latencies.items():
                self.tell(f"{workload.name} alone: round {turn + 1}, {server.name}")
                measured = self.wrk.run(
                    server.url, bodies, seconds=self.plan.alone_seconds, connections=1
                )
                seen.append(measured.p50_ms)
                self.step()
        return Added(workload.name, tuple(latencies[with_it]), tuple(latencies[without]), what)

    def _warm(
        self,
        server: Server,
        bodies: Sequence[str],
        connections: int = CONNECTIONS,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        self.wrk.run(
            server.url,
            bodies,
            seconds=self.plan.warm_up,
            connections=connections,
            watch=True,
            headers=headers,
        )

    def _load(self, workload: Workload, name: ServerName, server: Server, least: float) -> Figure:
        before = server.cpu_seconds()
        measured = self.wrk.run(
            server.url,
            workload.bodies(),
            seconds=self.plan.seconds,
            connections=workload.connections,
            headers=workload.headers,
        )
        used = server.cpu_seconds() - before
        if measured.bytes_each < least:
            raise LoadError(
                f"{name} answered {workload.name} with {measured.bytes_each:.0f} bytes on average "
                f"under load, where at least {least:.0f} were due"
            )
        return Figure(
            workload=workload.name,
            server=name,
            rps=measured.rps,
            p50_ms=measured.p50_ms,
            p99_ms=measured.p99_ms,
            rss_mb=server.rss_mb(),
            cpu_ms=used / measured.requests * 1000,
        )


def checked_size(
    bodies: Sequence[str],
    ours: Server,
    theirs: Server,
    *,
    writes: bool = False,
    headers: Mapping[str, str] = NO_HEADERS,
) -> float:
    """The least bytes a reply may have under load, once both servers gave equal ones to all.

    Replies to what `writes` are equal when their ids follow each other alike.
    """
    at_once = 1 if writes else CONNECTIONS
    pair = [
        replies.ask_all(server.port, server.path, bodies, at_once=at_once, headers=headers)
        for server in (ours, theirs)
    ]
    compared = [[*map(replies.relative, side)] for side in pair] if writes else pair
    replies.compare(bodies, *compared)
    smallest = min(sum(map(len, side)) for side in pair)
    return smallest / len(bodies) * (1 - MOST_SHORTER)
